"""The encoder in its usual sizes. Everything else about it is an option of ``VideoViT``."""

from typing import Any

from vidmask.models.vit import VideoViT


def vit_tiny(frames: int = 16, size: int = 224, **options: Any) -> VideoViT:
    """Build ViT-Ti/16: width 192, 12 blocks, 3 heads."""
    return VideoViT(frames, size, embed_dim=192, depth=12, num_heads=3, **options)


def vit_small(frames: int = 16, size: int = 224, **options: Any) -> VideoViT:
    """Build ViT-S/16: width 384, 12 blocks, 6 heads."""
    return VideoViT(frames, size, embed_dim=384, depth=12, num_heads=6, **options)


def vit_base(frames: int = 16, size: int = 224, **options: Any) -> VideoViT:
    """Build ViT-B/16: width 768, 12 blocks, 12 heads."""
    return VideoViT(frames, size, embed_dim=768, depth=12, num_heads=12, **options)


def vit_large(frames: int = 16, size: int = 224, **options: Any) -> VideoViT:
    """Build ViT-L/16: width 1024, 24 blocks, 16 heads."""
    return VideoViT(frames, size, embed_dim=1024, depth=24, num_heads=16, **options)


def vit_huge(frames: int = 16, size: int = 224, **options: Any) -> VideoViT:
    """Build ViT-H/16: width 1280, 32 blocks, 16 heads."""
    return VideoViT(frames, size, embed_dim=1280, depth=32, num_heads=16, **options)
