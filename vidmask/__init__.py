"""Masked self-supervised learning from video.

The public names are imported when they are first used, so that ``import vidmask`` and ``vidmask --help``
do not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidmask.data.datamodule import VideoDataModule
    from vidmask.data.sources.folder import VideoFolder
    from vidmask.data.synthetic import MovingShapes
    from vidmask.masking import MaskGenerator, RandomMasking, TubeMasking
    from vidmask.models.decoder import TokenDecoder
    from vidmask.models.latent_decoder import LatentDecoder
    from vidmask.models.regressor import LatentRegressor
    from vidmask.models.tokenizers import PublishedVQGAN
    from vidmask.models.vit import VideoViT
    from vidmask.models.vqgan import VQGAN
    from vidmask.objectives.base import Head, Objective
    from vidmask.objectives.mae import MaskedAutoencoder
    from vidmask.objectives.mam2 import MAM2
    from vidmask.pretraining import MaskedPretraining
    from vidmask.targets.base import Target
    from vidmask.targets.codes import VQGANCodeTarget
    from vidmask.targets.motion import RGBDifferenceTarget
    from vidmask.targets.pixels import PixelTarget
    from vidmask.tokenizer import TokenizerTraining
    from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet
    from vidmask.trained_vqgan import TrainedVQGAN

__version__ = "0.1.0"

__all__ = [
    "MAM2",
    "VQGAN",
    "ClipBatch",
    "Head",
    "LatentDecoder",
    "LatentRegressor",
    "MaskGenerator",
    "MaskedAutoencoder",
    "MaskedPretraining",
    "MovingShapes",
    "Objective",
    "PixelTarget",
    "PublishedVQGAN",
    "RGBDifferenceTarget",
    "RandomMasking",
    "Target",
    "TokenDecoder",
    "TokenGrid",
    "TokenMask",
    "TokenizerTraining",
    "TrainedVQGAN",
    "TubeMasking",
    "Tubelet",
    "VQGANCodeTarget",
    "VideoDataModule",
    "VideoFolder",
    "VideoViT",
]

_HOMES = {
    "ClipBatch": "vidmask.tokens",
    "Head": "vidmask.objectives.base",
    "LatentDecoder": "vidmask.models.latent_decoder",
    "LatentRegressor": "vidmask.models.regressor",
    "MAM2": "vidmask.objectives.mam2",
    "MaskGenerator": "vidmask.masking",
    "MaskedAutoencoder": "vidmask.objectives.mae",
    "MaskedPretraining": "vidmask.pretraining",
    "MovingShapes": "vidmask.data.synthetic",
    "Objective": "vidmask.objectives.base",
    "PixelTarget": "vidmask.targets.pixels",
    "PublishedVQGAN": "vidmask.models.tokenizers",
    "RGBDifferenceTarget": "vidmask.targets.motion",
    "RandomMasking": "vidmask.masking",
    "Target": "vidmask.targets.base",
    "TokenDecoder": "vidmask.models.decoder",
    "TokenGrid": "vidmask.tokens",
    "TokenMask": "vidmask.tokens",
    "TokenizerTraining": "vidmask.tokenizer",
    "TrainedVQGAN": "vidmask.trained_vqgan",
    "TubeMasking": "vidmask.masking",
    "Tubelet": "vidmask.tokens",
    "VQGAN": "vidmask.models.vqgan",
    "VQGANCodeTarget": "vidmask.targets.codes",
    "VideoDataModule": "vidmask.data.datamodule",
    "VideoFolder": "vidmask.data.sources.folder",
    "VideoViT": "vidmask.models.vit",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vidmask' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
