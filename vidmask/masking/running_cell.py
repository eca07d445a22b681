"""Only a part of the hidden tokens is predicted."""

from collections.abc import Sequence

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from vidmask.masking.base import MaskGenerator
from vidmask.masking.splitting import split_by_rank
from vidmask.tokens import TokenGrid, TokenMask


class RunningCellMasking(MaskGenerator):
    """Predict a part of what another mask hides, chosen by a running cell (VideoMAE v2's dual masking).

    ``visible`` is the other mask's. ``masked`` is ``int(share * m)`` of its ``m`` masked tokens, at least
    1: of VideoMAE's 1,408 at a share of 0.5, 704. The others are neither seen nor predicted, which saves
    the decoder's work.

    The places of a slice are cut into cells of ``cell`` × ``cell``, and the places of a cell are counted
    in raster order. From slice to slice what is predicted moves on by one place within every cell, from
    a start that is drawn for each clip: a place's phase is (its number - slice - start) modulo the places
    of a cell, and masked tokens enter by ascending phase, at random among equals, until the count is
    reached. Under a tube, a cell's worth of slices predicts every hidden place equally often where
    ``share`` of a cell is a whole number of places.

    Args:
        masking: Chooses what is visible, and of what a part is predicted.
        share: Share of its masked tokens that is predicted, above 0 and at most 1.
        cell: Rows and columns of a cell, in tokens.

    Raises:
        ValueError: If the share is not above 0 and at most 1, or the cell smaller than 1.

    Source: VideoMAE v2 (arXiv 2303.16727), section 3 on dual masking; there, ``TubeMasking(0.9)`` and a
    share of 0.5.

    Deviation: the count is exact. VideoMAE v2's cells do not know what the encoder sees, so that how many
    tokens are both hidden and chosen may differ from clip to clip.
    """

    def __init__(self, masking: MaskGenerator, share: float = 0.5, cell: int = 2) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share of the masked tokens must be above 0 and at most 1, got {share}")
        if cell < 1:
            raise ValueError(f"cell must be at least 1 token wide, got {cell}")
        self.masking = masking
        self.share = share
        self.cell = cell

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        inner = self.masking(clips, grid, generators)
        total = inner.masked.shape[1]
        num_starts = self.cell**2
        draws = [
            (
                torch.randint(num_starts, (1,), generator=generator, device="cpu"),
                torch.randperm(total, generator=generator, device="cpu"),
            )
            for generator in generators
        ]
        device = inner.masked.device
        starts, order = (
            torch.stack(drawn).to(device, non_blocking=True) for drawn in zip(*draws, strict=True)
        )
        phases = self._phases(inner.masked, grid, starts)
        chosen, _ = split_by_rank(phases * total + order, max(int(self.share * total), 1))
        return TokenMask(inner.visible, inner.masked.gather(1, chosen))

    def _phases(
        self, tokens: Int[Tensor, "b m"], grid: TokenGrid, starts: Int[Tensor, "b 1"]
    ) -> Int[Tensor, "b m"]:
        time = tokens // (grid.rows * grid.columns)
        row = tokens // grid.columns % grid.rows
        column = tokens % grid.columns
        number = row % self.cell * self.cell + column % self.cell
        return (number - time - starts) % self.cell**2

    def __repr__(self) -> str:
        return f"RunningCellMasking(masking={self.masking!r}, share={self.share}, cell={self.cell})"
