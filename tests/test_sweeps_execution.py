"""A run is carried out, goes on where it was, and leaves what it should."""

import os
import subprocess
import sys
import time

import pytest
from sweep_runs import StandIn, definition, is_finished, plan

from vidmask.sweeps import occupancy
from vidmask.sweeps.execution import begun, carry_out, describe_anew, trainings_repeated
from vidmask.sweeps.occupancy import LOCK, occupied
from vidmask.sweeps.processes import StoppedError, identity
from vidmask.sweeps.records import read_record, write_record

SWEEP = definition(evaluate={"quickstart/linear": {}})


@pytest.fixture
def run():
    return plan(SWEEP)[0]


def verbs(processes: StandIn) -> list[str]:
    return [" ".join(words[:3:2]) if words[0] == "fit" else "test" for words in processes.commands]


def test_a_run_is_carried_out_and_written_down(run, tmp_path):
    processes = StandIn()
    record = carry_out(run, tmp_path, SWEEP, {"A": "1"}, processes)
    assert verbs(processes) == ["fit quickstart/mae_st", "fit quickstart/linear", "test"]
    assert processes.environments == [{"A": "1"}] * 3
    assert read_record(tmp_path) == record
    assert (record.status, record.reason, record.attempts, record.process) == ("finished", None, 1, None)
    assert record.cell == {"model.lr": "0.1"}
    assert record.budget == {"kind": "steps", "amount": 4, "steps": 4}
    assert record.cost is not None
    assert record.cost["clips_per_step"] == 8
    assert [step.status for step in record.steps] == ["finished"] * 3
    assert is_finished(run, tmp_path)


def test_nothing_that_has_finished_is_repeated(run, tmp_path):
    carry_out(run, tmp_path, SWEEP, {}, StandIn())
    again = StandIn()
    carry_out(run, tmp_path, SWEEP, {}, again)
    assert again.commands == []


def test_an_evaluation_that_was_added_is_all_that_runs(run, tmp_path):
    carry_out(plan(definition())[0], tmp_path, definition(), {}, StandIn())
    assert not is_finished(run, tmp_path)
    processes = StandIn()
    carry_out(run, tmp_path, SWEEP, {}, processes)
    assert verbs(processes) == ["fit quickstart/linear", "test"]


def test_a_run_is_described_anew_where_its_cell_has_other_labels(run, tmp_path):
    carry_out(run, tmp_path, SWEEP, {}, StandIn())
    renamed = definition(grid={"model.lr": {"slow": 0.1}, "model.masking.ratio": {"half": 0.5}}, name="other")
    (again, _) = plan(renamed)
    assert again.key == run.key
    describe_anew(again, tmp_path, renamed)
    record = read_record(tmp_path)
    assert record is not None
    assert record.cell == {"model.lr": "slow", "model.masking.ratio": "half"}
    assert (record.sweep, record.status, record.attempts) == ("other", "finished", 1)
    describe_anew(again, tmp_path / "nowhere", renamed)
    assert not (tmp_path / "nowhere").exists()


def test_a_training_that_is_repeated_for_its_encoder_is_known_beforehand(run, tmp_path):
    assert not trainings_repeated(run, tmp_path)
    slim = definition(keep="numbers")
    carry_out(plan(slim)[0], tmp_path, slim, {}, StandIn())
    assert trainings_repeated(run, tmp_path)
    assert not trainings_repeated(plan(slim)[0], tmp_path)


def test_an_evaluation_with_other_settings_runs_anew(run, tmp_path):
    carry_out(run, tmp_path, SWEEP, {}, StandIn())
    other = definition(evaluate={"quickstart/linear": {"model.lr": 3}})
    processes = StandIn()
    record = carry_out(plan(other)[0], tmp_path, other, {}, processes)
    assert verbs(processes) == ["fit quickstart/linear", "test"]
    # From its beginning, not from the checkpoint of the other.
    assert processes.commands[0][-1] == "--run.name=run"
    assert [step.name for step in record.steps] == ["fit", "quickstart/linear", "quickstart/linear test"]


def test_a_failure_is_written_down_with_its_reason_and_what_follows_it_is_not_run(run, tmp_path):
    processes = StandIn({"quickstart/linear": 2})
    record = carry_out(run, tmp_path, SWEEP, {}, processes)
    assert record.status == "failed"
    assert record.reason == "quickstart/linear: the loss is not finite at step 3"
    assert [step.status for step in record.steps] == ["finished", "failed"]
    assert not is_finished(run, tmp_path)
    again = StandIn()
    record = carry_out(run, tmp_path, SWEEP, {}, again)
    assert verbs(again) == ["fit quickstart/linear", "test"]
    assert (record.status, record.reason, record.attempts) == ("finished", None, 2)


def test_a_training_that_was_killed_goes_on_from_its_checkpoint(run, tmp_path):
    processes = StandIn()

    def killed() -> int:
        StandIn().run(processes.commands[-1], tmp_path / "fit.log", {})
        (tmp_path / "quickstart/mae_st/run/encoder.safetensors").unlink()
        return -9

    processes.returncodes = {"quickstart/mae_st": killed}
    record = carry_out(run, tmp_path, SWEEP, {}, processes)
    assert record.reason is not None
    assert record.reason.startswith("fit: killed by signal 9")
    again = StandIn()
    assert carry_out(run, tmp_path, SWEEP, {}, again).status == "finished"
    assert again.commands[0][-2] == "--ckpt_path"


