"""Read runs and sweeps from disk."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pandas import DataFrame

from vidmask import runs
from vidmask.results import measures
from vidmask.results.bare import read_bare
from vidmask.results.folders import ACCEPTED, find
from vidmask.results.metrics import Point, read_points
from vidmask.results.one_run import Run
from vidmask.results.recorded import read_recorded, read_sweep
from vidmask.results.tables import Results


def load(*paths: str | os.PathLike[str]) -> Results:
    """Read runs and sweeps.

    A sweep without checkpoints and encoders is enough. Of a run of no sweep, the axes are the settings that
    differ from those of the other runs of its recipe; its multiply-adds are not known.

    Args:
        paths: Each a run's folder (``runs/quickstart/mae_st/latest``), a sweep's
            (``runs/sweeps/mae_st_mask``), that of one run of a sweep, or a folder that holds any of these at
            any depth. What is given twice counts once.

    Raises:
        ValueError: If there is no path, or one is or holds nothing of that, a file is damaged, or two folders
            are copies of one run.
    """
    if not paths:
        raise ValueError(f"no folder is given: {ACCEPTED}")
    found = find(paths)
    read, unplanned = [], 0
    for sweep in found.sweeps:
        of_sweep, others = read_sweep(sweep)
        read += of_sweep
        unplanned += others
    read += [read_recorded(folder) for folder in found.recorded]
    read += read_bare(found.bare)
    _check_different(read)
    return _tables(read, unplanned)


def frame(*paths: str | os.PathLike[str]) -> DataFrame:
    """Read runs and sweeps into one table: a row for each score at the end of a finished run.

    Args:
        paths: As of ``load``.

    Returns:
        The columns of ``Results.runs`` and, for each score, those of ``Results.scores``.
    """
    return load(*paths).frame()


def _tables(read: Sequence[Run], unplanned: int) -> Results:
    axes = tuple(dict.fromkeys(axis for run in read for axis in run.labels))
    rows: dict[str, list[Mapping[str, Any]]] = {table: [] for table in _COLUMNS}
    for run in read:
        points = [] if run.folder is None else read_points(run.folder / runs.METRICS)
        if run.status == "finished" and not points:
            raise ValueError(f"{run.folder}: the run has finished, but there is nothing in {runs.METRICS}")
        rows["runs"].append(_row(run, points))
        rows["curves"] += [
            {
                "run": run.name,
                "step": point.step,
                "clips": point.step * run.clips_per_step,
                "macs": point.step * run.macs_per_step,
                "seconds": point.seconds,
                "metric": point.metric,
                "value": point.value,
            }
            for point in points
        ]
        if run.status == "finished":
            rows["scores"] += [{"run": run.name, **score._asdict()} for score in measures.scores(run, points)]
        rows["chance"] += _named("chance", run, measures.chance(points))
        rows["trivial"] += _named("trivial", run, measures.trivial(points))
        rows["steps"] += [
            {
                "run": run.name,
                **vars(command),
                "folder": str(command.folder),
                "log": None if command.log is None else str(command.log),
            }
            for command in run.commands
        ]
    columns = {**_COLUMNS, "runs": (*_COLUMNS["runs"], *axes)}
    tables = {name: DataFrame(rows[name], columns=list(columns[name])) for name in columns}
    tables["runs"]["seed"] = tables["runs"]["seed"].astype("Int64")
    return Results(**tables, axes=axes, unplanned=unplanned)


_COLUMNS = {
    "runs": (
        *("run", "folder", "sweep", "recipe", "seed", "status", "reason", "budget", "budget_amount"),
        *("steps", "clips", "macs", "seconds", "skipped"),
    ),
    "scores": ("run", *measures.Score._fields),
    "curves": ("run", "step", "clips", "macs", "seconds", "metric", "value"),
    "chance": ("run", "label", "chance", "without_encoder"),
    "trivial": ("run", "metric", "name", "value"),
    "steps": ("run", "name", "folder", "status", "reason", "seconds", "log"),
}


def _row(run: Run, points: Sequence[Point]) -> dict[str, Any]:
    steps = max((point.step for point in points), default=math.nan)
    skipped = [point.value for point in points if point.metric == "train/skipped_samples"]
    return {
        "run": run.name,
        "folder": None if run.folder is None else str(run.folder),
        "sweep": run.sweep,
        "recipe": run.recipe,
        "seed": run.seed,
        "status": run.status,
        "reason": run.reason,
        "budget": run.budget,
        "budget_amount": run.budget_amount,
        "steps": float(steps),
        "clips": steps * run.clips_per_step,
        "macs": steps * run.macs_per_step,
        "seconds": max((point.seconds for point in points), default=math.nan),
        "skipped": skipped[-1] if skipped else (0.0 if points else math.nan),
        **run.labels,
    }


def _named(table: str, run: Run, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(_COLUMNS[table], (run.name, *row), strict=True)) for row in rows]


def _check_different(read: Sequence[Run]) -> None:
    places: dict[str, Run] = {}
    for run in read:
        same = places.setdefault(run.name, run)
        if same is not run:
            raise ValueError(f"{same.place} and {run.place} are the same run, {run.name}: give one of them")
