"""Which tokens are hidden: mask generators.

A mask generator draws row ``i`` from ``generators[i]`` alone, so that a sample's mask does not depend on
the batch it stands in.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from vidmask.tokens import TokenGrid, TokenMask


class MaskGenerator(ABC):
    """Chooses the visible and the masked tokens of a batch. A new one overrides ``__call__``."""

    @abstractmethod
    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Return the mask of a batch.

        Args:
            clips: The clips, on the device; content-aware masks look at them.
            grid: The tokens of one clip.
            generators: One host generator a row.
        """


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
        self.ratio = _checked_ratio(ratio)

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        total = grid.num_tokens
        visible, masked = _split_at_random(total, _num_visible(total, self.ratio, "tokens"), generators)
        return TokenMask(
            visible.to(clips.device, non_blocking=True), masked.to(clips.device, non_blocking=True)
        )

    def __repr__(self) -> str:
        return f"RandomMasking(ratio={self.ratio})"


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
        self.ratio = _checked_ratio(ratio)

    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        places = grid.rows * grid.columns
        num_visible = places - _num_masked(places, self.ratio, "places of a slice")
        visible, masked = _split_at_random(places, num_visible, generators)
        return TokenMask(
            _in_every_slice(visible, grid).to(clips.device, non_blocking=True),
            _in_every_slice(masked, grid).to(clips.device, non_blocking=True),
        )

    def __repr__(self) -> str:
        return f"TubeMasking(ratio={self.ratio})"


def _checked_ratio(ratio: float) -> float:
    if not 0 < ratio < 1:
        raise ValueError(f"masking ratio must lie between 0 and 1, got {ratio}")
    return ratio


def _num_visible(total: int, ratio: float, what: str) -> int:
    return _between(int(total * (1 - ratio)), total, ratio, what)


def _num_masked(total: int, ratio: float, what: str) -> int:
    return total - _between(total - int(total * ratio), total, ratio, what)


def _between(num_visible: int, total: int, ratio: float, what: str) -> int:
    if not 0 < num_visible < total:
        raise ValueError(
            f"masking ratio {ratio} leaves {num_visible} of {total} {what} visible: at least 1 must stay "
            f"visible and 1 be hidden, so give a ratio between {_up(1 / total)} and {_down(1 - 1 / total)}"
        )
    return num_visible


def _up(ratio: float) -> float:
    return math.ceil(ratio * 1e4) / 1e4


def _down(ratio: float) -> float:
    return math.floor(ratio * 1e4) / 1e4


def _split_at_random(
    total: int, num_visible: int, generators: Sequence[torch.Generator]
) -> tuple[Int[Tensor, "b k"], Int[Tensor, "b m"]]:
    noise = torch.stack([torch.rand(total, generator=generator, device="cpu") for generator in generators])
    return _split_by_rank(noise, num_visible)


def _split_by_rank(
    noise: Float[Tensor, "b n"], num_visible: int
) -> tuple[Int[Tensor, "b k"], Int[Tensor, "b m"]]:
    order = noise.argsort(dim=1, stable=True)
    return order[:, :num_visible].sort(dim=1).values, order[:, num_visible:].sort(dim=1).values


def _in_every_slice(places: Int[Tensor, "b s"], grid: TokenGrid) -> Int[Tensor, "b n"]:
    first_of_slice = torch.arange(grid.time, device=places.device) * (grid.rows * grid.columns)
    return (first_of_slice[:, None] + places[:, None, :]).flatten(1)
