"""What went wrong: runs without a result, with reason and log, and samples that were skipped."""

from typing import Any

from vidmask.report import phrases
from vidmask.report.blocks import Block, Section, Table, Text
from vidmask.report.cells import Cells
from vidmask.report.selecting import Frame, records, where


def failure_section(runs: Frame, cells: Cells, logs: dict[str, str]) -> Section:
    """Return the section of the runs that are not counted.

    Args:
        runs: All runs.
        cells: What is compared.
        logs: For each such run, the file that tells more, where there is one.
    """
    failed = runs[runs["status"] != "finished"]
    if failed.empty:
        text = "None: all runs have finished." if len(runs) else "There are no runs."
        return Section("failures", "Failures", [Text(text)])
    rows = [
        [
            *cells.entries(cells.of_run[row["run"]]),
            phrases.number(row["seed"]),
            row["status"],
            _text(row["reason"]),
            logs.get(row["run"], phrases.NOTHING),
        ]
        for row in records(failed)
    ]
    columns = [*cells.columns, "seed", "status", "reason", "log"]
    text = Text("These runs are counted in no number of this report.")
    return Section("failures", "Failures", [text, Table("Runs without a result", columns, rows)])


def skipped_section(runs: Frame, cells: Cells) -> Section:
    """Return the section of the training samples that could not be decoded."""
    finished = where(runs, status="finished")
    lost = finished[finished["skipped"].fillna(0) > 0]
    title = "Skipped samples"
    if lost.empty:
        return Section("skipped", title, [Text("No finished run has skipped a training sample.")])
    rows = [
        [
            *cells.entries(cells.of_run[row["run"]]),
            phrases.number(row["seed"]),
            phrases.number(row["skipped"]),
        ]
        for row in records(lost)
    ]
    blocks: list[Block] = [
        Text(
            "Their videos could not be decoded; skipped.csv in each run's folder lists them with the reason."
        ),
        Table("Training samples skipped, of the whole run", [*cells.columns, "seed", "samples"], rows),
    ]
    return Section("skipped", title, blocks)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else phrases.NOTHING
