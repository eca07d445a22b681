"""Write the report of some runs: a page, its Markdown, and the scores as CSV."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vidmask import runs as run_folders
from vidmask.report import phrases, rendering
from vidmask.report.blocks import Document
from vidmask.report.budgets import convergence_section, matched_section
from vidmask.report.comparison import CELL, Comparison, compared
from vidmask.report.configs import config_section
from vidmask.report.curves import curve_section
from vidmask.report.differences import difference_section
from vidmask.report.gallery import gallery_section
from vidmask.report.headline import headline
from vidmask.report.problems import failure_section, skipped_section
from vidmask.report.published import published_section
from vidmask.report.ratio_plots import number_sections
from vidmask.report.scores import score_section
from vidmask.report.selecting import Frame, records
from vidmask.results import Results, load


def write_report(
    paths: Sequence[str | os.PathLike[str]],
    out: Path,
    *,
    metric: str | None = None,
    reference: str | None = None,
    title: str | None = None,
) -> tuple[Path, Path, Path]:
    """Write what runs have found as a page, and beside it as Markdown and CSV of the same name.

    The same runs give the same bytes.

    Args:
        paths: Folders of runs or sweeps, as of ``vidmask.results.load``.
        out: The page; its folder must exist.
        metric: What is shown first (``measures_of``).
        reference: Name of the cell that the others are compared with; the first if None.
        title: Heading; the names of sweeps or recipes if None.

    Returns:
        The three files.

    Raises:
        ValueError: If a path holds no run, or there is no such measure or cell.
    """
    comparison = compared(load(*paths), metric, reference)
    document = report(comparison, title)
    files = (out, out.with_suffix(".md"), out.with_suffix(".csv"))
    columns = [name for name in comparison.frame.columns if name not in (CELL, "folder")]
    texts = (
        rendering.html(document),
        rendering.markdown(document),
        comparison.frame[columns].to_csv(index=False, lineterminator="\n"),
    )
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8", newline="\n")
    return files


def report(comparison: Comparison, title: str | None = None) -> Document:
    """Return the report as a document."""
    results, cells = comparison.results, comparison.cells
    finished = results.finished
    runs = results.runs.assign(seed=[_number(seed) for seed in results.runs["seed"]])
    folders = [
        (cells.name(place), folder)
        for place in range(len(cells))
        if (folder := comparison.folder(place)) is not None
    ]
    sections = [
        headline(runs, cells, [Path(folder) for folder in finished["folder"]], results.unplanned),
        score_section(comparison),
        difference_section(comparison),
        *number_sections(comparison),
        curve_section(comparison),
        convergence_section(comparison),
        matched_section(comparison),
        gallery_section(folders),
        published_section(finished, results.scores, cells),
        skipped_section(runs, cells),
        failure_section(runs, cells, _logs(results)),
        config_section([(name, run_folders.read_config(folder)) for name, folder in folders]),
    ]
    return Document(title or _title(results), [section for section in sections if section is not None])


def _title(results: Results) -> str:
    for column in ("sweep", "recipe"):
        names = list(dict.fromkeys(name for name in results.runs[column] if isinstance(name, str)))
        if names:
            return phrases.joined(names)
    return "vidmask"


def _logs(results: Results) -> dict[str, str]:
    """Return the log of the command at which each run has failed."""
    steps: Frame = results.steps
    failed = steps[steps["status"] != "finished"]
    return {
        row["run"]: Path(row["log"]).name for row in reversed(records(failed)) if isinstance(row["log"], str)
    }


def _number(seed: Any) -> float:
    # A seed that is not known is pandas' NA, which is no number at all.
    return math.nan if pd.isna(seed) else float(seed)
