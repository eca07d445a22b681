"""Predictions and losses equal those of the original implementations, on their own weights."""

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from vidmask.models import TokenDecoder, VideoViT
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.targets import PixelTarget
from vidmask.tokens import ClipBatch, TokenMask

FIXTURES = Path(__file__).parent / "fixtures"
TOLERANCE = {"rtol": 0.0, "atol": 1e-5}
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def batch_of(clips: Tensor) -> ClipBatch:
    size = len(clips)
    zeros = torch.zeros(size, dtype=torch.int64)
    return ClipBatch(clips, {}, zeros, zeros.double(), zeros, [0] * size, [""] * size, [])


def mask_of(hidden: Tensor) -> TokenMask:
    """Turn an original mask (1 = hidden) into indices."""
    rows = len(hidden)
    return TokenMask(
        (hidden == 0).nonzero()[:, 1].view(rows, -1), (hidden == 1).nonzero()[:, 1].view(rows, -1)
    )


def renamed(weights: dict[str, Tensor], names: list[tuple[str, str]]) -> dict[str, Tensor]:
    """Take the weights under ``model.``, each under the new name of its longest matching prefix."""
    found = {}
    for key, value in weights.items():
        name = key.removeprefix("model.")
        for old, new in names:
            if key.startswith("model.") and name.startswith(old):
                found[new + name.removeprefix(old)] = value
                break
    return found


def with_fused_qkv(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Join MAE-ST's query, key and value; give VideoMAE's key the bias of zero that it lacks."""
    fused = {}
    for key, value in weights.items():
        if ".attn.q." in key:
            parts = [weights[key.replace(".attn.q.", f".attn.{part}.")] for part in "qkv"]
            fused[key.replace(".attn.q.", ".attn.qkv.")] = torch.cat(parts)
        elif key.endswith("q_bias"):
            value_bias = weights[key.replace("q_bias", "v_bias")]
            fused[key.replace("q_bias", "qkv.bias")] = torch.cat([value, torch.zeros_like(value), value_bias])
        elif not (".attn.k." in key or ".attn.v." in key or key.endswith("v_bias")):
            fused[key] = value
    return fused


@pytest.fixture(scope="module")
def mae_st() -> tuple[dict[str, Tensor], MaskedAutoencoder]:
    fixture = load_file(FIXTURES / "mae_st_pretrain.safetensors")
    # The original class, built without its size function, has PyTorch's epsilon in its layer norms.
    encoder = VideoViT(
        frames=8,
        size=48,
        embed_dim=48,
        depth=2,
        num_heads=3,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        norm_eps=1e-5,
    )
    decoder = partial(TokenDecoder, embed_dim=32, depth=2, num_heads=2, class_token="learned")
    target = PixelTarget(normalisation="mae_st", frames="linspace", mean=0.0, std=1.0)
    objective = MaskedAutoencoder(encoder, partial(Head, decoder=decoder, target=target))
    names = [
        ("decoder_blocks", "head.decoder.blocks"),
        ("decoder_norm", "head.decoder.norm"),
        ("decoder_pred", "head.prediction"),
        ("decoder_embed", "head.decoder.projection"),
        ("decoder_pos_embed_spatial", "head.decoder.positions.spatial"),
        ("decoder_pos_embed_temporal", "head.decoder.positions.temporal"),
        ("decoder_pos_embed_class", "head.decoder.cls_position"),
        ("decoder_cls_token", "head.decoder.cls_token"),
        ("mask_token", "head.decoder.mask_token"),
        ("pos_embed_spatial", "encoder.positions.spatial"),
        ("pos_embed_temporal", "encoder.positions.temporal"),
        ("pos_embed_class", "encoder.cls_position"),
        ("", "encoder."),
    ]
    objective.load_state_dict(with_fused_qkv(renamed(fixture, names)), strict=True)
    return fixture, objective


def small_videomae() -> MaskedAutoencoder:
    """VideoMAE in the fixture's size: 16 frames of 32 px, width 48."""
    encoder = VideoViT(
        frames=16,
        size=32,
        embed_dim=48,
        depth=2,
        num_heads=3,
        positions="sincos1d",
        class_token=False,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        init="videomae",
    )
    decoder = partial(TokenDecoder, embed_dim=32, depth=2, num_heads=2, projection_bias=False)
    target = PixelTarget(normalisation="videomae", frames="all")
    return MaskedAutoencoder(encoder, partial(Head, decoder=decoder, target=target))


@pytest.fixture(scope="module")
def videomae() -> tuple[dict[str, Tensor], MaskedAutoencoder]:
    fixture = load_file(FIXTURES / "videomae_pretrain.safetensors")
    objective = small_videomae()
    names = [
        ("decoder.head", "head.prediction"),
        ("decoder.", "head.decoder."),
        ("encoder_to_decoder", "head.decoder.projection"),
        ("mask_token", "head.decoder.mask_token"),
        ("encoder.", "encoder."),
    ]
    objective.load_state_dict(with_fused_qkv(renamed(fixture, names)), strict=True)
    return fixture, objective


def test_mae_st_latents_equal_the_originals(mae_st: tuple[dict[str, Tensor], MaskedAutoencoder]) -> None:
    fixture, objective = mae_st
    latents = objective.encoder(fixture["clips"], mask_of(fixture["mask"]).visible).tokens
    # The original keeps its visible tokens in shuffled order: the first of those that restore the raster.
    shuffled = fixture["ids_restore"].argsort(dim=1)[:, : latents.shape[1]]
    in_raster_order = shuffled.argsort(dim=1)
    expected = torch.stack(
        [row[order] for row, order in zip(fixture["latents_shuffled_order"], in_raster_order, strict=True)]
    )
    torch.testing.assert_close(latents, expected, **TOLERANCE)


def test_mae_st_predictions_equal_the_originals(mae_st: tuple[dict[str, Tensor], MaskedAutoencoder]) -> None:
    fixture, objective = mae_st
    mask = mask_of(fixture["mask"])
    prediction = objective.predict(batch_of(fixture["clips"]), mask)["reconstruction"]
    expected = torch.stack([row[hidden] for row, hidden in zip(fixture["pred"], mask.masked, strict=True)])
    torch.testing.assert_close(prediction, expected, **TOLERANCE)


def test_mae_st_loss_equals_the_originals(mae_st: tuple[dict[str, Tensor], MaskedAutoencoder]) -> None:
    fixture, objective = mae_st
    loss = objective(batch_of(fixture["clips"]), mask_of(fixture["mask"]))["loss"]
    torch.testing.assert_close(loss, fixture["loss"].squeeze(), **TOLERANCE)


def test_videomae_predictions_targets_and_loss_equal_the_originals(
    videomae: tuple[dict[str, Tensor], MaskedAutoencoder],
) -> None:
    fixture, objective = videomae
    mean, std = (torch.tensor(values).view(1, 3, 1, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    batch, mask = batch_of(fixture["clips"] * std + mean), mask_of(fixture["mask"])
    prediction = objective.predict(batch, mask)["reconstruction"]
    torch.testing.assert_close(prediction, fixture["pred"], **TOLERANCE)
    answer = objective.head.target(batch, mask.masked, objective.encoder.tubelet)
    torch.testing.assert_close(answer, fixture["target"], rtol=0.0, atol=1e-4)
    torch.testing.assert_close(objective(batch, mask)["loss"], fixture["loss"].squeeze(), **TOLERANCE)
