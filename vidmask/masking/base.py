"""What a mask generator is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor

from vidmask.tokens import TokenGrid, TokenMask


class MaskGenerator(ABC):
    """Chooses the visible and the masked tokens of a batch. A new one overrides ``__call__``.

    ``vidmask.testing.masks.check_mask_generator`` tries a new one on everything that is asked of it.
    """

    @abstractmethod
    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Return the mask of a batch, on the device of the clips.

        Indices ascend within a row. How many are visible and how many masked is the same in every row,
        and known from the settings and the grid alone. Row ``i`` is drawn from ``generators[i]`` alone.

        Args:
            clips: The clips, on the device; content-aware masks look at them, of whatever size they are.
            grid: The tokens of one clip.
            generators: One host generator a row.
        """
