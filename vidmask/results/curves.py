"""What differs in the course of training: curves of cells, how soon they arrive, and equal spendings.

The learning rate follows a schedule that ends with the run. A value in the middle of a run is therefore not
that of a run planned to end there, which would have come to a low learning rate by then, and is most often
lower: it shows how a run went, and does not stand in for a shorter run.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from pandas import DataFrame

from vidmask.results.cells import Cell, cells, check_columns, checked_cell, choose
from vidmask.results.student import Spread, spread

Axis = Literal["step", "clips", "macs", "seconds"]


@dataclass(frozen=True)
class Convergence:
    """How soon one cell gets to what another one reaches in the end.

    Attributes:
        target: The share asked for, of the reference's final value.
        start: First value of the cell's curve: of the untrained encoder, where the curve is a probe's.
        final: Its last value.
        reference_final: Last value of the reference's curve.
        at: Where on the axis the cell's curve first reaches the target; None if it never does.
        share_of_budget: That as a share of where the cell's own curve ends; None if it never does.
        share_of_reference: That as a share of where the reference's curve ends; None if it never does.
    """

    target: float
    start: float
    final: float
    reference_final: float
    at: float | None
    share_of_budget: float | None
    share_of_reference: float | None


def mean_curves(
    curves: DataFrame, by: Sequence[str], metric: str, axis: Axis = "step", level: float = 0.95
) -> DataFrame:
    """Return the curve of each cell: mean and interval over its runs.

    The points are those of any of its runs, from where the last of them begins to where the first ends. In
    between its own points a run is taken to go straight. Points that are not finite are left out.

    Args:
        curves: ``Results.with_cells(Results.curves)``.
        by: Columns that make a cell.
        metric: Which metric.
        axis: What it is drawn against. Seconds are by the wall clock, with probes and validation in them.
        level: Of Student's interval.

    Returns:
        The columns ``by``, the axis, ``n`` (runs), ``mean``, ``std``, ``low``, ``high`` (NaN where n is 1).
        Cells of which the metric or the axis is not known have no rows.

    Raises:
        ValueError: If a column is missing, the axis is not known, or the level not between 0 and 1.
    """
    rows = []
    for cell, runs in _lines(curves, by, metric, axis):
        rows += [{**cell, axis: x, **found._asdict()} for x, found in _mean_line(runs, level)]
    return DataFrame(rows, columns=[*by, axis, *Spread._fields])


def convergence(
    curves: DataFrame,
    cell: Cell,
    reference: Cell,
    metric: str,
    share: float = 0.95,
    axis: Axis = "step",
) -> Convergence:
    """Tell after how much of its budget a cell reaches a share of another cell's final value.

    Both are the means over the cells' runs (``mean_curves``). The target is ``share`` times the last value of
    the reference's curve. Where the cell's curve has a point at or above it, ``at`` is the first place at
    which the straight line between neighbouring points reaches it, and the first point itself if that does.
    The curve may fall below the target again; ``final`` tells. For a metric that is better when larger.

    An untrained encoder's probe may reach much of a trained one's already: compare ``start`` with ``target``.
    And ``at`` lies in the middle of a schedule: a run planned for that budget would have come out otherwise.

    Args:
        curves: ``Results.with_cells(Results.curves)``.
        cell: Columns and their values that choose the runs of the cell that is to arrive.
        reference: The same of the cell whose final value is the measure.
        metric: Such as "probe/motion/linear_mean".
        share: How much of the final value, above 0 and at most 1.
        axis: What the budget is counted in.

    Raises:
        ValueError: If there is no such column or cell, of one the metric or the axis is not known, or the
            share is out of range.
    """
    return _convergence(
        _line_of(curves, cell, metric, axis), _line_of(curves, reference, metric, axis), share
    )


def convergences(
    curves: DataFrame,
    by: Sequence[str],
    reference: Cell,
    metric: str,
    share: float = 0.95,
    axis: Axis = "step",
) -> DataFrame:
    """Tell of every cell after how much of its budget it reaches a share of one cell's final value.

    Args:
        curves: As of ``convergence``.
        by: Columns that make a cell.
        reference: The cell whose final value is the measure for all, itself too.
        metric: As of ``convergence``.
        share: As of ``convergence``.
        axis: As of ``convergence``.

    Returns:
        A row for each cell that has the metric and the axis: the columns ``by``, then those of
        ``Convergence``, with NaN for None.
    """
    reference = checked_cell(curves, by, reference)
    lines = [(cell, _mean_of(runs)) for cell, runs in _lines(curves, by, metric, axis)]
    final = next((line for cell, line in lines if cell == reference), None)
    columns = [*by, *(field.name for field in fields(Convergence))]
    if final is None:
        return DataFrame(columns=columns)
    rows = [{**cell, **vars(_convergence(line, final, share))} for cell, line in lines]
    return DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[len(by) :], float))


def matched(
    curves: DataFrame, by: Sequence[str], metric: str, axis: Axis = "step", level: float = 0.95
) -> DataFrame:
    """Return what every cell had reached when it had spent the same.

    The same is the least total that any run of these cells has on the axis. A run is taken to go straight
    between its points. For a cell that spends more in all, this is a value in the middle of its schedule, not
    that of a shorter run, and so too low most often: the column ``share_of_budget`` tells. Cells of which
    the axis is not known have n = 0.

    Args:
        curves: ``Results.with_cells(Results.curves)``.
        by: Columns that make a cell.
        metric: Which metric.
        axis: What is equal.
        level: Of Student's interval.

    Returns:
        The columns ``by``, ``axis``, ``at``, ``share_of_budget`` (``at`` as a share of the mean total of the
        cell's runs), ``n``, ``mean``, ``std``, ``low``, ``high``.

    Raises:
        ValueError: If a column is missing, the axis is not known, or the level not between 0 and 1.
    """
    lines = list(_lines(curves, by, metric, axis))
    at = min((line.x[-1] for _, runs in lines for line in runs), default=math.nan)
    known = {tuple(cell.values()): runs for cell, runs in lines}
    rows = []
    for cell, _ in cells(curves, by):
        runs = known.get(tuple(cell.values()), [])
        values = _by_seed(runs, [float(np.interp(at, line.x, line.y, left=math.nan)) for line in runs])
        values = [value for value in values if not math.isnan(value)]
        total = sum(float(line.x[-1]) for line in runs)
        share = at * len(runs) / total if total else math.nan
        here = {"axis": axis, "at": at, "share_of_budget": share}
        rows.append({**cell, **here, **spread(values, level)._asdict()})
    return DataFrame(rows, columns=[*by, "axis", "at", "share_of_budget", *Spread._fields])


class _Line(NamedTuple):
    """The curve of a run: its seed, and points in ascending order, each place once."""

    seed: Any
    x: np.ndarray
    y: np.ndarray


def _lines(
    curves: DataFrame, by: Sequence[str], metric: str, axis: Axis
) -> Iterator[tuple[dict[str, Any], list[_Line]]]:
    """Yield each cell of which something is known, and its runs' curves."""
    if axis not in get_args(Axis):
        raise ValueError(f"axis is one of {', '.join(get_args(Axis))}, got {axis!r}")
    check_columns(curves, [*by, "run", "seed", "metric", "value", axis])
    known: Any = curves[(curves["metric"] == metric) & curves["value"].notna() & curves[axis].notna()]
    for cell, rows in cells(known, by) if len(known) else ():
        runs = []
        for run, points in cells(rows, ["run", "seed"]):
            points = points.sort_values(axis, kind="stable").drop_duplicates(axis, keep="last")
            seed = ("run", run["run"]) if run["seed"] is None else run["seed"]
            runs.append(_Line(seed, points[axis].to_numpy(float), points["value"].to_numpy(float)))
        yield cell, runs


def _mean_line(runs: list[_Line], level: float) -> Iterator[tuple[float, Spread]]:
    """Yield the points of a cell's curve."""
    first, last = max(line.x[0] for line in runs), min(line.x[-1] for line in runs)
    places = np.unique(np.concatenate([line.x for line in runs]))
    for x in places[(first <= places) & (places <= last)]:
        values = _by_seed(runs, [float(np.interp(x, line.x, line.y)) for line in runs])
        yield float(x), spread(values, level)


def _by_seed(runs: list[_Line], values: list[float]) -> list[float]:
    """Return one value for each seed, the mean of those of its runs."""
    found: dict[Any, list[float]] = {}
    for line, value in zip(runs, values, strict=True):
        found.setdefault(line.seed, []).append(value)
    return [math.fsum(same) / len(same) for same in found.values()]


def _line_of(curves: DataFrame, cell: Cell, metric: str, axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    lines = [runs for _, runs in _lines(choose(curves, cell), [], metric, axis)]
    if not lines:
        named = ", ".join(f"{column}={value}" for column, value in cell.items())
        raise ValueError(f"of {named}, {metric!r} against {axis} is not known")
    return _mean_of(lines[0])


def _mean_of(runs: list[_Line]) -> tuple[np.ndarray, np.ndarray]:
    points = [(x, found.mean) for x, found in _mean_line(runs, 0.95)]
    if not points:
        raise ValueError("the runs of a cell have no part of the axis in common")
    x, y = zip(*points, strict=True)
    return np.array(x), np.array(y)


def _convergence(
    cell: tuple[np.ndarray, np.ndarray], reference: tuple[np.ndarray, np.ndarray], share: float
) -> Convergence:
    if not 0 < share <= 1:
        raise ValueError(f"share must lie above 0 and at most at 1, got {share}")
    (x, y), (reference_x, reference_y) = cell, reference
    target = share * float(reference_y[-1])
    at = None
    reached = np.flatnonzero(y >= target)
    if len(reached):
        place = int(reached[0])
        at = float(x[place])
        if place:
            before = place - 1
            way = (target - y[before]) / (y[place] - y[before])
            at = float(x[before] + way * (x[place] - x[before]))
    return Convergence(
        target=target,
        start=float(y[0]),
        final=float(y[-1]),
        reference_final=float(reference_y[-1]),
        at=at,
        share_of_budget=_share(at, x[-1]),
        share_of_reference=_share(at, reference_x[-1]),
    )


def _share(at: float | None, whole: float) -> float | None:
    return None if at is None or not whole else float(at / whole)
