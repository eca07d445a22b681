"""Tokens hidden at random."""

import pytest
import torch

from vidmask.masking import RandomMasking
from vidmask.testing.masks import MaskTrial
from vidmask.tokens import TokenGrid, Tubelet

PAPER = TokenGrid(8, 14, 14)
PIXEL = Tubelet(1, 1, 1)


@pytest.mark.parametrize(("ratio", "visible"), [(0.5, 784), (0.75, 392), (0.9, 156), (0.95, 78)])
def test_the_number_is_truncated_as_mae_st_does(ratio, visible):
    mask = MaskTrial(RandomMasking(ratio), PAPER, PIXEL, 2).mask()
    assert mask.visible.shape == (2, visible)
    assert mask.masked.shape == (2, 1568 - visible)


def test_every_token_is_hidden_equally_often():
    mask = MaskTrial(RandomMasking(0.75), TokenGrid(2, 2, 2), PIXEL, 4000).mask()
    share = mask.visible.flatten().bincount(minlength=8) / 4000
    # Four standard deviations of a share of 1/4 in 4,000 draws.
    assert (share - 0.25).abs().max() < 4 * (0.25 * 0.75 / 4000) ** 0.5


def test_rows_of_one_batch_differ():
    mask = MaskTrial(RandomMasking(0.9), PAPER, PIXEL, 2).mask()
    assert not torch.equal(mask.visible[0], mask.visible[1])


@pytest.mark.parametrize("ratio", [-0.1, 0.0, 1.0, 1.5])
def test_a_ratio_outside_0_to_1_is_refused(ratio):
    with pytest.raises(ValueError, match=f"got {ratio}"):
        RandomMasking(ratio)


def test_a_ratio_that_leaves_no_token_is_refused():
    with pytest.raises(ValueError, match="0 of 8 tokens"):
        MaskTrial(RandomMasking(0.99), TokenGrid(2, 2, 2), PIXEL).mask()


def test_it_says_what_it_is():
    assert repr(RandomMasking()) == "RandomMasking(ratio=0.9)"
