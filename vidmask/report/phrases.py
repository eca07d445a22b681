"""Names of settings, labels, read-outs and budgets as a reader has them, and numbers as they are shown."""

import math
from collections import Counter
from collections.abc import Sequence

from vidmask.report.blocks import Cell

READOUTS = {
    "linear_mean": "linear probe, mean pooled",
    "linear_mean_std_max": "linear probe, mean+std+max pooled",
    "knn_mean": "neighbours, mean pooled",
    "knn_mean_std_max": "neighbours, mean+std+max pooled",
    "top1": "top-1",
    "top5": "top-5",
}

SPLITS = {"test": "test split", "val": "validation split"}

BUDGETS = {
    "steps": "steps",
    "clips": "clips",
    "macs": "multiply-adds",
    "seconds": "seconds",
    "gpu_hours": "GPU hours",
}

NOTHING = "–"


def setting_names(keys: Sequence[str]) -> dict[str, str]:
    """Return the shortest end of each dotted key that tells it from the others.

    ``model.masking.init_args.ratio`` becomes ``ratio``, or ``masking.ratio`` beside ``target.ratio``.

    Args:
        keys: Dotted keys.
    """
    parts = {key: [part for part in key.split(".") if part != "init_args"] for key in keys}
    names: dict[str, str] = {}
    for length in range(1, max((len(one) for one in parts.values()), default=0) + 1):
        ends = {key: ".".join(one[-length:]) for key, one in parts.items()}
        times = Counter(ends.values())
        for key, end in ends.items():
            if times[end] == 1 or length >= len(parts[key]):
                names.setdefault(key, end)
    return names


def readout(name: str) -> str:
    """Return a read-out's name in phrases."""
    return READOUTS.get(name, name.replace("_", " "))


def share(value: float | None) -> Cell:
    """Return a share as per cent with one digit."""
    if value is None or not math.isfinite(value):
        return Cell(NOTHING)
    return Cell(f"{100 * value:.1f}".replace("-", "−"), float(value))


def number(value: float | int | None) -> Cell:
    """Return a number with its thousands set apart, in few digits."""
    if value is None or not math.isfinite(value):
        return Cell(NOTHING)
    if float(value).is_integer() and abs(value) < 1e9:
        return Cell(f"{int(value):,}", float(value))
    return Cell(quantity(value), float(value))


def quantity(value: float) -> str:
    """Return a number in at most four digits and, where it is large, a prefix: 1.2 T."""
    for prefix, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}"
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def points(value: float | None) -> Cell:
    """Return a difference of two shares in points of per cent, with its sign."""
    if value is None or not math.isfinite(value):
        return Cell(NOTHING)
    return Cell(f"{100 * value:+.1f}".replace("-", "−"), float(value))


def joined(names: Sequence[str], last: str = "and") -> str:
    """Return names as a sentence has them: a, b and c."""
    *others, end = names
    return f"{', '.join(others)} {last} {end}" if others else end
