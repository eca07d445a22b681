"""Encoders and decoders."""

from vidmask.models.decoder import TokenDecoder
from vidmask.models.sizes import vit_base, vit_huge, vit_large, vit_small, vit_tiny
from vidmask.models.vit import Latents, VideoViT

__all__ = [
    "Latents",
    "TokenDecoder",
    "VideoViT",
    "vit_base",
    "vit_huge",
    "vit_large",
    "vit_small",
    "vit_tiny",
]
