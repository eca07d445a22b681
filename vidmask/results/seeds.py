"""What differs between seeds: means with Student's intervals, and differences between cells.

No interval and no p-value here is corrected for how many are looked at: of twenty comparisons between equals,
one is expected to lie outside of its 95 % interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandas import DataFrame

from vidmask.results.tables import MEASURE

Cell = Mapping[str, Any]


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError
