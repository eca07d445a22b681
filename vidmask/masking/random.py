"""Tokens hidden wherever they are."""

from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor

from vidmask.masking.base import MaskGenerator
from vidmask.masking.counts import checked_ratio, num_visible
from vidmask.masking.splitting import mask_on, split_at_random
from vidmask.tokens import TokenGrid, TokenMask


class RandomMasking(MaskGenerator):
    """Hide tokens uniformly at random over space and time (MAE-ST's "space-time-agnostic" masking).

    ``int(num_tokens * (1 - ratio))`` tokens stay visible, truncated as in MAE-ST's code: of 1,568 tokens
    at a ratio of 0.9, 156.

    Args:
        ratio: Share of the tokens that is hidden, between 0 and 1.

    Raises:
        ValueError: If the ratio is not between 0 and 1.

    Source: MAE-ST (arXiv 2205.09113), section 3, figure 4 and table 2a.
    """

    def __init__(self, ratio: float = 0.9) -> None:
        self.ratio = checked_ratio(ratio)

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        total = grid.num_tokens
        return mask_on(
            clips.device, split_at_random(total, num_visible(total, self.ratio, "tokens"), generators)
        )

    def __repr__(self) -> str:
        return f"RandomMasking(ratio={self.ratio})"
