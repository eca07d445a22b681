"""Augmentations of clips, for a whole batch on its device."""

from vidmask.data.augmentation.base import ClipAugmentation
from vidmask.data.augmentation.blur import GaussianBlur
from vidmask.data.augmentation.chain import flip_and_others
from vidmask.data.augmentation.colour import ColorJitter, RandomGrayscale
from vidmask.data.augmentation.erasing import RandomErasing
from vidmask.data.augmentation.flip import RandomFlip
from vidmask.data.augmentation.randaugment import RandAugment

__all__ = [
    "ClipAugmentation",
    "ColorJitter",
    "GaussianBlur",
    "RandAugment",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "flip_and_others",
]
