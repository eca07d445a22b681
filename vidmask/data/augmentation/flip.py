"""Mirrored clips."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Generator, Tensor

from vidmask.data.augmentation.base import ClipAugmentation


class RandomFlip(ClipAugmentation):
    """Mirrors clips left to right.

    Not where motion is a label: a mirror swaps right with left and clockwise with counter-clockwise, and
    the label would stay. VideoMAE's and the Something-Something recipes have none.

    Args:
        probability: Probability that a clip is mirrored.
        choice: Name of the draws; see ``ClipAugmentation``.

    Raises:
        ValueError: If the probability is not in [0, 1].
    """

    def __init__(self, probability: float = 0.5, choice: str = "flip") -> None:
        super().__init__(probability, choice)

    def augment(
        self, clips: Float[Tensor, "b 3 t h w"], chances: Sequence[Generator]
    ) -> Float[Tensor, "b 3 t h w"]:
        """Mirror every clip; see ``ClipAugmentation``."""
        return clips.flip(-1)