def test_a_training_that_was_killed_before_its_first_checkpoint_begins_anew(run, tmp_path):
    folder = tmp_path / "quickstart/mae_st/run"
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text('{"step": 3}\n')
    carry_out(run, tmp_path, SWEEP, {}, StandIn({"quickstart/mae_st": -9}))
    assert not folder.exists()


def test_a_command_that_ends_well_and_leaves_nothing_has_failed(run, tmp_path):
    processes = StandIn()
    processes.returncodes = {"fit": lambda: 0}
    original = StandIn.run

    def without_encoder(self, words, log, environment, begun=None, keep_open=()):
        code = original(self, words, log, environment, begun)
        (tmp_path / "quickstart/mae_st/run/encoder.safetensors").unlink()
        return code

    processes.run = without_encoder.__get__(processes)
    record = carry_out(run, tmp_path, SWEEP, {}, processes)
    assert (record.status, record.reason) == (
        "failed",
        "fit: it left no quickstart/mae_st/run/encoder.safetensors",
    )


def test_a_run_that_is_stopped_with_the_sweep_is_no_failure(run, tmp_path):
    processes = StandIn()

    def stopped() -> int:
        processes._stopped = True
        return -15

    processes.returncodes = {"quickstart/mae_st": stopped}
    record = carry_out(run, tmp_path, SWEEP, {}, processes)
    assert (record.status, record.reason) == ("interrupted", "fit: the sweep was stopped")

    def refused() -> int:
        raise StoppedError

    processes.returncodes = {"fit": refused}
    assert carry_out(run, tmp_path, SWEEP, {}, processes).status == "interrupted"


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        ("all", {"checkpoints", "encoder.safetensors", "events.out.tfevents.1", "metrics.jsonl"}),
        ("encoder", {"encoder.safetensors", "events.out.tfevents.1", "metrics.jsonl"}),
        ("numbers", {"metrics.jsonl"}),
    ],
)
def test_what_stays_of_a_finished_run(run, tmp_path, keep, left):
    sweep = definition(evaluate={"quickstart/linear": {}}, keep=keep)
    record = carry_out(run, tmp_path, sweep, {}, StandIn())
    for folder in ("quickstart/mae_st/run", "quickstart/linear/run"):
        names = {path.name for path in (tmp_path / folder).iterdir()}
        assert names - {"config.yaml", "test"} == left
    assert (tmp_path / "quickstart/linear/run/test/metrics.jsonl").is_file()
    assert record.status == "finished"


def test_what_failed_stays_as_it_is_to_go_on(run, tmp_path):
    sweep = definition(evaluate={"quickstart/linear": {}}, keep="numbers")
    carry_out(run, tmp_path, sweep, {}, StandIn({"test --ckpt_path": 1}))
    assert (tmp_path / "quickstart/linear/run/checkpoints/last.ckpt").is_file()


def test_an_evaluation_is_added_where_the_encoder_was_not_kept(run, tmp_path):
    slim = definition(keep="numbers")
    carry_out(plan(slim)[0], tmp_path, slim, {}, StandIn())
    processes = StandIn()
    assert carry_out(run, tmp_path, SWEEP, {}, processes).status == "finished"
    assert verbs(processes) == ["fit quickstart/mae_st", "fit quickstart/linear", "test"]


def test_a_process_of_a_sweep_that_was_killed_is_ended_before_the_run_goes_on(run, tmp_path):
    with occupied(tmp_path, lambda: False) as lock:
        program = [sys.executable, "-c", "import time; time.sleep(600)"]
        orphan = subprocess.Popen(program, start_new_session=True, pass_fds=[lock])
    record = begun(run, tmp_path, SWEEP)
    record.process = identity(orphan.pid)
    write_record(tmp_path, record)
    assert carry_out(run, tmp_path, SWEEP, {}, StandIn()).status == "finished"
    assert orphan.wait(10) == -15


def test_a_run_whose_folder_another_machine_writes_into_is_not_begun(run, tmp_path, monkeypatch):
    monkeypatch.setattr(occupancy, "PATIENCE_SECONDS", 0.2)
    processes = StandIn()
    with occupied(tmp_path, lambda: False):
        record = carry_out(run, tmp_path, SWEEP, {}, processes)
    assert record.status == "failed"
    assert str(record.reason).startswith(f"another process still writes into {tmp_path}")
    assert processes.commands == []


def test_each_command_holds_the_lock_of_its_folder(run, tmp_path):
    original, held = StandIn.run, []

    def noted(self, words, log, environment, begun=None, keep_open=()):
        held.extend(os.path.samestat(os.fstat(each), (tmp_path / LOCK).stat()) for each in keep_open)
        return original(self, words, log, environment, begun, keep_open)

    processes = StandIn()
    processes.run = noted.__get__(processes)
    assert carry_out(run, tmp_path, SWEEP, {}, processes).status == "finished"
    assert held == [True] * 3


def test_a_sweep_that_is_stopped_waits_for_no_other_machine(run, tmp_path):
    processes = StandIn()
    processes.stop()
    began = time.monotonic()
    with occupied(tmp_path, lambda: False):
        record = carry_out(run, tmp_path, SWEEP, {}, processes)
    assert (record.status, record.reason) == ("interrupted", "the sweep was stopped")
    assert time.monotonic() - began < 5
