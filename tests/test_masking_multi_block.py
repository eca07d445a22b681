"""Blocks of places hidden over the whole clip."""

import pytest
import torch

from vidmask.masking import MultiBlockMasking
from vidmask.testing.masks import MaskTrial
from vidmask.tokens import TokenGrid, Tubelet

PIXEL = Tubelet(1, 1, 1)
PAPER = TokenGrid(8, 14, 14)


def places_of(mask, grid: TokenGrid) -> torch.Tensor:
    """Return which places are hidden, as [b rows columns], having seen that they are so in every slice."""
    slices = mask.masked.view(len(mask.masked), grid.time, -1)
    places = grid.rows * grid.columns
    first_of_slice = (torch.arange(grid.time) * places).view(1, -1, 1)
    assert torch.equal(slices - first_of_slice, slices[:, :1].expand_as(slices))
    hidden = torch.zeros(len(slices), places, dtype=torch.bool).scatter(1, slices[:, 0], True)
    return hidden.view(-1, grid.rows, grid.columns)


@pytest.mark.parametrize(
    ("grid", "ratio", "masked"),
    [
        (PAPER, 0.9, 176),  # 176.4 of 196
        (PAPER, 0.5, 98),
        (PAPER, 0.99, 194),
        (TokenGrid(2, 4, 4), 0.9, 14),
        (TokenGrid(1, 1, 8), 0.9, 7),
    ],
)
def test_blocks_extend_over_all_time_and_the_count_is_exact(grid, ratio, masked):
    mask = MaskTrial(MultiBlockMasking(ratio), grid, PIXEL, 20).mask()
    assert mask.masked.shape == (20, masked * grid.time)
    assert mask.visible.shape == (20, grid.num_tokens - masked * grid.time)
    assert places_of(mask, grid).sum() == 20 * masked


def test_one_block_by_hand():
    # A quarter of 8 × 8 places is one block of 4 × 4.
    masking = MultiBlockMasking(0.25, short=(1, 0.25), long=(1, 0.25), aspect=(1.0, 1.0))
    grid = TokenGrid(3, 8, 8)
    for hidden in places_of(MaskTrial(masking, grid, PIXEL, 50).mask(), grid):
        assert hidden.any(dim=0).sum() == 4
        assert hidden.any(dim=1).sum() == 4


def test_both_kinds_are_drawn_with_equal_chance():
    # Both hide 16 of 64 places: one block of 4 × 4, or single places.
    masking = MultiBlockMasking(0.25, short=(16, 1 / 64), long=(1, 0.25), aspect=(1.0, 1.0))
    grid = TokenGrid(1, 8, 8)
    hidden = places_of(MaskTrial(masking, grid, PIXEL, 400).mask(), grid)
    blocks = (hidden.any(dim=1).sum(dim=1) == 4) & (hidden.any(dim=2).sum(dim=1) == 4)
    # Four standard deviations of a share of 1/2 in 400 draws.
    assert abs(blocks.float().mean() - 0.5) < 4 * (0.25 / 400) ** 0.5


def test_the_blocks_of_a_kind_lie_anywhere():
    # A pair of 8 places in a row starts at each of 7 with equal chance.
    masking = MultiBlockMasking(0.25, short=(1, 0.25), long=(1, 0.25), aspect=(0.5, 0.5))
    mask = MaskTrial(masking, TokenGrid(1, 1, 8), PIXEL, 2000).mask()
    share = mask.masked[:, 0].bincount(minlength=7) / 2000
    # Four standard deviations of a share of 1/7 in 2,000 draws.
    assert (share - 1 / 7).abs().max() < 4 * (6 / 49 / 2000) ** 0.5


def test_blocks_beyond_the_count_are_left_out():
    # The first of the long blocks covers all 16 places; of it, 4 enter row by row from a corner.
    masking = MultiBlockMasking(0.25, short=(2, 1.0), long=(2, 1.0), aspect=(1.0, 1.0))
    grid = TokenGrid(2, 4, 4)
    for hidden in places_of(MaskTrial(masking, grid, PIXEL, 20).mask(), grid):
        assert hidden.any(dim=1).nonzero().flatten().tolist() in ([0], [3])


def test_further_blocks_are_drawn_while_fewer_are_covered():
    # One place a block and one block: 14 of 16 are hidden all the same.
    masking = MultiBlockMasking(0.9, short=(1, 1 / 16), long=(1, 1 / 16))
    mask = MaskTrial(masking, TokenGrid(2, 4, 4), PIXEL, 20).mask()
    assert mask.masked.shape == (20, 28)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ratio": 1.0}, "masking ratio must lie between 0 and 1, got 1.0"),
        ({"short": (0, 0.15)}, r"short must be a number of blocks .*, got \[0, 0.15\]"),
        ({"long": (2, 1.5)}, r"long must be .* at most 1, got \[2, 1.5\]"),
        ({"aspect": (0.0, 1.5)}, r"aspect of a block must be .* above 0, got \[0.0, 1.5\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        MultiBlockMasking(**settings)


def test_it_says_what_it_is():
    assert repr(MultiBlockMasking()) == (
        "MultiBlockMasking(ratio=0.9, short=(8, 0.15), long=(2, 0.7), aspect=(0.75, 1.5))"
    )
