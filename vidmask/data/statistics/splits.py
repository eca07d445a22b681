"""What the videos of one split are like: how many of each class, how long, how large, how fast."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float64

from vidmask.data.statistics.headers import Header

Value = TypeVar("Value", str, float)

# Headers are rounded: a video that is shorter by so little holds the clip.
_ROUNDING_SECONDS = 1e-3
_FEWEST_BINS, _MOST_BINS = 8, 48

# Frame rates that differ by less are one: 29.97 and 30, 23.98 and 25.
_ONE_RATE = 0.05
_FEW_OTHERS = 0.01


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Where numbers lie.

    Attributes:
        minimum: The least.
        low: The quantile of 5 %, between two numbers where it falls there.
        median: The quantile of 50 %.
        high: The quantile of 95 %.
        maximum: The greatest.
    """

    minimum: float
    low: float
    median: float
    high: float
    maximum: float


@dataclass(frozen=True, slots=True)
class LabelStatistics:
    """The classes of one label in one split.

    Attributes:
        videos: Videos of each class that has any, the largest class first.
        unlabelled: Videos without this label.
        classes: Classes that have a video here.
        smallest: Videos of the smallest of them; 0 if there is none, as for the three below.
        median: Videos of the class in the middle.
        largest: Videos of the largest.
        imbalance: Ratio of largest to smallest.
        missing: Classes of the data set that have no video here, in its order; none where no video has the
            label.
    """

    videos: dict[str, int]
    unlabelled: int
    classes: int
    smallest: int
    median: float
    largest: int
    imbalance: float
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """The videos of one split that can be read.

    Attributes:
        videos: How many.
        unreadable: How many others cannot be read, and count nowhere else.
        seconds: Length of all together.
        size_bytes: Length of all files together.
        labels: The classes of each label of the data set.
        durations: Lengths in seconds; None if none is known.
        duration_counts: Videos in each bin of ``DataStatistics.duration_edges``.
        too_short: Videos shorter than a clip.
        short_sides: The smaller of width and height, in pixels; None if none is known.
        sizes: Videos of each width × height as displayed, such as ``"340×256"``, the most frequent first.
        orientations: Videos that are ``landscape``, ``portrait`` and ``square``.
        frame_rates: Videos of each frame rate, frames a second to two decimals, the most frequent first.
        codecs: Videos of each codec, the most frequent first.
        unknown: Videos whose ``duration``, ``size``, ``frame rate`` or ``codec`` nothing tells.
    """

    videos: int
    unreadable: int
    seconds: float
    size_bytes: int
    labels: dict[str, LabelStatistics]
    durations: Quantiles | None
    duration_counts: tuple[int, ...]
    too_short: int
    short_sides: Quantiles | None
    sizes: dict[str, int]
    orientations: dict[str, int]
    frame_rates: dict[float, int]
    codecs: dict[str, int]
    unknown: dict[str, int]


