"""What differs between test videos: all that can be said of a single seed.

Such an interval tells how a number would vary with other videos of that kind. It says nothing of how another
training, with another seed, would come out: it is evaluation noise only.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pandas import DataFrame

from vidmask.evaluation.accuracy import top_k
from vidmask.evaluation.bootstrap import interval, paired_difference
from vidmask.evaluation.scores import VideoScores, read_scores
from vidmask.results.cells import Cell, cells, checked_cell
from vidmask.results.measures import tested_split
from vidmask.results.one_run import TEST
from vidmask.results.seeds import summary
from vidmask.results.tables import MEASURE, Results

SCORES = "scores.parquet"

SEEDS = "seeds"
EVALUATION_NOISE = "evaluation noise only"
"""What an interval is over; see ``intervals``."""

_DIFFERENCE = (
    *("videos", "first", "second", "difference", "low", "high", "only_first", "only_second", "p_value"),
    "problem",
)


@dataclass(frozen=True)
class _Test:
    run: str
    source: str
    split: str
    scores: VideoScores


def video_intervals(results: Results, level: float = 0.95, resamples: int = 10_000) -> DataFrame:
    """Return the bootstrap interval over test videos of each finished run that was tested video by video.

    Args:
        results: What was read; the tests' ``scores.parquet`` are read now.
        level: Share of the resampled means inside.
        resamples: How often the videos are drawn (``vidmask.evaluation.bootstrap.interval``).

    Returns:
        The columns of ``Results.scores`` (readouts "top1" and "top5"), ``videos``, ``low`` and ``high``.
    """
    rows = []
    for test in _tests(results):
        scores = test.scores
        for label, classes in scores.classes.items():
            for k in (1, 5) if len(classes) > 5 else (1,):
                right = top_k(scores.probabilities[label], scores.truth[label], k)
                low, high = interval(scores.mean_of_videos(right), level, resamples)
                score = (test.source, test.split, "trained", label, f"top{k}", right.double().mean().item())
                rows.append((test.run, *score, scores.num_videos, low, high))
    return DataFrame(rows, columns=[*results.scores.columns, "videos", "low", "high"])


def video_differences(results: Results, by: Sequence[str], reference: Cell, level: float = 0.95) -> DataFrame:
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
    finished = results.finished
    reference = checked_cell(finished, by, reference)
    cell_of = {run: cell for cell, rows in cells(finished, by) for run in rows["run"]}
    seed_of = dict(zip(finished["run"], finished["seed"], strict=True))
    tests = list(_tests(results))
    ours = [test for test in tests if cell_of[test.run] != reference]
    theirs = [test for test in tests if cell_of[test.run] == reference]
    rows = []
    for first, second in itertools.product(ours, theirs):
        seed, other_seed = seed_of[first.run], seed_of[second.run]
        same = (first.source, first.split) == (second.source, second.split)
        if same and not pd.isna(seed) and not pd.isna(other_seed) and seed == other_seed:
            of = {**cell_of[first.run], "seed": seed, "source": first.source, "split": first.split}
            rows += [{**of, **found} for found in _differences(first.scores, second.scores, level)]
    return DataFrame(rows, columns=[*by, "seed", "source", "split", "label", *_DIFFERENCE])


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
    frame = results.frame()
    found = summary(frame, by, level, within)
    columns = [column for column in found if column in (*by, *within)]
    # The only score of each row of the summary that has but one; both are in the order of cells.
    scored = [rows for _, rows in cells(frame, columns)]
    single = {place: rows.iloc[0] for place, rows in enumerate(scored) if len(rows) == 1}
    runs = [row["run"] for row in single.values()]
    of_single = dataclasses.replace(results, steps=results.steps[results.steps["run"].isin(runs)])
    noise = {
        tuple(row[column] for column in ("run", *MEASURE)): (row["low"], row["high"])
        for _, row in video_intervals(of_single, level).iterrows()
    }
    ends = list(zip(found["low"], found["high"], strict=True))
    over = [SEEDS if n > 1 else None for n in found["n"]]
    for place, row in single.items():
        over_videos = noise.get(tuple(row[column] for column in ("run", *MEASURE)))
        if over_videos is not None:
            ends[place], over[place] = over_videos, EVALUATION_NOISE
    found["low"], found["high"] = [low for low, _ in ends], [high for _, high in ends]
    found["interval"] = over
    return found


def _tests(results: Results) -> Iterator[_Test]:
    """Yield the tests of finished runs that have kept the answers for each video."""
    finished = set(results.finished["run"])
    for run, name, folder in zip(
        *(results.steps[column] for column in ("run", "name", "folder")), strict=True
    ):
        path = Path(folder) / SCORES
        if run in finished and name.endswith(TEST) and path.is_file():
            yield _Test(run, name.removesuffix(TEST), tested_split(path.parent), read_scores(path))


def _differences(first: VideoScores, second: VideoScores, level: float) -> Iterator[dict[str, Any]]:
    for label in first.classes:
        try:
            found = paired_difference(first, second, label, level)
        except ValueError as error:
            yield {"label": label, "problem": str(error)}
            continue
        low, high = found.interval
        numbers = {name: getattr(found, name) for name in _DIFFERENCE if hasattr(found, name)}
        yield {"label": label, **numbers, "low": low, "high": high}
