"""Cuboids of space and time hidden."""

from itertools import product

import pytest
import torch

from vidmask.masking import BlockMasking
from vidmask.testing.masks import MaskTrial
from vidmask.tokens import TokenGrid, Tubelet

PIXEL = Tubelet(1, 1, 1)
# Cuboids of 2 × 2 × 2 tokens in a grid of 4 × 4 × 4.
TWOS = {"share": (0.25, 0.25), "aspect": (1.0, 1.0), "duration": (0.5, 0.5)}
FOURS = TokenGrid(4, 4, 4)


def positions(masked: torch.Tensor, grid: TokenGrid) -> torch.Tensor:
    places = grid.rows * grid.columns
    return torch.stack([masked // places, masked // grid.columns % grid.rows, masked % grid.columns], -1)


def extent(tokens: torch.Tensor) -> list[int]:
    return (tokens.max(dim=0).values - tokens.min(dim=0).values + 1).tolist()


@pytest.mark.parametrize(
    ("grid", "ratio", "visible"),
    [
        (TokenGrid(8, 14, 14), 0.75, 392),
        (TokenGrid(8, 14, 14), 0.9, 156),
        (TokenGrid(8, 14, 14), 0.333, 1045),  # 1,045.856
        (TokenGrid(2, 4, 4), 0.9, 3),
        (TokenGrid(1, 1, 8), 0.5, 4),
        (TokenGrid(1, 1, 2), 0.5, 1),
    ],
)
def test_as_many_tokens_are_visible_as_at_random(grid, ratio, visible):
    mask = MaskTrial(BlockMasking(ratio), grid, PIXEL, 20).mask()
    assert mask.visible.shape == (20, visible)
    assert mask.masked.shape == (20, grid.num_tokens - visible)


def test_one_cuboid_is_hidden_where_one_is_enough():
    mask = MaskTrial(BlockMasking(8 / 64, **TWOS), FOURS, PIXEL, 50).mask()
    for tokens in positions(mask.masked, FOURS):
        assert extent(tokens) == [2, 2, 2]


def test_a_cuboid_that_is_cut_stays_within_itself_and_connected():
    mask = MaskTrial(BlockMasking(5 / 64, **TWOS), FOURS, PIXEL, 50).mask()
    assert mask.masked.shape == (50, 5)
    for tokens in positions(mask.masked, FOURS):
        # Five of the eight: one of the two slices whole, and one token of the other, which touches it.
        assert extent(tokens) == [2, 2, 2]
        assert tokens[:, 0].sub(tokens[:, 0].min()).sum() in (1, 4)


def test_what_is_hidden_is_a_union_of_cuboids_of_which_one_is_cut():
    mask = MaskTrial(BlockMasking(27 / 64, **TWOS), FOURS, PIXEL, 50).mask()
    for tokens in positions(mask.masked, FOURS):
        hidden = {tuple(token) for token in tokens.tolist()}
        whole = set()
        for start in product(range(3), repeat=3):
            cuboid = {
                tuple(begin + step for begin, step in zip(start, steps, strict=True))
                for steps in product(range(2), repeat=3)
            }
            if cuboid <= hidden:
                whole |= cuboid
        assert len(whole) >= 16
        rest = torch.tensor(sorted(hidden - whole))
        assert len(rest) == 0 or max(extent(rest)) <= 2


def test_cuboids_have_the_given_sizes():
    # 7 places of 196 at 7 rows a column: 7 × 1 in all 8 slices, which is one cuboid and never cut.
    sizes = {"share": (0.0357, 0.0357), "aspect": (7.0, 7.0), "duration": (1.0, 1.0)}
    grid = TokenGrid(8, 14, 14)
    mask = MaskTrial(BlockMasking(56 / 1568 - 1e-9, **sizes), grid, PIXEL, 20).mask()
    for tokens in positions(mask.masked, grid):
        assert extent(tokens) == [8, 7, 1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ratio": 0.0}, "masking ratio must lie between 0 and 1, got 0.0"),
        ({"share": (0.0, 0.3)}, r"share of a block must be .*, got \[0.0, 0.3\]"),
        ({"aspect": (2.0, 1.0)}, r"aspect of a block must be .*, got \[2.0, 1.0\]"),
        ({"duration": (0.5, 1.5)}, r"duration of a block must be .*, got \[0.5, 1.5\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        BlockMasking(**settings)


def test_it_says_what_it_is():
    assert repr(BlockMasking(0.5, duration=(0.5, 1.0))) == (
        "BlockMasking(ratio=0.5, share=(0.05, 0.3), aspect=(0.5, 2.0), duration=(0.5, 1.0))"
    )
