"""The usual sizes: parameter counts against those of the original models."""

import pytest
import torch

from vidmask.models import VideoViT, vit_base, vit_huge, vit_large, vit_small, vit_tiny


def parameters(encoder: VideoViT) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


@pytest.mark.parametrize(("build", "expected"), [(vit_base, 86_394_624), (vit_large, 304_096_256)])
def test_mae_sts_encoders_have_the_originals_parameters(build: type, expected: int) -> None:
    with torch.device("meta"):
        assert parameters(build()) == expected


def test_mae_sts_huge_encoder_with_patch_14_has_the_originals_parameters() -> None:
    with torch.device("meta"):
        assert parameters(vit_huge(tubelet=(2, 14, 14))) == 631_527_680


@pytest.mark.parametrize(("build", "millions"), [(vit_small, 21.9), (vit_base, 86.2), (vit_large, 303.9)])
def test_videomaes_encoders_have_the_originals_size(build: type, millions: float) -> None:
    with torch.device("meta"):
        encoder = build(positions="sincos1d", class_token=False)
    key_biases = sum(block.attn.qkv.bias.numel() // 3 for block in encoder.blocks)
    assert (parameters(encoder) - key_biases) / 1e6 == pytest.approx(millions, abs=0.05)


def test_the_tiny_encoder_has_the_usual_width_depth_and_heads() -> None:
    with torch.device("meta"):
        encoder = vit_tiny()
    assert (encoder.embed_dim, len(encoder.blocks), encoder.blocks[0].attn.num_heads) == (192, 12, 3)
