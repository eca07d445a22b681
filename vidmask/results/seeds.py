"""What differs between seeds: means with Student's intervals, and differences between cells.

No interval and no p-value here is corrected for how many are looked at: of twenty comparisons between equals,
one is expected to lie outside of its 95 % interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
from pandas import DataFrame
from scipy import stats

from vidmask.results.cells import Cell, cells, check_columns, checked_cell, choose
from vidmask.results.student import Spread, spread
from vidmask.results.tables import MEASURE


@dataclass(frozen=True)
class PairedSeeds:
    """Two cells on the seeds that both have.

    Attributes:
        n: How many seeds these are.
        first: Mean of the first cell over them.
        second: Mean of the second.
        difference: First less second.
        std: Standard deviation of the differences; NaN below 2 seeds.
        low: Lower end of the difference's interval by Student's t; NaN below 2 seeds.
        high: Its upper end.
        p_value: Of the paired t-test, two-sided: how likely a mean difference as far from 0 would be if there
            were none; NaN below 2 seeds, or if all differences are the same.
    """

    n: int
    first: float
    second: float
    difference: float
    std: float
    low: float
    high: float
    p_value: float


def summary(
    frame: DataFrame, by: Sequence[str], level: float = 0.95, within: Sequence[str] = MEASURE
) -> DataFrame:
    """Return mean, standard deviation and interval over the seeds of each cell.

    The interval is mean ± t · std / √n, with Student's t of n - 1 degrees of freedom: where the mean of ever
    more seeds would lie, if runs are scattered as the normal distribution has it. From one seed none follows,
    and it is NaN. What a seed has several runs of counts as their mean, so that a run that was repeated does
    not pass for another seed.

    Args:
        frame: ``seed``, ``value``, and the columns named below, such as ``Results.frame`` has.
        by: Columns that make a cell, such as ``Results.cell_columns``.
        level: How often such an interval holds the true mean.
        within: Further columns whose values are not mixed; those that the table has not are passed over.

    Returns:
        The columns ``by`` and ``within``, ``n``, ``mean``, ``std`` (over n - 1; NaN for one), ``low``,
        ``high``, in the order in which cells appear.

    Raises:
        ValueError: If a column is missing, or the level not between 0 and 1.
    """
    columns = _columns(frame, by, within)
    rows = [
        {**cell, **spread(list(by_seed(rows).values()), level)._asdict()}
        for cell, rows in cells(frame, columns)
    ]
    return DataFrame(rows, columns=[*columns, *Spread._fields])


def paired(frame: DataFrame, first: Cell, second: Cell, level: float = 0.95) -> PairedSeeds:
    """Compare two cells on the seeds that both have.

    What a seed does to both, such as the drawing of batches, does not widen the interval.

    Args:
        frame: ``seed``, ``value``, and the columns of the cells, with one score of each run, such as
            ``frame[(frame.readout == "linear_mean") & …]``.
        first: Columns and their values that choose the runs of one.
        second: The same of the other.
        level: As of ``summary``.

    Raises:
        ValueError: If there is no such column or cell, or the rows chosen are of several measures.
    """
    chosen = choose(frame, first), choose(frame, second)
    for column in MEASURE:
        if column in frame and column not in first and column not in second:
            values = {str(value) for rows in chosen for value in rows[column]}
            if len(values) > 1:
                raise ValueError(
                    f"a score is compared with the same score, but {column} is one of "
                    f"{', '.join(sorted(values))}: choose the rows of one"
                )
    return _paired(*chosen, level)


def against(
    frame: DataFrame,
    by: Sequence[str],
    reference: Cell,
    level: float = 0.95,
    within: Sequence[str] = MEASURE,
) -> DataFrame:
    """Compare every cell with one of them, on the seeds that both have.

    Args:
        frame: As of ``summary``.
        by: Columns that make a cell.
        reference: The columns ``by`` and their values in the cell that the others are compared with.
        level: As of ``summary``.
        within: As of ``summary``: what is compared is one score with the same score.

    Returns:
        A row for each cell but the reference: the columns ``by`` and ``within``, then those of
        ``PairedSeeds``, where ``first`` is the cell and ``second`` the reference.

    Raises:
        ValueError: If a column is missing, ``reference`` is no cell, or the level not between 0 and 1.
    """
    columns = _columns(frame, by, within)
    reference = checked_cell(frame, by, reference)
    measures = [column for column in columns if column not in by]
    references = {
        tuple(measure.values()): rows for measure, rows in cells(choose(frame, reference), measures)
    }
    rows = [
        {**cell, **vars(_paired(rows, references.get(tuple(cell[name] for name in measures)), level))}
        for cell, rows in cells(frame, columns)
        if any(cell[name] != reference[name] for name in by)
    ]
    return DataFrame(rows, columns=[*columns, *(field.name for field in fields(PairedSeeds))])


def by_seed(rows: DataFrame) -> dict[Any, float]:
    """Return the value of each seed, the mean of those of its runs.

    Args:
        rows: ``seed`` and ``value``; a row whose seed is not known counts as of a seed of its own.
    """
    found: dict[Any, list[float]] = {}
    for number, (seed, value) in enumerate(zip(rows["seed"], rows["value"], strict=True)):
        found.setdefault(("row", number) if pd.isna(seed) else int(seed), []).append(float(value))
    return {seed: math.fsum(values) / len(values) for seed, values in found.items()}


def _paired(first: DataFrame, second: DataFrame | None, level: float) -> PairedSeeds:
    ours, theirs = by_seed(first), {} if second is None else by_seed(second)
    # A seed that is not known is shared with nothing.
    shared = [seed for seed in ours if isinstance(seed, int) and seed in theirs]
    found = spread([ours[seed] - theirs[seed] for seed in shared], level)
    p_value = math.nan
    if found.std > 0:
        p_value = float(2 * stats.t.sf(abs(found.mean) / (found.std / math.sqrt(found.n)), found.n - 1))
    return PairedSeeds(
        n=found.n,
        first=spread([ours[seed] for seed in shared], level).mean,
        second=spread([theirs[seed] for seed in shared], level).mean,
        difference=found.mean,
        std=found.std,
        low=found.low,
        high=found.high,
        p_value=p_value,
    )


def _columns(frame: DataFrame, by: Sequence[str], within: Sequence[str]) -> list[str]:
    check_columns(frame, [*by, "seed", "value"])
    return [*by, *(column for column in within if column in frame and column not in by)]
