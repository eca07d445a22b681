"""Heads and the sum of their losses."""

from functools import partial

import pytest
import torch

from vidmask.models import TokenDecoder, VideoViT
from vidmask.objectives import Head, MaskedAutoencoder, Objective
from vidmask.targets import PixelTarget
from vidmask.tokens import ClipBatch, TokenMask

MASK = TokenMask(torch.tensor([[0, 5]]), torch.tensor([[1, 2, 3, 4, 6, 7]]))


def encoder() -> VideoViT:
    torch.manual_seed(0)
    return VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2)


class TwoHeads(Objective):
    """A raw and a normalised head on one encoder."""

    def __init__(self, vit: VideoViT) -> None:
        super().__init__()
        self.encoder = vit
        decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
        self.raw = Head(vit, decoder, PixelTarget("none", "all"), weight=2.0)
        self.normalised = Head(vit, decoder, PixelTarget("mae_st"), weight=0.5)

    @property
    def heads(self) -> dict[str, Head]:
        return {"raw": self.raw, "normalised": self.normalised}

    def predict(self, batch: ClipBatch, mask: TokenMask) -> dict[str, torch.Tensor]:
        latents = self.encoder(batch.clips, mask.visible)
        return {name: head(latents, mask) for name, head in self.heads.items()}


def test_two_heads_are_weighed_and_named() -> None:
    objective = TwoHeads(encoder())
    index = torch.zeros(1, dtype=torch.int64)
    batch = ClipBatch(torch.rand(1, 3, 4, 8, 8), {}, index, index.double(), index, [0], [""], [])
    losses = objective(batch, MASK)
    assert set(losses) == {"loss", "raw", "normalised"}
    assert losses["loss"].item() == pytest.approx(
        2 * losses["raw"].item() + 0.5 * losses["normalised"].item()
    )


def test_a_head_predicts_as_many_numbers_as_its_target_holds() -> None:
    objective = TwoHeads(encoder())
    assert objective.raw.prediction.out_features == 3 * 2 * 4 * 4
    assert objective.normalised.prediction.out_features == 3 * 4 * 4


class CountsSteps(PixelTarget):
    """A target that counts what is due after each step."""

    due = 0

    def after_step(self, encoder: VideoViT) -> None:
        self.due += 1


def test_a_target_that_two_heads_share_does_once_what_is_due_after_a_step() -> None:
    vit, target = encoder(), CountsSteps("none", "all")
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    heads = {name: partial(Head, decoder=decoder, target=target) for name in ("deep", "shallow")}
    MaskedAutoencoder(vit, heads=heads).after_step()
    assert target.due == 1
