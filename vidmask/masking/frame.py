"""Slices of time hidden as a whole."""

from collections.abc import Sequence

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from vidmask.masking.base import MaskGenerator
from vidmask.masking.counts import checked_ratio, num_masked
from vidmask.masking.splitting import mask_on, split_at_random
from vidmask.tokens import TokenGrid, TokenMask


class FrameMasking(MaskGenerator):
    """Hide whole slices of time (MAE-ST's "time-only" masking, VideoMAE's "frame").

    ``int(ratio * slices)`` slices are hidden, truncated: of 8 slices at a ratio of 0.75, 6, and at 0.9, 7.

    Args:
        ratio: Share of the slices that is hidden, between 0 and 1.

    Raises:
        ValueError: If the ratio is not between 0 and 1.

    Source: MAE-ST (arXiv 2205.09113), figure 4c and table 2a, where 0.75 is the ratio; VideoMAE
    (arXiv 2203.12602), section 3.3.
    """

    def __init__(self, ratio: float = 0.75) -> None:
        self.ratio = checked_ratio(ratio)

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        num_visible = grid.time - num_masked(grid.time, self.ratio, "slices of time")
        visible, masked = split_at_random(grid.time, num_visible, generators)
        return mask_on(clips.device, (_tokens_of(visible, grid), _tokens_of(masked, grid)))

    def __repr__(self) -> str:
        return f"FrameMasking(ratio={self.ratio})"


def _tokens_of(slices: Int[Tensor, "b s"], grid: TokenGrid) -> Int[Tensor, "b n"]:
    places = grid.rows * grid.columns
    return (slices[:, :, None] * places + torch.arange(places, device=slices.device)).flatten(1)
