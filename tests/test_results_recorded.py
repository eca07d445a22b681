import json

import pytest
from sweep_folders import CELLS, key_of, write_sweep

from vidmask.results.recorded import read_recorded, read_sweep


@pytest.fixture
def run(tmp_path):
    (key,) = write_sweep(tmp_path / "masks", CELLS[:1], (7,))
    return tmp_path / "masks" / key


def test_a_record_is_read(run):
    found = read_recorded(run)
    assert found.name == f"masks/{run.name}"
    assert (found.sweep, found.recipe, found.seed, found.status) == (
        "masks",
        "quickstart/mae_st",
        7,
        "finished",
    )
    assert found.labels == CELLS[0]
    assert (found.budget, found.budget_amount) == ("steps", 40)
    assert (found.clips_per_step, found.macs_per_step) == (32, 1.5e9)
    assert found.folder == run / "quickstart/mae_st/run"
    assert [command.seconds for command in found.commands] == [10, 10, 10]


def test_a_planned_run_without_a_record_is_missing(tmp_path):
    keys = write_sweep(tmp_path / "masks", CELLS[:2], (0,), endings={key_of(CELLS[1], 0): ("missing", None)})
    runs, unplanned = read_sweep(tmp_path / "masks")
    assert [(run.name, run.status) for run in runs] == [
        (f"masks/{keys[0]}", "finished"),
        (f"masks/{keys[1]}", "missing"),
    ]
    assert runs[1].labels == CELLS[1]
    assert runs[1].budget_amount == 40
    assert runs[1].folder is None
    assert unplanned == 0


def test_labels_that_are_numbers_become_text(run):
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "cell": {"ratio": 0.5}}))
    assert read_recorded(run).labels == {"ratio": "0.5"}


def test_budget_and_cost_may_be_left_open(run):
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "budget": None, "cost": None}))
    found = read_recorded(run)
    assert found.budget is None
    assert found.clips_per_step != found.clips_per_step


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"key": "3f', "is damaged"),
        ("[]", "a mapping is asked, got list"),
        ('{"status": "finished"}', "it lacks 'steps'"),
        ('{"status": "finished", "steps": null}', "is damaged"),
        (
            '{"status": "done", "steps": []}',
            "status is one of finished, failed, running, interrupted, got 'done'",
        ),
    ],
)
def test_a_damaged_record_is_refused_with_its_path(run, text, problem):
    (run / "record.json").write_text(text)
    with pytest.raises(ValueError, match=problem) as caught:
        read_recorded(run)
    assert str(run / "record.json") in str(caught.value)


@pytest.mark.parametrize("text", ["{", '{"name": "masks"}', '{"name": "masks", "runs": [1]}'])
def test_a_damaged_plan_is_refused_with_its_path(run, text):
    plan = run.parent / "plan.json"
    plan.write_text(text)
    with pytest.raises(ValueError, match=r"plan\.json is damaged: .*; run again") as caught:
        read_sweep(run.parent)
    assert str(plan) in str(caught.value)