class SplitTally:
    """Counts over the videos of a split: twelve bytes a video, and a number for each thing that differs.

    Attributes:
        videos: Videos that can be read.
        unreadable: Videos that cannot.
        seconds: Length of each.
        labels: For each label the videos of each class.
        rates: Videos of each frame rate.
    """

    def __init__(self) -> None:
        self.videos = 0
        self.unreadable = 0
        self.seconds = array("d")
        self.labels: dict[str, Counter[str]] = {}
        self.rates: Counter[float] = Counter()
        self._short_sides = array("i")
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._codecs: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._size_bytes = 0

    def add(self, header: Header, labels: Mapping[str, str]) -> None:
        """Count a video."""
        self.videos += 1
        self._size_bytes += header.size_bytes or 0
        for name, label in labels.items():
            self.labels.setdefault(name, Counter())[label] += 1
        if header.duration_seconds is None:
            self._unknown["duration"] += 1
        else:
            self.seconds.append(header.duration_seconds)
        if header.width is None or header.height is None:
            self._unknown["size"] += 1
        else:
            self._short_sides.append(min(header.width, header.height))
            self._sizes[header.width, header.height] += 1
        if header.fps is None:
            self._unknown["frame rate"] += 1
        else:
            self.rates[round(header.fps, 2)] += 1
        if header.codec:
            self._codecs[header.codec] += 1
        else:
            self._unknown["codec"] += 1

    def result(
        self, classes: Mapping[str, Iterable[str]], edges: Float64[np.ndarray, " e"], clip_seconds: float
    ) -> SplitStatistics:
        """Return the statistics.

        Args:
            classes: All classes of each label of the data set.
            edges: Edges of the bins for the durations.
            clip_seconds: The length of a clip.
        """
        seconds = np.frombuffer(self.seconds, np.float64) if self.seconds else np.empty(0)
        orientations: Counter[str] = Counter()
        for (width, height), number in self._sizes.items():
            kind = "square" if width == height else "landscape" if width > height else "portrait"
            orientations[kind] += number
        return SplitStatistics(
            videos=self.videos,
            unreadable=self.unreadable,
            seconds=float(seconds.sum()),
            size_bytes=self._size_bytes,
            labels={name: self._label(name, names) for name, names in classes.items()},
            durations=_quantiles(seconds),
            duration_counts=tuple(np.histogram(seconds, edges)[0].tolist()),
            too_short=int((seconds < clip_seconds - _ROUNDING_SECONDS).sum()),
            short_sides=_quantiles(np.array(self._short_sides, np.float64)),
            sizes=_ranked({f"{width}×{height}": number for (width, height), number in self._sizes.items()}),
            orientations=_ranked(orientations),
            frame_rates=_ranked(self.rates),
            codecs=_ranked(self._codecs),
            unknown=dict(self._unknown),
        )

    def _label(self, name: str, classes: Iterable[str]) -> LabelStatistics:
        counted = self.labels.get(name, Counter[str]())
        sizes = sorted(counted.values())
        return LabelStatistics(
            videos=_ranked(counted),
            unlabelled=self.videos - sum(sizes),
            classes=len(sizes),
            smallest=sizes[0] if sizes else 0,
            median=float(np.median(sizes)) if sizes else 0.0,
            largest=sizes[-1] if sizes else 0,
            imbalance=sizes[-1] / sizes[0] if sizes else 0.0,
            missing=tuple(label for label in classes if label not in counted) if sizes else (),
        )


def duration_edges(tallies: Collection[SplitTally]) -> Float64[np.ndarray, " e"]:
    """Return edges of bins that hold all durations: equally wide, in their ratio where they differ much."""
    # Rice's rule.
    bins = round(2 * sum(len(tally.seconds) for tally in tallies) ** (1 / 3))
    bins = min(max(bins, _FEWEST_BINS), _MOST_BINS)
    ranges = [(min(tally.seconds), max(tally.seconds)) for tally in tallies if tally.seconds]
    least = min((low for low, _ in ranges), default=0.0)
    most = max((high for _, high in ranges), default=1.0)
    if least == most:
        return np.array([least - 0.5, least + 0.5])
    if least > 0 and most > 10 * least:
        return np.geomspace(least, most, bins + 1)
    return np.linspace(least, most, bins + 1)


def mixed_rates(tallies: Iterable[SplitTally]) -> bool:
    """Tell whether more than a hundredth of the videos differ from the others in frame rate, by over 5 %."""
    rates: Counter[float] = Counter()
    for tally in tallies:
        rates += tally.rates
    usual = max(rates, key=lambda rate: rates[rate], default=0.0)
    others = sum(number for rate, number in rates.items() if abs(rate - usual) > _ONE_RATE * usual)
    return others > _FEW_OTHERS * rates.total()


def _ranked(counted: Mapping[Value, int]) -> dict[Value, int]:
    """Return the most frequent first, and those alike in their own order: not in that of the workers."""
    return dict(sorted(sorted(counted.items()), key=lambda item: -item[1]))


def _quantiles(values: Float64[np.ndarray, " v"]) -> Quantiles | None:
    if not len(values):
        return None
    return Quantiles(*map(float, np.quantile(values, (0.0, 0.05, 0.5, 0.95, 1.0))))
