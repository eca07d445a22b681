"""What the names of metrics say: which score of what, guessing, and trivial answers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vidmask import runs
from vidmask.results.documents import read_yaml
from vidmask.results.metrics import Point, last_values, read_points
from vidmask.results.one_run import FIT, TEST, Run

PROBE = "probe"
"""Source of a score that was measured in training."""

_TESTED = re.compile(r"probe/test/(trained|untrained)/(.+)/(\w+)")
_PROBED = re.compile(r"probe/(?!test/|chance/|without_encoder/)(.+)/(\w+)")
_WITHOUT_ENCODER = "probe/without_encoder/"
_CHANCE = "probe/chance/"
_TRIVIAL = re.compile(r"(val/[^/]+)/(.+)")


class Score(NamedTuple):
    """A row of ``Results.scores``, but for the run."""

    source: str
    split: str
    encoder: str
    label: str
    readout: str
    value: float


def scores(run: Run, points: list[Point]) -> Iterator[Score]:
    """Yield the scores at the end of a run.

    Args:
        run: The run.
        points: What its training has logged.
    """
    yield from _probed(points)
    for command in run.commands:
        source = run.recipe if command.name == FIT else command.name.removesuffix(TEST)
        if command.name.endswith(TEST):
            stage, split = "test", tested_split(command.folder)
        else:
            stage = split = "val"
        last = points if command.name == FIT else read_points(command.folder / runs.METRICS)
        for metric, point in last_values(last).items():
            found = re.fullmatch(rf"{stage}/(.+)_(top\d+)", metric)
            if found is not None:
                yield Score(source, split, "trained", found[1], found[2], point.value)


def chance(points: list[Point]) -> Iterator[tuple[str, float, float | None]]:
    """Yield each label, the accuracy of guessing, and that without an encoder."""
    last = last_values(points)
    for metric, point in last.items():
        if metric.startswith(_CHANCE):
            label = metric.removeprefix(_CHANCE)
            beside = last.get(_WITHOUT_ENCODER + label)
            yield label, point.value, None if beside is None else beside.value


def trivial(points: list[Point]) -> Iterator[tuple[str, str, float]]:
    """Yield each validation metric, the name of a trivial answer, and what that scores."""
    for metric, point in last_values(points).items():
        found = _TRIVIAL.fullmatch(metric)
        if found is not None:
            yield found[1], found[2], point.value


def tested_split(folder: Path) -> str:
    """Return the split that a test was of.

    Args:
        folder: The test's.
    """
    path = folder / runs.CONFIG
    data = read_yaml(path).get("data") if path.is_file() else None
    return str((data or {}).get("test_split", "test"))


def _probed(points: list[Point]) -> Iterator[Score]:
    first = {point.metric: point for point in reversed(points)}
    for metric, point in last_values(points).items():
        tested, probed = _TESTED.fullmatch(metric), _PROBED.fullmatch(metric)
        if tested is not None:
            yield Score(PROBE, "test", tested[1], tested[2], tested[3], point.value)
        elif probed is not None:
            if first[metric].step == 0:
                yield Score(PROBE, "val", "untrained", probed[1], probed[2], first[metric].value)
            if point.step > 0:
                yield Score(PROBE, "val", "trained", probed[1], probed[2], point.value)
        elif metric.startswith(_WITHOUT_ENCODER):
            label = metric.removeprefix(_WITHOUT_ENCODER)
            yield Score(PROBE, "val", "none", label, "frame_differences", point.value)
