"""Encoders, decoders and classifiers."""

from vidmask.models.classifier import VideoClassifier
from vidmask.models.decoder import TokenDecoder
from vidmask.models.dvae import DVAE
from vidmask.models.flow import RAFT, ClassicalFlow, FlowEstimator
from vidmask.models.inflation import inflate_vit, inflated_vit
from vidmask.models.latent_decoder import LatentDecoder, MaskedLatents
from vidmask.models.pooling import (
    AttentivePooling,
    ClassTokenPooling,
    MeanPooling,
    Pooling,
    TimeSlicePooling,
)
from vidmask.models.regressor import LatentRegressor
from vidmask.models.sizes import vit_base, vit_huge, vit_large, vit_small, vit_tiny
from vidmask.models.tokenizers import FlavaCodebook, PublishedVQGAN, Tokenizer
from vidmask.models.vit import Latents, VideoViT
from vidmask.models.vqgan import VQGAN

__all__ = [
    "DVAE",
    "RAFT",
    "VQGAN",
    "AttentivePooling",
    "ClassTokenPooling",
    "ClassicalFlow",
    "FlavaCodebook",
    "FlowEstimator",
    "LatentDecoder",
    "LatentRegressor",
    "Latents",
    "MaskedLatents",
    "MeanPooling",
    "Pooling",
    "PublishedVQGAN",
    "TimeSlicePooling",
    "TokenDecoder",
    "Tokenizer",
    "VideoClassifier",
    "VideoViT",
    "inflate_vit",
    "inflated_vit",
    "vit_base",
    "vit_huge",
    "vit_large",
    "vit_small",
    "vit_tiny",
]
