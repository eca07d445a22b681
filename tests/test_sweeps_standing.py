"""How a sweep stands: counts, the best so far, and the time that is left."""

import json

from rich.console import Console
from sweep_runs import StandIn, definition, plan

from vidmask.sweeps.execution import carry_out
from vidmask.sweeps.records import read_record, write_record
from vidmask.sweeps.standing import Standing
from vidmask.sweeps.steps import steps_of

SWEEP = definition(best="train/loss")


def drawn(standing: Standing) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(standing.table())
    return capture.get()


def with_times(folder, run, seconds: float) -> None:
    record = read_record(folder / run.key)
    assert record is not None
    record.steps[0].seconds = seconds
    write_record(folder / run.key, record)


def test_nothing_is_done_at_first(tmp_path):
    standing = Standing(SWEEP, plan(SWEEP), tmp_path)
    assert standing.counts() == {"waiting": 4}
    # Four steps of 0.1 s for each of four runs.
    assert standing.seconds_left() == 4 * 4 * 0.1
    assert standing.headline() == "rates: 0 of 4 runs finished, about 2 s left"
    assert "best" not in drawn(standing).replace("best so far", "")


def test_what_is_left_is_told_by_what_the_others_took(tmp_path):
    planned = plan(SWEEP)
    for run, seconds in zip(planned[:2], (10.0, 30.0), strict=True):
        carry_out(run, tmp_path / run.key, SWEEP, {}, StandIn())
        with_times(tmp_path, run, seconds)
    # Of each combination one run is left.
    assert Standing(SWEEP, planned, tmp_path, jobs=2).seconds_left() == (10 + 30) / 2
    with_times(tmp_path, planned[0], 50.0)
    assert Standing(SWEEP, planned, tmp_path).seconds_left() == 80


def test_one_that_runs_and_one_that_failed(tmp_path):
    planned = plan(SWEEP)
    carry_out(planned[0], tmp_path / planned[0].key, SWEEP, {}, StandIn({"fit": 2}))
    record = carry_out(planned[1], tmp_path / planned[1].key, SWEEP, {}, StandIn())
    record.status = "running"
    write_record(tmp_path / planned[1].key, record)
    metrics = tmp_path / planned[1].key / next(steps_of(planned[1])).folder / "metrics.jsonl"
    metrics.write_text('{"step": 1, "train/loss": 1}\n{"step": 3, "train/loss": 1}\n{"step": 4, "tr')
    standing = Standing(SWEEP, planned, tmp_path)
    assert standing.counts() == {"failed": 1, "running": 1, "waiting": 2}
    assert standing.headline().startswith("rates: 0 of 4 runs finished, 1 running, 1 failed")
    assert " 75% " in drawn(standing)
    (line,) = standing.failures()
    assert line.startswith("failed: quickstart/mae_st, model.lr=0.1, seed 0: fit: the loss is not finite")
    assert planned[0].key in line


def test_the_best_is_that_of_the_finished_by_their_mean(tmp_path):
    planned = plan(SWEEP)
    # Of the cells 0.1 and 0.2, seeds 0 and 1: the least mean of a loss is best.
    for run, loss in zip(planned, (0.2, 0.4, 0.9, 0.5), strict=True):
        carry_out(run, tmp_path / run.key, SWEEP, {}, StandIn())
        metrics = tmp_path / run.key / next(steps_of(run)).folder / "metrics.jsonl"
        metrics.write_text("".join(json.dumps({"step": 4, "train/loss": x}) + "\n" for x in (7, loss)))
    table = drawn(Standing(SWEEP, planned, tmp_path))
    assert "0.45 ← best" in table
    assert "0.55 " in table
    greater = definition(best="probe/accuracy")
    assert "best" not in drawn(Standing(greater, planned, tmp_path)).replace("probe/accuracy", "")


def test_one_that_lacks_a_new_evaluation_waits(tmp_path):
    planned = plan(SWEEP)
    for run in planned:
        carry_out(run, tmp_path / run.key, SWEEP, {}, StandIn())
    assert Standing(SWEEP, planned, tmp_path).counts() == {"finished": 4}
    more = definition(evaluate={"quickstart/linear": {}})
    assert Standing(more, plan(more), tmp_path).counts() == {"waiting": 4}


def test_what_no_run_tells_is_not_guessed(tmp_path):
    assert Standing(SWEEP, plan(SWEEP, cost=None), tmp_path).seconds_left() is None
    assert Standing(SWEEP, plan(SWEEP, cost=None), tmp_path).headline() == "rates: 0 of 4 runs finished"
