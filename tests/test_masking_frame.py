"""Slices of time hidden as a whole."""

import pytest
import torch

from vidmask.masking import FrameMasking
from vidmask.testing.masks import MaskTrial
from vidmask.tokens import TokenGrid, Tubelet

PIXEL = Tubelet(1, 1, 1)


@pytest.mark.parametrize(
    ("ratio", "slices", "hidden"), [(0.75, 8, 6), (0.9, 8, 7), (0.875, 8, 7), (0.5, 5, 2), (0.5, 2, 1)]
)
def test_whole_slices_are_hidden(ratio, slices, hidden):
    mask = MaskTrial(FrameMasking(ratio), TokenGrid(slices, 14, 14), PIXEL, 3).mask()
    assert mask.masked.shape == (3, hidden * 196)
    assert mask.visible.shape == (3, (slices - hidden) * 196)
    for row in mask.masked.view(3, hidden, 196):
        for tokens in row:
            assert tokens[0] % 196 == 0
            assert torch.equal(tokens, torch.arange(196) + tokens[0])


def test_every_slice_is_hidden_equally_often():
    mask = MaskTrial(FrameMasking(0.75), TokenGrid(4, 1, 2), PIXEL, 4000).mask()
    share = mask.visible[:, 0].bincount(minlength=8)[::2] / 4000
    # Four standard deviations of a share of 1/4 in 4,000 draws.
    assert (share - 0.25).abs().max() < 4 * (0.25 * 0.75 / 4000) ** 0.5


@pytest.mark.parametrize(
    ("ratio", "slices", "said"),
    [
        (0.1, 8, "masking ratio 0.1 leaves 8 of 8 slices of time visible"),
        (0.75, 1, "no ratio can hide a part of 1 slices of time"),
    ],
)
def test_at_least_one_slice_is_visible_and_one_hidden(ratio, slices, said):
    with pytest.raises(ValueError, match=said):
        MaskTrial(FrameMasking(ratio), TokenGrid(slices, 2, 2), PIXEL).mask()


def test_a_ratio_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match="masking ratio must lie between 0 and 1, got 1"):
        FrameMasking(1.0)


def test_it_says_what_it_is():
    assert repr(FrameMasking()) == "FrameMasking(ratio=0.75)"
