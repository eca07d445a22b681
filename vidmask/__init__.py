"""Masked self-supervised learning from video.

The public names are imported when they are first used, so that ``import vidmask`` and ``vidmask --help``
do not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidmask.classification.mixing import Mixing
    from vidmask.classification.module import VideoClassification
    from vidmask.classification.questions import ArrowOfTime, ClipOrder, Question, VideoClass
    from vidmask.data.augmentation.base import ClipAugmentation
    from vidmask.data.augmentation.blur import GaussianBlur
    from vidmask.data.augmentation.colour import ColorJitter, RandomGrayscale
    from vidmask.data.augmentation.erasing import RandomErasing
    from vidmask.data.augmentation.flip import RandomFlip
    from vidmask.data.augmentation.randaugment import RandAugment
    from vidmask.data.datamodule import VideoDataModule
    from vidmask.data.sources.base import VideoSource
    from vidmask.data.sources.folder import VideoFolder
    from vidmask.data.sources.hmdb51 import HMDB51
    from vidmask.data.sources.kinetics import Kinetics
    from vidmask.data.sources.manifest import Manifest
    from vidmask.data.sources.opening import open_source
    from vidmask.data.sources.pytorchvideo import PyTorchVideoDataset
    from vidmask.data.sources.ssv2 import SomethingSomethingV2, SomethingSomethingV2Frames
    from vidmask.data.sources.table import VideoTable
    from vidmask.data.sources.ucf101 import UCF101
    from vidmask.data.sources.unlabelled import UnlabelledVideos
    from vidmask.data.synthetic import MovingShapes
    from vidmask.masking.base import MaskGenerator
    from vidmask.masking.block import BlockMasking
    from vidmask.masking.frame import FrameMasking
    from vidmask.masking.motion_guided import MotionGuidedMasking
    from vidmask.masking.multi_block import MultiBlockMasking
    from vidmask.masking.random import RandomMasking
    from vidmask.masking.running_cell import RunningCellMasking
    from vidmask.masking.tube import TubeMasking
    from vidmask.models.classifier import VideoClassifier
    from vidmask.models.decoder import TokenDecoder
    from vidmask.models.flow import RAFT, ClassicalFlow, FlowEstimator
    from vidmask.models.inflation import inflate_vit
    from vidmask.models.latent_decoder import LatentDecoder
    from vidmask.models.pooling import (
        AttentivePooling,
        ClassTokenPooling,
        MeanPooling,
        Pooling,
        TimeSlicePooling,
    )
    from vidmask.models.regressor import LatentRegressor
    from vidmask.models.tokenizers import FlavaCodebook, PublishedVQGAN
    from vidmask.models.vit import VideoViT
    from vidmask.models.vqgan import VQGAN
    from vidmask.objectives.base import Head, Objective
    from vidmask.objectives.mae import MaskedAutoencoder
    from vidmask.objectives.mam2 import MAM2
    from vidmask.pretraining import MaskedPretraining
    from vidmask.targets.averaging import AverageTeacher
    from vidmask.targets.base import Target
    from vidmask.targets.codes import VQGANCodeTarget
    from vidmask.targets.flow import OpticalFlowTarget
    from vidmask.targets.frozen import FrozenTeacher
    from vidmask.targets.hog import HOGTarget
    from vidmask.targets.motion import RGBDifferenceTarget
    from vidmask.targets.pixels import PixelTarget
    from vidmask.targets.teacher import Teacher, TeacherTarget
    from vidmask.tokenizer import TokenizerTraining
    from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet
    from vidmask.trained_vqgan import TrainedVQGAN

__version__ = "0.1.0"

__all__ = [
    "HMDB51",
    "MAM2",
    "RAFT",
    "UCF101",
    "VQGAN",
    "ArrowOfTime",
    "AttentivePooling",
    "AverageTeacher",
    "BlockMasking",
    "ClassTokenPooling",
    "ClassicalFlow",
    "ClipAugmentation",
    "ClipBatch",
    "ClipOrder",
    "ColorJitter",
    "FlavaCodebook",
    "FlowEstimator",
    "FrameMasking",
    "FrozenTeacher",
    "GaussianBlur",
    "HOGTarget",
    "Head",
    "Kinetics",
    "LatentDecoder",
    "LatentRegressor",
    "Manifest",
    "MaskGenerator",
    "MaskedAutoencoder",
    "MaskedPretraining",
    "MeanPooling",
    "Mixing",
    "MotionGuidedMasking",
    "MovingShapes",
    "MultiBlockMasking",
    "Objective",
    "OpticalFlowTarget",
    "PixelTarget",
    "Pooling",
    "PublishedVQGAN",
    "PyTorchVideoDataset",
    "Question",
    "RGBDifferenceTarget",
    "RandAugment",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomMasking",
    "RunningCellMasking",
    "SomethingSomethingV2",
    "SomethingSomethingV2Frames",
    "Target",
    "Teacher",
    "TeacherTarget",
    "TimeSlicePooling",
    "TokenDecoder",
    "TokenGrid",
    "TokenMask",
    "TokenizerTraining",
    "TrainedVQGAN",
    "TubeMasking",
    "Tubelet",
    "UnlabelledVideos",
    "VQGANCodeTarget",
    "VideoClass",
    "VideoClassification",
    "VideoClassifier",
    "VideoDataModule",
    "VideoFolder",
    "VideoSource",
    "VideoTable",
    "VideoViT",
    "inflate_vit",
    "open_source",
]

_HOMES = {
    "RunningCellMasking": "vidmask.masking.running_cell",
    "MultiBlockMasking": "vidmask.masking.multi_block",
    "MotionGuidedMasking": "vidmask.masking.motion_guided",
    "FrameMasking": "vidmask.masking.frame",
    "BlockMasking": "vidmask.masking.block",
    "OpticalFlowTarget": "vidmask.targets.flow",
    "HOGTarget": "vidmask.targets.hog",
    "RAFT": "vidmask.models.flow",
    "FlowEstimator": "vidmask.models.flow",
    "ClassicalFlow": "vidmask.models.flow",
    "FlavaCodebook": "vidmask.models.tokenizers",
    "TeacherTarget": "vidmask.targets.teacher",
    "Teacher": "vidmask.targets.teacher",
    "FrozenTeacher": "vidmask.targets.frozen",
    "AverageTeacher": "vidmask.targets.averaging",
    "ArrowOfTime": "vidmask.classification.questions",
    "AttentivePooling": "vidmask.models.pooling",
    "ClassTokenPooling": "vidmask.models.pooling",
    "ClipAugmentation": "vidmask.data.augmentation.base",
    "ClipBatch": "vidmask.tokens",
    "ClipOrder": "vidmask.classification.questions",
    "ColorJitter": "vidmask.data.augmentation.colour",
    "GaussianBlur": "vidmask.data.augmentation.blur",
    "HMDB51": "vidmask.data.sources.hmdb51",
    "Head": "vidmask.objectives.base",
    "Kinetics": "vidmask.data.sources.kinetics",
    "LatentDecoder": "vidmask.models.latent_decoder",
    "LatentRegressor": "vidmask.models.regressor",
    "MAM2": "vidmask.objectives.mam2",
    "Manifest": "vidmask.data.sources.manifest",
    "MaskGenerator": "vidmask.masking.base",
    "MaskedAutoencoder": "vidmask.objectives.mae",
    "MaskedPretraining": "vidmask.pretraining",
    "MeanPooling": "vidmask.models.pooling",
    "Mixing": "vidmask.classification.mixing",
    "MovingShapes": "vidmask.data.synthetic",
    "Objective": "vidmask.objectives.base",
    "PixelTarget": "vidmask.targets.pixels",
    "Pooling": "vidmask.models.pooling",
    "PublishedVQGAN": "vidmask.models.tokenizers",
    "PyTorchVideoDataset": "vidmask.data.sources.pytorchvideo",
    "Question": "vidmask.classification.questions",
    "RGBDifferenceTarget": "vidmask.targets.motion",
    "RandAugment": "vidmask.data.augmentation.randaugment",
    "RandomErasing": "vidmask.data.augmentation.erasing",
    "RandomFlip": "vidmask.data.augmentation.flip",
    "RandomGrayscale": "vidmask.data.augmentation.colour",
    "RandomMasking": "vidmask.masking.random",
    "SomethingSomethingV2": "vidmask.data.sources.ssv2",
    "SomethingSomethingV2Frames": "vidmask.data.sources.ssv2",
    "Target": "vidmask.targets.base",
    "TimeSlicePooling": "vidmask.models.pooling",
    "TokenDecoder": "vidmask.models.decoder",
    "TokenGrid": "vidmask.tokens",
    "TokenMask": "vidmask.tokens",
    "TokenizerTraining": "vidmask.tokenizer",
    "TrainedVQGAN": "vidmask.trained_vqgan",
    "TubeMasking": "vidmask.masking.tube",
    "Tubelet": "vidmask.tokens",
    "UCF101": "vidmask.data.sources.ucf101",
    "UnlabelledVideos": "vidmask.data.sources.unlabelled",
    "VQGAN": "vidmask.models.vqgan",
    "VQGANCodeTarget": "vidmask.targets.codes",
    "VideoClass": "vidmask.classification.questions",
    "VideoClassification": "vidmask.classification.module",
    "VideoClassifier": "vidmask.models.classifier",
    "VideoDataModule": "vidmask.data.datamodule",
    "VideoFolder": "vidmask.data.sources.folder",
    "VideoSource": "vidmask.data.sources.base",
    "VideoTable": "vidmask.data.sources.table",
    "VideoViT": "vidmask.models.vit",
    "inflate_vit": "vidmask.models.inflation",
    "open_source": "vidmask.data.sources.opening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vidmask' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
