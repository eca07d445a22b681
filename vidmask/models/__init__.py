"""Encoders and decoders."""

from vidmask.models.decoder import TokenDecoder
from vidmask.models.latent_decoder import LatentDecoder, MaskedLatents
from vidmask.models.regressor import LatentRegressor
from vidmask.models.sizes import vit_base, vit_huge, vit_large, vit_small, vit_tiny
from vidmask.models.tokenizers import PublishedVQGAN, Tokenizer
from vidmask.models.vit import Latents, VideoViT
from vidmask.models.vqgan import VQGAN

__all__ = [
    "VQGAN",
    "LatentDecoder",
    "LatentRegressor",
    "Latents",
    "MaskedLatents",
    "PublishedVQGAN",
    "TokenDecoder",
    "Tokenizer",
    "VideoViT",
    "vit_base",
    "vit_huge",
    "vit_large",
    "vit_small",
    "vit_tiny",
]
