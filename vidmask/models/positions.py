"""Position embeddings of the token grid: learned and separable, or fixed sines and cosines."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vidmask.choices import checked_choice
from vidmask.tokens import TokenGrid, gather_tokens

PositionKind = Literal["separable", "sincos1d", "sincos3d"]


class SeparablePositions(nn.Module):
    """Learned embeddings, one for each place and one for each slice of time, added.

    Args:
        grid: The tokens of a clip.
        embed_dim: Width of the tokens.

    Source: MAE-ST (arXiv 2205.09113), section 3, "separable positional embeddings".
    """

    def __init__(self, grid: TokenGrid, embed_dim: int) -> None:
        super().__init__()
        self.spatial = nn.Parameter(torch.empty(1, grid.rows * grid.columns, embed_dim))
        self.temporal = nn.Parameter(torch.empty(1, grid.time, embed_dim))
        nn.init.trunc_normal_(self.spatial, std=0.02)
        nn.init.trunc_normal_(self.temporal, std=0.02)

    def forward(self, indices: Int[Tensor, "b k"] | None = None) -> Float[Tensor, "... k d"]:
        """Return the embeddings at ``indices``, or ``[1 n d]`` for all tokens."""
        table = (self.temporal.unsqueeze(2) + self.spatial.unsqueeze(1)).flatten(1, 2)
        # A gather from rows of their own has a deterministic gradient, and a faster one than indexing.
        return table if indices is None else gather_tokens(table.expand(len(indices), -1, -1), indices)


class SinCosPositions(nn.Module):
    """Fixed sines and cosines, in one dimension over the raster index or in three over the grid.

    Neither a parameter nor part of a checkpoint, as in VideoMAE.

    Args:
        grid: The tokens of a clip.
        embed_dim: Width of the tokens.
        dimensions: 1 for VideoMAE's table over the raster index; 3 for one over time, row and column.
    """

    table: Float[Tensor, "n d"]

    def __init__(self, grid: TokenGrid, embed_dim: int, dimensions: Literal[1, 3] = 1) -> None:
        super().__init__()
        table = sincos_1d(grid.num_tokens, embed_dim) if dimensions == 1 else sincos_3d(grid, embed_dim)
        self.register_buffer("table", table, persistent=False)

    def forward(self, indices: Int[Tensor, "b k"] | None = None) -> Float[Tensor, "... k d"]:
        """Return the embeddings at ``indices``, or ``[1 n d]`` for all tokens."""
        return self.table.unsqueeze(0) if indices is None else self.table[indices]


def build_positions(
    kind: PositionKind, grid: TokenGrid, embed_dim: int
) -> SeparablePositions | SinCosPositions:
    """Build the position embedding of that kind.

    Raises:
        ValueError: If there is no such kind.
    """
    checked_choice("positions", kind, PositionKind)
    if kind == "separable":
        return SeparablePositions(grid, embed_dim)
    return SinCosPositions(grid, embed_dim, dimensions=1 if kind == "sincos1d" else 3)


def sincos_1d(num_positions: int, embed_dim: int) -> Float[Tensor, "n d"]:
    """Return the table of "Attention is all you need" (section 3.5), as VideoMAE uses it.

    Sines stand in even channels and cosines in odd ones: channel j of position i holds
    sin or cos of ``i / 10000 ** (2 * (j // 2) / embed_dim)``. Worked out in float64.
    """
    channel = torch.arange(embed_dim, dtype=torch.float64)
    wavelength = 10000 ** (2 * (channel // 2) / embed_dim)
    angle = torch.arange(num_positions, dtype=torch.float64)[:, None] / wavelength
    table = torch.where(channel.long() % 2 == 0, angle.sin(), angle.cos())
    return table.float()


def sincos_3d(grid: TokenGrid, embed_dim: int) -> Float[Tensor, "n d"]:
    """Return sines and cosines over time, row and column, in that order of channels.

    Each of row and column takes 3/8 of the width, rounded down to pairs of channels, and time the rest;
    within an axis the sines come first. Angles grow by 1 radian a token in the first channel of an axis, and
    in its last by about 1 radian over the whole axis.

    Deviation: MAE-ST says that sine-cosine embeddings "work similarly" and gives no form; the split of
    the width and the angles are ours. With the 10,000 of a sentence in place of the axis' length, most
    channels of so short an axis hardly change along it, and tokens are told apart more slowly.

    Raises:
        ValueError: If the width is odd or below 8, too few channels for three axes.
    """
    if embed_dim % 2 or embed_dim < 8:
        raise ValueError(
            f"three-dimensional sine-cosine positions need an even embed_dim of at least 8, got {embed_dim}"
        )
    pairs_in_space = embed_dim // 2 * 3 // 8
    widths = (embed_dim - 4 * pairs_in_space, 2 * pairs_in_space, 2 * pairs_in_space)
    time, row, column = (
        _axis_table(n, d) for n, d in zip((grid.time, grid.rows, grid.columns), widths, strict=True)
    )
    shape = (grid.time, grid.rows, grid.columns, -1)
    table = torch.cat(
        [
            time[:, None, None].expand(shape),
            row[None, :, None].expand(shape),
            column[None, None].expand(shape),
        ],
        dim=-1,
    )
    return table.flatten(0, 2).float()


def _axis_table(length: int, width: int) -> Float[Tensor, "n d"]:
    frequency = float(length) ** (-torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angle = torch.arange(length, dtype=torch.float64)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)
