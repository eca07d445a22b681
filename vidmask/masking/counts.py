"""How many tokens a ratio hides, where it does not divide their number too."""

from collections.abc import Callable

STEPS = 10_000
"""Ratios are suggested to four decimals."""


def checked_ratio(ratio: float) -> float:
    """Return a masking ratio.

    Raises:
        ValueError: If it is not between 0 and 1.
    """
    if not 0 < ratio < 1:
        raise ValueError(f"masking ratio must lie between 0 and 1, got {ratio}")
    return ratio


def num_visible(total: int, ratio: float, what: str) -> int:
    """Return how many stay visible: ``int(total * (1 - ratio))``, truncated as in MAE-ST's code.

    Args:
        total: How many there are.
        ratio: Share of them that is hidden.
        what: What they are, for the message.

    Raises:
        ValueError: If none would be visible or none hidden.
    """
    return _checked(lambda each: int(total * (1 - each)), total, ratio, what)


def num_masked(total: int, ratio: float, what: str) -> int:
    """Return how many are hidden: ``int(total * ratio)``, truncated as in VideoMAE's code.

    Args:
        total: How many there are.
        ratio: Share of them that is hidden.
        what: What they are, for the message.

    Raises:
        ValueError: If none would be visible or none hidden.
    """
    return total - _checked(lambda each: total - int(total * each), total, ratio, what)


def _checked(visible: Callable[[float], int], total: int, ratio: float, what: str) -> int:
    """Return how many a rule leaves visible at a ratio, if that is some and not all."""
    if total < 2:
        raise ValueError(
            f"no ratio can hide a part of {total} {what}: at least 1 must stay visible and 1 be hidden"
        )
    found = visible(ratio)
    if not 0 < found < total:
        # Asked of the rule itself: int(10 * (1 - 0.9)) is 0, so that one of ten needs a ratio below 0.9.
        fitting = [step / STEPS for step in range(1, STEPS) if 0 < visible(step / STEPS) < total]
        raise ValueError(
            f"masking ratio {ratio} leaves {found} of {total} {what} visible: at least 1 must stay "
            f"visible and 1 be hidden, so give a ratio between {fitting[0]} and {fitting[-1]}"
        )
    return found
