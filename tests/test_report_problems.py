"""Runs without a result, and samples that were skipped."""

import math

import pandas as pd
from report_documents import rows_of, tables_of, text_of

from vidmask.report.cells import cells_of
from vidmask.report.problems import failure_section, skipped_section

RUNS = pd.DataFrame(
    {
        "run": ["a", "b", "c", "d"],
        "mask": ["tube", "tube", "random", "random"],
        "seed": [0.0, 1.0, 0.0, math.nan],
        "status": ["finished", "failed", "missing", "finished"],
        "reason": [None, "out of memory: <asked> for 3 GiB", float("nan"), None],
        "skipped": [3.0, 7.0, math.nan, 0.0],
    }
)
CELLS = cells_of(RUNS, ["mask"])


def test_failures_stand_with_reason_and_log():
    (table,) = tables_of(failure_section(RUNS, CELLS, {"b": "fit.log"}))
    assert rows_of(table) == [
        {
            "mask": "tube",
            "seed": "1",
            "status": "failed",
            "reason": "out of memory: <asked> for 3 GiB",
            "log": "fit.log",
        },
        {"mask": "random", "seed": "0", "status": "missing", "reason": "–", "log": "–"},
    ]


def test_without_a_failure_it_is_said():
    finished = RUNS[RUNS["status"] == "finished"]
    assert text_of(failure_section(finished, CELLS, {})) == "None: all runs have finished."


def test_samples_that_a_counted_run_has_skipped_are_listed():
    (table,) = tables_of(skipped_section(RUNS, CELLS))
    assert rows_of(table) == [{"mask": "tube", "seed": "0", "samples": "3"}]
    section = skipped_section(RUNS[RUNS["run"] == "d"], CELLS)
    assert text_of(section) == "No finished run has skipped a training sample."
