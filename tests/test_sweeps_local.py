"""Runs on one machine: so many at a time, each with devices of its own, and none ends the others."""

import threading

import pytest
from sweep_runs import StandIn, definition, is_finished, plan

from vidmask.sweeps.local import LocalRunner, threads_of
from vidmask.sweeps.records import read_record

SWEEP = definition()


def nothing() -> None:
    """Look at nothing."""


def test_all_runs_are_carried_out(tmp_path):
    looks = []
    processes = StandIn()
    LocalRunner(processes=processes).run(plan(SWEEP), tmp_path, SWEEP, lambda: looks.append(1))
    assert all(is_finished(run, tmp_path / run.key) for run in plan(SWEEP))
    assert processes.most_at_once == 1
    assert looks
    # One after the other, each has all cores.
    assert processes.environments == [{"CUDA_VISIBLE_DEVICES": ""}] * 4


def test_one_that_fails_ends_no_other(tmp_path):
    planned = plan(SWEEP)
    processes = StandIn({planned[1].key: -9})
    LocalRunner(processes=processes).run(planned, tmp_path, SWEEP, nothing)
    records = [read_record(tmp_path / run.key) for run in planned]
    assert [record and record.status for record in records] == ["finished", "failed", "finished", "finished"]


@pytest.mark.parametrize("jobs", [2, 3])
def test_so_many_run_at_a_time(tmp_path, jobs):
    barrier = threading.Barrier(jobs)
    waited = []

    def together() -> int:
        if len(waited) < jobs:
            waited.append(1)
            barrier.wait(30)
        return 0

    processes = StandIn({"fit": together})
    LocalRunner(jobs=jobs, processes=processes).run(plan(SWEEP), tmp_path, SWEEP, nothing)
    assert processes.most_at_once == jobs
    expected = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(threads_of(jobs))}
    assert processes.environments == [expected] * 4


def test_no_two_runs_have_a_device_at_once(tmp_path):
    sweep = definition(overrides={"trainer.devices": 2})
    in_use: set[str] = set()
    lock = threading.Lock()
    processes = StandIn()
    original = StandIn.run

    def watched(self, words, log, environment, begun=None, keep_open=()):
        mine = set(environment["CUDA_VISIBLE_DEVICES"].split(","))
        assert len(mine) == 2
        with lock:
            assert not mine & in_use
            in_use.update(mine)
        code = original(self, words, log, environment, begun)
        with lock:
            in_use.difference_update(mine)
        return code

    processes.run = watched.__get__(processes)
    runner = LocalRunner(jobs=4, devices=["0", "2", "3", "5"], processes=processes)
    runner.run(plan(sweep), tmp_path, sweep, nothing)
    assert all(is_finished(run, tmp_path / run.key) for run in plan(sweep))
    assert {word for each in processes.environments for word in each["CUDA_VISIBLE_DEVICES"].split(",")} <= {
        *("0", "2", "3", "5")
    }


def test_too_few_devices_are_told_before_anything_runs(tmp_path):
    sweep = definition(overrides={"trainer.devices": 4})
    processes = StandIn()
    with pytest.raises(ValueError, match=r"model\.lr=0\.1 trains on 4 devices, and the sweep has 1"):
        LocalRunner(devices=["0"], processes=processes).run(plan(sweep), tmp_path, sweep, nothing)
    assert processes.commands == []


def test_devices_by_name_are_refused(tmp_path):
    sweep = definition(overrides={"trainer.devices": [2, 3]})
    runner = LocalRunner(devices=["0", "1"], processes=StandIn())
    with pytest.raises(ValueError, match=r"model\.lr=0\.1: trainer\.devices names devices"):
        runner.run(plan(sweep), tmp_path, sweep, nothing)


def test_ctrl_c_ends_what_runs_and_begins_nothing_more(tmp_path):
    planned = plan(SWEEP)
    begun, ended = threading.Event(), threading.Event()

    def until_stopped() -> int:
        begun.set()
        ended.wait(30)
        return -15

    processes = StandIn({"fit": until_stopped})
    original = StandIn.stop

    def stop(self) -> None:
        original(self)
        ended.set()

    processes.stop = stop.__get__(processes)

    def interrupted() -> None:
        # The second call comes from the runner's tidying up.
        if begun.is_set() and not ended.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalRunner(processes=processes).run(planned, tmp_path, SWEEP, interrupted)
    record = read_record(tmp_path / planned[0].key)
    assert record is not None
    assert record.status == "interrupted"
    assert len(processes.commands) == 1
    assert [read_record(tmp_path / run.key) for run in planned[1:]] == [None] * 3


def test_a_fault_of_the_sweep_s_own_is_not_hidden(tmp_path):
    def broken() -> int:
        raise RuntimeError("no such thing")

    with pytest.raises(RuntimeError, match="no such thing"):
        LocalRunner(processes=StandIn({"fit": broken})).run(plan(SWEEP), tmp_path, SWEEP, nothing)
