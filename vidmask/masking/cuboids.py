"""Cuboids of tokens, drawn one after another until as many tokens as wanted are hidden."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from vidmask.tokens import TokenGrid

Range = tuple[float, float]
Sides = tuple[int, int, int]
Cuboid = tuple[slice, slice, slice]


@dataclass(frozen=True)
class CuboidSizes:
    """How large cuboids are: each is drawn anew between the lowest and the highest value.

    Sides are rounded to whole tokens, at least 1 and at most the grid's.

    Args:
        share: Share of the places of a slice, drawn uniformly.
        aspect: Rows over columns, in tokens, drawn uniformly on a logarithmic scale.
        duration: Share of the slices of time, drawn uniformly.

    Raises:
        ValueError: If a share is not above 0 and at most 1, an aspect is not above 0, or the lowest value
            is above the highest.
    """

    share: Range
    aspect: Range
    duration: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        for name, highest in (("share", 1), ("aspect", math.inf), ("duration", 1)):
            low, high = getattr(self, name)
            if not 0 < low <= high <= highest or math.isinf(high):
                accepted = "above 0 and at most 1" if highest == 1 else "above 0"
                raise ValueError(
                    f"{name} of a block must be a lowest and a highest value {accepted}, got {[low, high]}"
                )

    def draw(self, grid: TokenGrid, chances: list[float]) -> Sides:
        """Return slices, rows and columns of a cuboid.

        Args:
            grid: The tokens of one clip.
            chances: Three numbers in [0, 1).
        """
        area = grid.rows * grid.columns * _within(self.share, chances[0])
        aspect = math.exp(_within((math.log(self.aspect[0]), math.log(self.aspect[1])), chances[1]))
        slices = grid.time * _within(self.duration, chances[2])
        return (
            _side(slices, grid.time),
            _side(math.sqrt(area * aspect), grid.rows),
            _side(math.sqrt(area / aspect), grid.columns),
        )


def hide_cuboids(
    grid: TokenGrid, sizes: CuboidSizes, num_hidden: int, generator: torch.Generator, num_anywhere: int = 0
) -> Bool[np.ndarray, " n"]:
    """Return which tokens are hidden under cuboids: exactly ``num_hidden``, in raster order.

    Each cuboid is laid over a token that is still visible, drawn uniformly, so that it hides at least one
    token more and the drawing ends: of all cuboids of its size that hold the token, one is drawn
    uniformly. The last one is cut: its tokens enter slice by slice and row by row, from one of its eight
    corners (drawn), until as many as wanted are hidden. What is left of it is connected.

    Args:
        grid: The tokens of one clip.
        sizes: How large the cuboids are.
        num_hidden: How many tokens are hidden in the end.
        generator: The row's host generator.
        num_anywhere: How many cuboids, the first ones, lie anywhere within the grid, drawn uniformly.
    """
    hidden = np.zeros((grid.time, grid.rows, grid.columns), dtype=bool)
    num_drawn, missing = 0, num_hidden
    while missing > 0:
        chances = torch.rand(8, generator=generator, device="cpu", dtype=torch.float64).tolist()
        sides = sizes.draw(grid, chances[:3])
        over = None if num_drawn < num_anywhere else _one_visible(hidden, chances[6])
        missing -= cover(hidden, place(grid, sides, chances[3:6], over), missing, int(chances[7] * 8))
        num_drawn += 1
    return hidden.reshape(-1)


def place(grid: TokenGrid, sides: Sides, chances: list[float], over: Sides | None = None) -> Cuboid:
    """Return where a cuboid lies.

    Args:
        grid: The tokens of one clip.
        sides: Its slices, rows and columns.
        chances: Three numbers in [0, 1).
        over: Slice, row and column of a token that it holds; any if None.
    """
    lengths = (grid.time, grid.rows, grid.columns)
    starts = []
    for axis, (length, side, chance) in enumerate(zip(lengths, sides, chances, strict=True)):
        lowest = 0 if over is None else max(over[axis] - side + 1, 0)
        highest = length - side if over is None else min(over[axis], length - side)
        starts.append(lowest + int(chance * (highest - lowest + 1)))
    time, row, column = (slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    return time, row, column


def cover(hidden: Bool[np.ndarray, "t h w"], cuboid: Cuboid, at_most: int, corner: int) -> int:
    """Hide the tokens of a cuboid in place and return how many of them had been visible.

    Args:
        hidden: Which tokens are hidden.
        cuboid: Where the cuboid lies.
        at_most: How many visible tokens may be hidden.
        corner: Which of the eight corners they enter from where that is not all, 0 to 7.
    """
    time, row, column = (slice(None, None, -1 if corner >> axis & 1 else 1) for axis in range(3))
    inside = hidden[cuboid][time, row, column]
    entering = np.flatnonzero(~inside)[:at_most]
    inside[np.unravel_index(entering, inside.shape)] = True
    return len(entering)


def _one_visible(hidden: Bool[np.ndarray, "t h w"], chance: float) -> Sides:
    visible = np.flatnonzero(~hidden)
    time, row, column = np.unravel_index(visible[int(chance * len(visible))], hidden.shape)
    return int(time), int(row), int(column)


def _within(bounds: Range, chance: float) -> float:
    return bounds[0] + chance * (bounds[1] - bounds[0])


def _side(length: float, longest: int) -> int:
    return min(max(round(length), 1), longest)
