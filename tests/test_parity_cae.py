"""Regressed latents and logits equal those of CAE's own code, on its weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_parity import TOLERANCE, with_fused_qkv
from torch import Tensor, nn

from vidmask.models.latent_decoder import LatentDecoder, MaskedLatents
from vidmask.models.regressor import LatentRegressor
from vidmask.models.vit import Latents, VideoViT
from vidmask.tokens import TokenMask

FIXTURE = load_file(Path(__file__).parent / "fixtures/cae_regressor_decoder.safetensors")
# The first 12 tokens are visible, the last 20 masked.
MASK = TokenMask(torch.arange(12).expand(2, -1), torch.arange(12, 32).expand(2, -1))


class Given(nn.Module):
    """The fixture's own position embeddings."""

    def forward(self, indices: Tensor) -> Tensor:
        return torch.cat([FIXTURE["pos_visible"], FIXTURE["pos_masked"]], dim=1)[:, indices[0]]


def renamed(part: str, names: dict[str, str]) -> dict[str, Tensor]:
    """Take the weights under ``part``, each name changed by all pairs, one after another."""
    found = {}
    for key, value in FIXTURE.items():
        if key.startswith(f"{part}."):
            name = key.removeprefix(f"{part}.")
            for old, new in names.items():
                name = name.replace(old, new)
            found[name] = value
    return found


@pytest.fixture(scope="module")
def encoder() -> VideoViT:
    return VideoViT(frames=16, size=32, embed_dim=48, depth=1, num_heads=3, positions="sincos1d")


def test_the_regressor_gives_cae_s_latents(encoder: VideoViT) -> None:
    regressor = LatentRegressor(encoder, depth=2, num_heads=3)
    weights = renamed(
        "regressor",
        {
            "regressor_blocks": "blocks",
            "cross_attn.q_bias": "attn.query.bias",
            "cross_attn.v_bias": "attn.value.bias",
            "cross_attn.q.": "attn.query.",
            "cross_attn.k.": "attn.key.",
            "cross_attn.v.": "attn.value.",
            "cross_attn": "attn",
            "norm1_q": "norm_query",
            "norm1_k": "norm_key",
            "norm1_v": "norm_value",
            "norm2_cross": "norm2",
            "mlp_cross": "mlp",
            "gamma_1_cross": "scale1.gamma",
            "gamma_2_cross": "scale2.gamma",
        },
    )
    regressor.load_state_dict(weights | {"mask_token": FIXTURE["queries"][:1, :1]})
    regressor.positions = Given()
    # CAE's queries are one mask token at all places; the fixture's differ, so that a mix-up would show.
    regressor.mask_token = nn.Parameter(FIXTURE["queries"])
    regressed = regressor(Latents(FIXTURE["visible"], None), MASK)
    torch.testing.assert_close(regressed, FIXTURE["latent_pred"], **TOLERANCE)


def test_the_decoder_gives_cae_s_logits(encoder: VideoViT) -> None:
    decoder = LatentDecoder(encoder, depth=2, num_heads=3)
    prediction = nn.Linear(48, 11)
    weights = with_fused_qkv(
        renamed("decoder", {"decoder_blocks": "blocks", "gamma_1": "scale1.gamma", "gamma_2": "scale2.gamma"})
    )
    prediction.load_state_dict({name: weights.pop(f"head.{name}") for name in ("weight", "bias")})
    decoder.load_state_dict(weights)
    decoder.positions = Given()
    decoded = decoder(MaskedLatents(FIXTURE["latent_pred"], None), MASK)
    torch.testing.assert_close(prediction(decoded), FIXTURE["logits"], **TOLERANCE)
