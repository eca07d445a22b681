"""What differs between test videos: all that can be said of a single seed.

Such an interval tells how a number would vary with other videos of that kind. It says nothing of how another
training, with another seed, would come out: it is evaluation noise only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pandas import DataFrame

from vidmask.results.tables import MEASURE, Results

SEEDS = "seeds"
EVALUATION_NOISE = "evaluation noise only"


def video_intervals(results: Results, level: float = 0.95, resamples: int = 10_000) -> DataFrame:
    """Return the bootstrap interval over test videos of each finished run that was tested video by video.

    Args:
        results: What was read; the tests' ``scores.parquet`` are read now.
        level: Share of the resampled means inside.
        resamples: How often the videos are drawn (``vidmask.evaluation.bootstrap.interval``).

    Returns:
        The columns of ``Results.scores`` (readouts "top1" and "top5"), ``videos``, ``low`` and ``high``.
    """
    raise NotImplementedError


def video_differences(
    results: Results, by: Sequence[str], reference: Mapping[str, Any], level: float = 0.95
) -> DataFrame:
    """Compare every cell with one of them video by video, seed by seed.

    Args:
        results: What was read.
        by: Columns of ``Results.runs`` that make a cell.
        reference: The columns ``by`` and their values in the cell that the others are compared with.
        level: As of ``video_intervals``.

    Returns:
        A row for each cell but the reference, seed that both have, evaluation and label: the columns ``by``,
        ``seed``, ``source``, ``split``, ``label``, ``videos``, ``first`` and ``second`` (top-1 of the cell
        and of the reference), ``difference``, ``low``, ``high``, ``only_first``, ``only_second``, ``p_value``
        of McNemar's test (``vidmask.evaluation.bootstrap.PairedDifference``), and ``problem``: why the two
        cannot be compared, such as tests on other videos, or NaN.

    Raises:
        ValueError: If ``reference`` is no cell.
    """
    raise NotImplementedError


def intervals(
    results: Results, by: Sequence[str], level: float = 0.95, within: Sequence[str] = MEASURE
) -> DataFrame:
    """Return the summary of all scores, with an interval over videos where a cell has one seed.

    Args:
        results: What was read.
        by: Columns of ``Results.runs`` that make a cell.
        level: Of the intervals.
        within: As of ``summary``.

    Returns:
        As ``summary``, and ``interval``, what it is over: "seeds"; "evaluation noise only" where it is over
        the test videos of one run; NaN where there is none.
    """
    raise NotImplementedError
