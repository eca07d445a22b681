"""How much of a number is chance: intervals over the videos of a test, and two classifiers on the same."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vidmask.data.words import counted, printable
from vidmask.evaluation.accuracy import top_k
from vidmask.evaluation.scores import VideoScores

# Numbers drawn at once; bounds the memory for values that are all different.
_DRAWN_AT_ONCE = 2**22


class Interval(NamedTuple):
    """Where a number lies, with some confidence."""

    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """Two classifiers on the same videos.

    Attributes:
        videos: How many they both answered.
        first: Top-1 accuracy of the first.
        second: Top-1 accuracy of the second.
        interval: Of the difference, over videos.
        only_first: Videos that the first alone answered rightly.
        only_second: Videos that the second alone answered rightly.
        p_value: How likely so uneven an ``only_first`` and ``only_second`` would be if both were as good:
            McNemar's test, exact and two-sided.
    """

    videos: int
    first: float
    second: float
    interval: Interval
    only_first: int
    only_second: int
    p_value: float

    @property
    def difference(self) -> float:
        """Return by how much the first is better; negative where the second is."""
        return (self.only_first - self.only_second) / self.videos


def interval(
    correct: Bool[Tensor, " v"] | Float[Tensor, " v"] | Int[Tensor, " v"],
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return the percentile bootstrap interval of a mean over videos.

    Videos are drawn with replacement, as many as there are, and the interval holds the middle ``level`` of
    the means (Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 13.3). It tells how the
    number would vary with other videos of that kind, not with another training. Without any variation, such
    as where all answers are right, it has no width.

    Args:
        correct: A number for each video: whether the answer was right, or a difference.
        level: Share of the means inside.
        resamples: How often the videos are drawn.
        seed: Of the draws.

    Raises:
        ValueError: If there is no video, or an argument is out of range.
    """
    if not len(correct):
        raise ValueError("an interval needs at least 1 video, got 0")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    # How often each of the different values is drawn has a multinomial distribution. Right answers have two
    # values, and that is drawn at once, where drawing video by video would take seconds.
    values, counts = np.unique(correct.double().cpu().numpy(), return_counts=True)
    chance = np.random.default_rng(seed)
    means: list[np.ndarray] = []
    left = resamples
    while left:
        number = min(left, max(_DRAWN_AT_ONCE // len(values), 1))
        draws = chance.multinomial(len(correct), counts / len(correct), size=number)
        means.append(draws @ values / len(correct))
        left -= number
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def paired_difference(
    first: VideoScores,
    second: VideoScores,
    label: str,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """Compare the top-1 accuracy of two classifiers on the same videos, matched by path.

    Both answers of a drawn video are drawn together, so that what makes a video easy or hard for both does
    not widen the interval.

    Args:
        first: The answers of one.
        second: The answers of the other, in any order.
        label: Which label is compared.
        level: As of ``interval``.
        resamples: As of ``interval``.
        seed: As of ``interval``.

    Raises:
        ValueError: If they are not of the same videos, classes and right answers, or have rows of views.
    """
    for name, scores in (("first", first), ("second", second)):
        if label not in scores.classes:
            known = ", ".join(printable(other) for other in scores.classes) or "none"
            raise ValueError(f"the {name} scores have no label {printable(label)!r}, only {known}")
    if first.view is not None or second.view is not None:
        raise ValueError("a video of these scores has a row for each view: take the mean of its rows first")
    if first.classes[label] != second.classes[label]:
        raise ValueError(
            f"label {printable(label)!r} has {_first_difference(first.classes[label], second.classes[label])}"
        )
    order = _matched(first.paths, second.paths)
    truth = first.truth[label]
    other = (truth != second.truth[label][order]).nonzero()
    if len(other):
        place = int(other[0])
        raise ValueError(
            f"{printable(first.paths[place])}: its class {printable(label)!r} is {int(truth[place])} in the "
            f"first scores and {int(second.truth[label][order[place]])} in the second"
        )
    right = top_k(first.probabilities[label], truth, 1)
    others_right = top_k(second.probabilities[label][order], truth, 1)
    only_first, only_second = int((right & ~others_right).sum()), int((others_right & ~right).sum())
    return PairedDifference(
        videos=len(order),
        first=right.double().mean().item(),
        second=others_right.double().mean().item(),
        interval=interval(right.double() - others_right.double(), level, resamples, seed),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's test, exact.

    If two classifiers are equally good, each of the videos that one alone answers rightly is the first's or
    the second's with probability 1/2 (McNemar 1947, https://doi.org/10.1007/BF02295996). The p-value is the
    share of the splits of these videos that are as uneven as the one found, or more.

    Args:
        only_first: Videos that the first alone answered rightly.
        only_second: Videos that the second alone answered rightly.
    """
    number = only_first + only_second
    # Whole numbers, which do not round: 2 · Σ (n over i), i up to the smaller, of 2^n splits.
    ways = term = 1
    for taken in range(min(only_first, only_second)):
        term = term * (number - taken) // (taken + 1)
        ways += term
    # Where both are equal, the two sides share the middle.
    return min(1.0, 2 * ways / 2**number)


def _first_difference(first: Sequence[str], second: Sequence[str]) -> str:
    if len(first) != len(second):
        return f"{counted(len(first), 'class')} in the first scores and {len(second)} in the second"
    place = next(place for place, names in enumerate(zip(first, second, strict=True)) if len(set(names)) > 1)
    return (
        f"other classes: number {place} is {printable(first[place])!r} in the first scores and "
        f"{printable(second[place])!r} in the second"
    )


def _matched(first: Sequence[str], second: Sequence[str]) -> list[int]:
    """Return where in the second each path of the first is."""
    for name, paths in (("first", first), ("second", second)):
        path, times = Counter(paths).most_common(1)[0] if paths else ("", 1)
        if times > 1:
            raise ValueError(f"the {name} scores have {printable(path)} {times} times")
    places = {path: place for place, path in enumerate(second)}
    alone, others = [path for path in first if path not in places], set(second) - set(first)
    if alone or others:
        parts = [
            f"{len(paths):,} only in the {name} scores (such as {printable(min(paths))})"
            for name, paths in (("first", alone), ("second", others))
            if paths
        ]
        raise ValueError(f"the videos are not the same: {' and '.join(parts)}")
    return [places[path] for path in first]
