"""Every task has an answer or a failure, whatever its process does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vidmask.data.processes import Failure, run_tasks


def double(task):
    print("what a library prints is no answer")
    return 2 * task


def misbehave(task):
    if task == "hang":
        time.sleep(60)
    if task == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "raise":
        raise ValueError("a fault of the function")
    if task == "refuse":
        raise FileNotFoundError(2, "No such file", "a.mp4")
    return task.upper()


def leave_a_mark(task):
    Path(task).touch()
    time.sleep(60)


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_every_task_is_answered_once(num_workers):
    found = dict(run_tasks("test_data_processes:double", [3, 1, 2], num_workers))
    assert found == {0: 6, 1: 2, 2: 4}


def test_no_task_has_no_answer():
    assert list(run_tasks("test_data_processes:double", [], 2)) == []


def test_a_failure_costs_one_task_and_no_other(capfd):
    tasks = ["a", "hang", "b", "die", "c", "raise", "refuse", "d"]
    found = dict(run_tasks("test_data_processes:misbehave", tasks, 2, timeout_seconds=1.0))
    assert {tasks[place]: answer for place, answer in found.items() if isinstance(answer, str)} == {
        "a": "A",
        "b": "B",
        "c": "C",
        "d": "D",
    }
    assert found[1] == Failure("timeout", "took more than 1 s")
    assert found[3] == Failure("killed", "its process was killed by SIGSEGV")
    assert found[5] == Failure("killed", "its process ended with the code 1")
    assert found[6] == Failure("error", "[Errno 2] No such file: 'a.mp4'", 2)
    assert "a fault of the function" in capfd.readouterr().err


def test_an_error_is_a_failure_in_this_process_too():
    assert dict(run_tasks("test_data_processes:misbehave", ["refuse"], 0))[0].errno == 2


def test_who_stops_asking_leaves_no_process_behind(tmp_path):
    started = time.monotonic()
    tasks = [str(tmp_path / "0"), str(tmp_path / "1")]
    answers = run_tasks("test_data_processes:leave_a_mark", tasks, 2, timeout_seconds=0.5)
    next(answers)
    answers.close()
    assert time.monotonic() - started < 30
    children = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "leave_a_mark"], capture_output=True)
    assert children.stdout == b""


def test_a_worker_process_does_not_load_torch():
    code = "import sys, vidmask.data.processes; sys.exit(bool({'torch', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_process_that_cannot_be_started_is_a_failure_and_no_wait(monkeypatch):
    def refused(*args, **options):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("subprocess.Popen", refused)
    found = list(run_tasks("builtins:len", ["a", "b"], 1))
    assert [answer.kind for _, answer in found] == ["killed", "killed"]
    assert "cannot be started: Cannot allocate memory" in found[0][1].reason


def test_a_task_that_cannot_be_sent_is_raised_and_no_wait():
    with pytest.raises(TypeError, match="JSON"):
        list(run_tasks("builtins:len", [object()], 1))
