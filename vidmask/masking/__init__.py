"""Which tokens are hidden: mask generators.

A mask generator draws row ``i`` from ``generators[i]`` alone, so that a sample's mask does not depend on
the batch it stands in. The laws that all of them obey are in ``vidmask.testing.masks``.
"""

from vidmask.masking.base import MaskGenerator
from vidmask.masking.block import BlockMasking
from vidmask.masking.frame import FrameMasking
from vidmask.masking.motion_guided import MotionGuidedMasking
from vidmask.masking.multi_block import MultiBlockMasking
from vidmask.masking.random import RandomMasking
from vidmask.masking.running_cell import RunningCellMasking
from vidmask.masking.tube import TubeMasking

__all__ = [
    "BlockMasking",
    "FrameMasking",
    "MaskGenerator",
    "MotionGuidedMasking",
    "MultiBlockMasking",
    "RandomMasking",
    "RunningCellMasking",
    "TubeMasking",
]
