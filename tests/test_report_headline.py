"""What the first lines say of runs, budget, code and hardware."""

import json
import math

import pandas as pd
import pytest
from report_documents import text_of

from vidmask.report.cells import cells_of
from vidmask.report.headline import headline


def _runs(**columns):
    runs = pd.DataFrame(
        {
            "run": list("abcd"),
            "recipe": ["quickstart/mae_st"] * 4,
            "model.mask": ["tube", "tube", "random", "random"],
            "seed": [0.0, 1.0, 0.0, 1.0],
            "status": ["finished", "finished", "finished", "failed"],
            "budget": ["steps"] * 4,
            "budget_amount": [512.0] * 4,
        }
    )
    return runs.assign(**columns)


def _text(runs, folders=(), unplanned=0):
    return text_of(headline(runs, cells_of(runs, ["recipe", "model.mask"]), list(folders), unplanned))


def test_what_was_compared_is_counted():
    text = _text(_runs())
    assert text.startswith(
        "Compared: 2 cells of quickstart/mae_st, which differ in mask. 3 finished runs, seeds 0 and 1."
    )
    assert text.endswith("Not counted, and listed under Failures: 1 failed.")


def test_many_seeds_are_a_range_and_none_is_none():
    runs = pd.concat([_runs(seed=[float(seed)] * 4) for seed in range(6)])
    assert "seeds 0 to 5." in _text(runs)
    assert "1 finished run, no seed." in _text(_runs(seed=[math.nan] * 4)[:1])


@pytest.mark.parametrize(
    ("kind", "amount", "words", "counted"),
    [
        ("steps", 512.0, "512 steps", "one update of the weights"),
        ("clips", 16384.0, "16,384 clips", "that the objective is trained on"),
        ("macs", 3e12, "3 T multiply-adds", "a tokenizer or teacher that they need"),
        ("seconds", 90.0, "90 seconds", "the time of training alone"),
        ("gpu_hours", 0.5, "0.5 GPU hours", "times the number of devices"),
    ],
)
def test_what_a_budget_counts_is_said(kind, amount, words, counted):
    text = _text(_runs(budget=[kind] * 4, budget_amount=[amount] * 4))
    assert f"Each run has the same budget: {words}." in text
    assert counted in text
    assert "data and tokenizer on first use, validation, probes and evaluations are not counted" in text


def test_several_budgets_are_all_named_and_none_is_said():
    text = _text(_runs(budget=["steps", "steps", "macs", "macs"], budget_amount=[512.0, 512.0, 2e9, 2e9]))
    assert "Each run has one of these budgets: 512 steps or 2 G multiply-adds." in text
    assert "No budget was given" in _text(_runs(budget=[None] * 4, budget_amount=[math.nan] * 4))


def test_commit_versions_and_hardware_are_those_of_the_runs(tmp_path):
    folders = []
    for place, gpus in enumerate((["H200", "H200"], [])):
        folder = tmp_path / str(place)
        folder.mkdir()
        environment = {
            "vidmask": "0.1.0",
            "vidmask_commit": {"commit": f"{place}234567890", "uncommitted_changes": bool(place)},
            "packages": {"torch": "2.15.0"},
            "hardware": {"cpu": "a CPU", "torch_threads": 1, "gpus": gpus},
        }
        (folder / "environment.json").write_text(json.dumps(environment))
        folders.append(folder)
    assert (
        "Made with commit 0234567 and 1234567 with uncommitted changes, vidmask 0.1.0, torch 2.15.0, "
        "on 2 × H200 and a CPU with 1 thread."
    ) in _text(_runs(), [*folders, tmp_path / "gone"])


def test_runs_that_no_plan_names_are_counted():
    assert "Left out, as no plan names them any more: 2 runs." in _text(_runs(), unplanned=2)
