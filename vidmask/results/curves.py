"""What differs in the course of training: curves of cells, how soon they arrive, and equal spendings.

The learning rate follows a schedule that ends with the run. A value in the middle of a run is therefore not
that of a run planned to end there, which would have come to a low learning rate by then, and is most often
lower: it shows how a run went, and does not stand in for a shorter run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pandas import DataFrame

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
    raise NotImplementedError


def convergence(
    curves: DataFrame,
    cell: Mapping[str, Any],
    reference: Mapping[str, Any],
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
        share: How much of the final value.
        axis: What the budget is counted in.

    Raises:
        ValueError: If there is no such column or cell, or of one the metric or the axis is not known.
    """
    raise NotImplementedError


def convergences(
    curves: DataFrame,
    by: Sequence[str],
    reference: Mapping[str, Any],
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
    raise NotImplementedError


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
    raise NotImplementedError
