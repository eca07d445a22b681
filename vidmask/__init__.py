"""Masked self-supervised learning from video.

The public names are imported when they are first used, so that ``import vidmask`` and ``vidmask --help``
do not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidmask.data.datamodule import VideoDataModule
    from vidmask.data.sources import VideoFolder
    from vidmask.data.synthetic import MovingShapes
    from vidmask.masking import MaskGenerator, RandomMasking, TubeMasking
    from vidmask.models.decoder import TokenDecoder
    from vidmask.models.vit import VideoViT
    from vidmask.objectives.base import Head, Objective
    from vidmask.objectives.mae import MaskedAutoencoder
    from vidmask.pretraining import MaskedPretraining
    from vidmask.targets.base import Target
    from vidmask.targets.pixels import PixelTarget
    from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet

__version__ = "0.1.0"

__all__ = [
    "ClipBatch",
    "Head",
    "MaskGenerator",
    "MaskedAutoencoder",
    "MaskedPretraining",
    "MovingShapes",
    "Objective",
    "PixelTarget",
    "RandomMasking",
    "Target",
    "TokenDecoder",
    "TokenGrid",
    "TokenMask",
    "TubeMasking",
    "Tubelet",
    "VideoDataModule",
    "VideoFolder",
    "VideoViT",
]

_HOMES = {
    "ClipBatch": "vidmask.tokens",
    "Head": "vidmask.objectives.base",
    "MaskGenerator": "vidmask.masking",
    "MaskedAutoencoder": "vidmask.objectives.mae",
    "MaskedPretraining": "vidmask.pretraining",
    "MovingShapes": "vidmask.data.synthetic",
    "Objective": "vidmask.objectives.base",
    "PixelTarget": "vidmask.targets.pixels",
    "RandomMasking": "vidmask.masking",
    "Target": "vidmask.targets.base",
    "TokenDecoder": "vidmask.models.decoder",
    "TokenGrid": "vidmask.tokens",
    "TokenMask": "vidmask.tokens",
    "TubeMasking": "vidmask.masking",
    "Tubelet": "vidmask.tokens",
    "VideoDataModule": "vidmask.data.datamodule",
    "VideoFolder": "vidmask.data.sources",
    "VideoViT": "vidmask.models.vit",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vidmask' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
