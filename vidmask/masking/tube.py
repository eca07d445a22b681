"""Places hidden over the whole clip."""

from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor

from vidmask.masking.base import MaskGenerator
from vidmask.masking.counts import checked_ratio, num_masked
from vidmask.masking.splitting import in_every_slice, mask_on, split_at_random
from vidmask.tokens import TokenGrid, TokenMask


class TubeMasking(MaskGenerator):
    """Hide the same places in every slice of time (VideoMAE's tube, MAE-ST's "space-only" masking).

    ``int(ratio * places)`` of a slice's places are hidden, truncated as in VideoMAE's code: of 14×14
    places at a ratio of 0.9, 176, which leaves 20 × 8 slices = 160 tokens visible.

    Args:
        ratio: Share of the places that is hidden, between 0 and 1.

    Raises:
        ValueError: If the ratio is not between 0 and 1.

    Source: VideoMAE (arXiv 2203.12602), section 3.3; MAE-ST, figure 4b.
    """

    def __init__(self, ratio: float = 0.9) -> None:
        self.ratio = checked_ratio(ratio)

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        places = grid.rows * grid.columns
        num_visible = places - num_masked(places, self.ratio, "places of a slice")
        visible, masked = split_at_random(places, num_visible, generators)
        return mask_on(clips.device, (in_every_slice(visible, grid), in_every_slice(masked, grid)))

    def __repr__(self) -> str:
        return f"TubeMasking(ratio={self.ratio})"
