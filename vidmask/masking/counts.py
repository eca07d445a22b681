"""How many tokens a ratio hides, where it does not divide their number too."""

import math


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
    return _between(int(total * (1 - ratio)), total, ratio, what)


def num_masked(total: int, ratio: float, what: str) -> int:
    """Return how many are hidden: ``int(total * ratio)``, truncated as in VideoMAE's code.

    Args:
        total: How many there are.
        ratio: Share of them that is hidden.
        what: What they are, for the message.

    Raises:
        ValueError: If none would be visible or none hidden.
    """
    return total - _between(total - int(total * ratio), total, ratio, what)


def _between(visible: int, total: int, ratio: float, what: str) -> int:
    if total < 2:
        raise ValueError(
            f"no ratio can hide a part of {total} {what}: at least 1 must stay visible and 1 be hidden"
        )
    if not 0 < visible < total:
        raise ValueError(
            f"masking ratio {ratio} leaves {visible} of {total} {what} visible: at least 1 must stay "
            f"visible and 1 be hidden, so give a ratio between {_up(1 / total)} and {_down(1 - 1 / total)}"
        )
    return visible


def _up(ratio: float) -> float:
    return math.ceil(ratio * 1e4) / 1e4


def _down(ratio: float) -> float:
    return math.floor(ratio * 1e4) / 1e4
