"""Large blocks of places hidden over the whole clip."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from vidmask.masking.base import MaskGenerator
from vidmask.masking.counts import checked_ratio, num_masked
from vidmask.masking.cuboids import CuboidSizes, hide_cuboids
from vidmask.masking.splitting import in_every_slice, mask_on, split_by_flag
from vidmask.tokens import TokenGrid, TokenMask


class MultiBlockMasking(MaskGenerator):
    """Hide the union of a few blocks of places in every slice of time (V-JEPA's multi-block masking).

    Each clip draws, with equal chance, the short-range kind (many small blocks) or the long-range kind
    (few large ones). Its blocks lie anywhere, may overlap, and are hidden one after another until
    ``int(ratio * places)`` places are hidden, as in ``TubeMasking``: of 14×14 places at a ratio of 0.9,
    176. While they cover fewer, further blocks of the same kind are laid over places that are still
    visible. The block with which the count is reached is cut, and later ones are left out: its places
    enter row by row from one of its corners, so that what is left of it is connected.

    Args:
        ratio: Share of the places that is hidden, between 0 and 1.
        short: How many blocks the short-range kind has, and the share of the places that each takes.
        long: The same of the long-range kind.
        aspect: Lowest and highest number of rows over columns of a block, in tokens.

    Raises:
        ValueError: If the ratio is not between 0 and 1, a number of blocks below 1, a share not above 0
            and at most 1, an aspect not above 0, or the lowest one above the highest.

    Source: V-JEPA (arXiv 2404.08471), section 3.2, whose union of blocks hides about 90 %.

    Deviation: V-JEPA predicts both kinds of every clip and cuts all clips to the smallest count of the
    batch, so that a mask depends on the batch; here each clip has one kind and an exact count, which is
    known beforehand. Aspects are drawn uniformly on a logarithmic scale, one a block.
    """

    def __init__(
        self,
        ratio: float = 0.9,
        short: tuple[int, float] = (8, 0.15),
        long: tuple[int, float] = (2, 0.7),
        aspect: tuple[float, float] = (0.75, 1.5),
    ) -> None:
        self.ratio = checked_ratio(ratio)
        self.short, self.long, self.aspect = short, long, aspect
        for name, (blocks, share) in (("short", short), ("long", long)):
            if blocks < 1 or not 0 < share <= 1:
                raise ValueError(
                    f"{name} must be a number of blocks from 1 on and their share of the places, above 0 "
                    f"and at most 1, got {[blocks, share]}"
                )
        self._kinds = [
            (blocks, CuboidSizes((share, share), aspect)) for blocks, share in (self.short, self.long)
        ]

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        places = grid.rows * grid.columns
        masked = num_masked(places, self.ratio, "places of a slice")
        one_slice = TokenGrid(1, grid.rows, grid.columns)
        rows = [self._draw(one_slice, masked, generator) for generator in generators]
        visible, hidden = split_by_flag(torch.from_numpy(np.stack(rows)), places - masked)
        return mask_on(clips.device, (in_every_slice(visible, grid), in_every_slice(hidden, grid)))

    def _draw(self, grid: TokenGrid, masked: int, generator: torch.Generator) -> Bool[np.ndarray, " n"]:
        kind = int(torch.randint(2, (), generator=generator, device="cpu"))
        blocks, sizes = self._kinds[kind]
        return hide_cuboids(grid, sizes, masked, generator, num_anywhere=blocks)

    def __repr__(self) -> str:
        return (
            f"MultiBlockMasking(ratio={self.ratio}, short={self.short}, long={self.long}, "
            f"aspect={self.aspect})"
        )
