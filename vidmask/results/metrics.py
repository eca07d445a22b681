"""The numbers that a run has logged, line by line, from ``metrics.jsonl``."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

IDENTITY = ("step", "epoch", "seconds")
"""What a line has beside its metrics."""


class Point(NamedTuple):
    """One number of a run.

    Attributes:
        step: Optimizer steps that were complete.
        seconds: Wall-clock time of the run.
        metric: What it is.
        value: The number; NaN where it was not finite.
    """

    step: int
    seconds: float
    metric: str
    value: float


def read_points(path: Path) -> list[Point]:
    """Read what a run has logged; nothing where there is no file.

    A last line that was cut off, as by a kill, is left out. If the step goes back, the run was resumed from
    there, and what was logged beyond it before is left out too. Of a metric that was logged twice at a step,
    the later counts.

    Args:
        path: The file.

    Raises:
        ValueError: If a line before the last is damaged.
    """
    if not path.is_file():
        return []
    points = {
        (line["step"], metric): Point(line["step"], _number(line["seconds"]), metric, _number(value))
        for line in _without_undone(list(_lines(path)))
        for metric, value in line.items()
        if metric not in IDENTITY
    }
    return list(points.values())


def last_values(points: Sequence[Point]) -> dict[str, Point]:
    """Return the last point of each metric."""
    return {point.metric: point for point in points}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    texts = path.read_bytes().split(b"\n")
    if texts[-1] == b"":
        texts.pop()
    for number, text in enumerate(texts, start=1):
        line = _parsed(text)
        if line is not None:
            yield line
        elif number < len(texts):
            raise ValueError(
                f"{path}: line {number} is damaged: a JSON object with step and seconds is asked"
            )


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(line, dict) and isinstance(line.get("step"), int) and "seconds" in line
    return line if whole else None


def _without_undone(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept, least = [], math.inf
    for line in reversed(lines):
        if line["step"] <= least:
            kept.append(line)
            least = line["step"]
    return kept[::-1]


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
