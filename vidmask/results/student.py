"""Mean, spread, and Student's interval of a few numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats


class Spread(NamedTuple):
    """How numbers scatter.

    Attributes:
        n: How many there are.
        mean: Their mean; NaN of none.
        std: Their standard deviation, over n - 1; NaN below two.
        low: Lower end of the interval of the mean, mean - t · std / √n; NaN below two.
        high: Its upper end.
    """

    n: int
    mean: float
    std: float
    low: float
    high: float


def spread(values: Sequence[float], level: float) -> Spread:
    """Return how numbers scatter, with the interval by Student's t of n - 1 degrees of freedom.

    Args:
        values: The numbers; one that is NaN makes all but ``n`` NaN.
        level: How often such an interval holds the mean of the distribution, if that is normal.

    Raises:
        ValueError: If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    n = len(values)
    if n == 0:
        return Spread(0, *[math.nan] * 4)
    mean = math.fsum(values) / n
    if n == 1:
        return Spread(1, mean, *[math.nan] * 3)
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * std / math.sqrt(n)
    return Spread(n, mean, std, mean - half, mean + half)
