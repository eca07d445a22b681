"""Position embeddings."""

import math

import pytest
import torch

from vidmask.models.positions import (
    SeparablePositions,
    SinCosPositions,
    build_positions,
    sincos_1d,
    sincos_3d,
)
from vidmask.tokens import TokenGrid

GRID = TokenGrid(3, 2, 4)


def test_sincos_1d_equals_the_formula() -> None:
    table = sincos_1d(5, 6)
    for position in range(5):
        for channel in range(6):
            angle = position / 10000 ** (2 * (channel // 2) / 6)
            expected = math.sin(angle) if channel % 2 == 0 else math.cos(angle)
            assert table[position, channel].item() == pytest.approx(expected, abs=1e-7)


def test_sincos_3d_holds_each_axis_in_its_own_channels() -> None:
    width = 32
    table = sincos_3d(GRID, width).view(3, 2, 4, width)
    time, row, column = table.split((8, 12, 12), dim=-1)
    assert (time == time[:, :1, :1]).all()
    assert (row == row[:1, :, :1]).all()
    assert (column == column[:1, :1]).all()
    assert time[2, 0, 0, 1].item() == pytest.approx(math.sin(2 * 3 ** (-1 / 4)), abs=1e-6)
    assert row[0, 1, 0, 6].item() == pytest.approx(math.cos(1), abs=1e-6)
    assert column[0, 0, 3, 0].item() == pytest.approx(math.sin(3), abs=1e-6)
    assert column[0, 0, 3, 5].item() == pytest.approx(math.sin(3 * 4 ** (-5 / 6)), abs=1e-6)


@pytest.mark.parametrize("width", [8, 10, 32, 96, 192, 384, 512, 768])
def test_sincos_3d_tells_all_tokens_apart_at_every_width(width: int) -> None:
    table = sincos_3d(GRID, width)
    assert table.shape == (24, width)
    assert len(table.unique(dim=0)) == 24


@pytest.mark.parametrize("width", [6, 33])
def test_sincos_3d_refuses_a_width_without_room_for_three_axes(width: int) -> None:
    with pytest.raises(ValueError, match=f"got {width}"):
        sincos_3d(GRID, width)


def test_separable_positions_are_the_sum_of_place_and_time() -> None:
    positions = SeparablePositions(GRID, 5)
    everything = positions()
    for time in range(3):
        for place in range(8):
            expected = positions.spatial[0, place] + positions.temporal[0, time]
            torch.testing.assert_close(everything[0, time * 8 + place], expected)


@pytest.mark.parametrize("kind", ["separable", "sincos1d", "sincos3d"])
def test_positions_of_chosen_tokens_are_those_of_all_tokens(kind: str) -> None:
    positions = build_positions(kind, GRID, 16)
    indices = torch.tensor([[0, 23, 9], [4, 5, 6]])
    torch.testing.assert_close(positions(indices), positions()[0][indices])


def test_sincos_positions_are_no_part_of_a_checkpoint() -> None:
    positions = SinCosPositions(GRID, 16)
    assert not positions.state_dict()
    assert not list(positions.parameters())


def test_learned_positions_start_with_a_standard_deviation_of_two_hundredths() -> None:
    torch.manual_seed(0)
    positions = SeparablePositions(TokenGrid(8, 14, 14), 768)
    assert positions.spatial.std().item() == pytest.approx(0.02, rel=0.05)
    assert positions.temporal.std().item() == pytest.approx(0.02, rel=0.05)
