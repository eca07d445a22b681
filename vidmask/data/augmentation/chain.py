"""Several augmentations, one after the other."""

from collections.abc import Sequence

from vidmask.data.augmentation.base import ClipAugmentation
from vidmask.data.augmentation.flip import RandomFlip


def flip_and_others(flip: float, others: Sequence[ClipAugmentation]) -> list[ClipAugmentation]:
    """Return the flip and what comes after it, each with draws of its own.

    Args:
        flip: Probability that a clip is mirrored.
        others: What is done then, in this order.

    Raises:
        ValueError: If the probability is not in [0, 1], or two draw the same numbers.
    """
    if not 0 <= flip <= 1:
        raise ValueError(f"flip must be a probability in [0, 1], got {flip}")
    augmentations = [*([RandomFlip(flip)] if flip else []), *others]
    choices = [augmentation.choice for augmentation in augmentations]
    for choice in choices:
        if choices.count(choice) > 1:
            raise ValueError(
                f"two augmentations draw the same numbers, as both have the choice {choice!r}: take one out "
                "(flip is a RandomFlip too), or give it another choice"
            )
    return augmentations
