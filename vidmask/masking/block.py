"""Cuboids of space and time hidden."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from vidmask.masking.base import MaskGenerator
from vidmask.masking.counts import checked_ratio, num_visible
from vidmask.masking.cuboids import CuboidSizes, hide_cuboids
from vidmask.masking.splitting import mask_on, split_by_flag
from vidmask.tokens import TokenGrid, TokenMask


class BlockMasking(MaskGenerator):
    """Hide cuboids in space and time (MAE-ST's "block-wise" masking, MaskFeat's "cube").

    Cuboids of random size and place are drawn until the wanted number of tokens is hidden. Each is laid
    over a token that is still visible. ``int(num_tokens * (1 - ratio))`` tokens stay visible, as in
    ``RandomMasking``: of 1,568 tokens at a ratio of 0.75, 392. The count is exact, because the last cuboid
    is cut: its tokens enter slice by slice and row by row from one of its corners, so that what is left
    of it is connected.

    Args:
        ratio: Share of the tokens that is hidden, between 0 and 1.
        share: Lowest and highest share of the places of a slice that a cuboid takes.
        aspect: Lowest and highest number of rows over columns of a cuboid, in tokens.
        duration: Lowest and highest share of the slices of time that a cuboid takes.

    Raises:
        ValueError: If the ratio is not between 0 and 1, a share or a duration not above 0 and at most 1,
            an aspect not above 0, or a lowest value above the highest.

    Source: MAE-ST (arXiv 2205.09113), figure 4d and table 2a, where 0.75 is the ratio; MaskFeat
    (arXiv 2112.09133), the section on masking, which hides 40 %.

    Deviation: the sizes, aspects and durations are ours, and so is that a cuboid is laid over a visible
    token and not anywhere: the drawing always ends, and corners are hidden more often than they would be
    (but still less often than the middle: of 8×14×14 tokens at 0.75, 20 % against 96 %; anywhere, 8 and 100).
    """

    def __init__(
        self,
        ratio: float = 0.75,
        share: tuple[float, float] = (0.05, 0.3),
        aspect: tuple[float, float] = (0.5, 2.0),
        duration: tuple[float, float] = (0.25, 1.0),
    ) -> None:
        self.ratio = checked_ratio(ratio)
        self.sizes = CuboidSizes(share, aspect, duration)

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        visible = num_visible(grid.num_tokens, self.ratio, "tokens")
        rows = [hide_cuboids(grid, self.sizes, grid.num_tokens - visible, chance) for chance in generators]
        return mask_on(clips.device, split_by_flag(torch.from_numpy(np.stack(rows)), visible))

    def __repr__(self) -> str:
        sizes = self.sizes
        return (
            f"BlockMasking(ratio={self.ratio}, share={sizes.share}, aspect={sizes.aspect}, "
            f"duration={sizes.duration})"
        )
