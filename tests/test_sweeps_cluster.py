"""Runs on a Ray cluster. A stand-in carries tasks out at once; real clusters are in test_sweeps_ray.py."""

import builtins
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import exceptions
from sweep_runs import StandIn, definition, is_finished, plan

from vidmask.sweeps import cluster
from vidmask.sweeps.cluster import MARK, MAX_LOSSES, RayRunner, connected
from vidmask.sweeps.records import read_record

SWEEP = definition()


class Task:
    """What a task is known by."""

    error: Exception | None = None


class Tasks:
    """Stands in for Ray: a task is carried out as soon as it is given.

    Args:
        machines: What each machine has.
        instead: Called with a run's key before it is carried out; what it raises is what Ray reports.
    """

    exceptions = exceptions

    def __init__(
        self, machines: list[Mapping[str, float]], instead: Callable[[str], None] = lambda key: None
    ) -> None:
        self.machines, self.instead = machines, instead
        self.options: list[dict[str, Any]] = []
        self.under_way: list[Any] = []
        self.most_at_once = 0
        self.cancelled: list[Any] = []

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": each} for each in self.machines] + [
            {"Alive": False, "Resources": {"CPU": 64.0}},
            {"Alive": True, "Resources": {"memory": 1.0}},
        ]

    def remote(self, function: Callable[..., None]) -> Any:
        def options(**given: Any) -> Any:
            def begin(run: Any, *args: Any) -> Any:
                self.options.append(given)
                task = Task()
                try:
                    self.instead(run.key)
                    function(run, *args)
                except exceptions.RayError as error:
                    task.error = error
                except (OSError, ValueError) as error:
                    task.error = exceptions.RayTaskError("task", "traceback", error)
                self.under_way.append(task)
                self.most_at_once = max(self.most_at_once, len(self.under_way))
                return task

            return SimpleNamespace(remote=begin)

        return SimpleNamespace(options=options)

    def wait(self, tasks: list, **_: Any) -> tuple[list, list]:
        return tasks[:1], tasks[1:]

    def get(self, task: Any) -> None:
        self.under_way.remove(task)
        if task.error is not None:
            raise task.error

    def cancel(self, task: Any) -> None:
        self.cancelled.append(task)


@pytest.fixture
def tasks(monkeypatch, tmp_path) -> Tasks:
    monkeypatch.chdir(tmp_path)
    tasks = Tasks([{"CPU": 2.0}, {"CPU": 1.0}])
    monkeypatch.setattr(cluster, "_ray", lambda: tasks)
    monkeypatch.setattr(cluster, "_ChildProcesses", StandIn)
    return tasks


def nothing() -> None:
    """Look at nothing."""


def statuses(folder: Path) -> list[str | None]:
    records = [read_record(folder / run.key) for run in plan(SWEEP)]
    return [record and record.status for record in records]


def test_all_runs_are_carried_out_where_the_folder_is_seen_by_its_absolute_path(tasks, tmp_path, monkeypatch):
    looks, environments = [], []
    original = StandIn.run

    def noted(self, words, log, environment, begun=None, keep_open=()):
        assert log.is_absolute()
        environments.append(environment)
        return original(self, words, log, environment, begun, keep_open)

    monkeypatch.setattr(StandIn, "run", noted)
    monkeypatch.setenv("VIDMASK_CACHE", "/shared/cache")
    Path("sweep").mkdir()
    RayRunner(cpus_per_run=2).run(plan(SWEEP), Path("sweep"), SWEEP, lambda: looks.append(1))
    assert all(is_finished(run, tmp_path / "sweep" / run.key) for run in plan(SWEEP))
    assert looks
    assert not (tmp_path / "sweep" / MARK).exists()
    assert [(each["num_cpus"], each["num_gpus"], each["max_retries"]) for each in tasks.options] == [
        (2, 0, 0)
    ] * 4
    for environment in environments:
        assert environment["VIDMASK_CACHE"] == "/shared/cache"
        assert environment["OMP_NUM_THREADS"] == "2"
        assert environment["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize("jobs", [1, 3, None])
def test_so_many_run_at_a_time(tasks, tmp_path, jobs):
    RayRunner(jobs=jobs).run(plan(SWEEP), tmp_path, SWEEP, nothing)
    assert tasks.most_at_once == (jobs or 4)


@pytest.mark.parametrize(
    ("lost", "times", "status", "reason"),
    [
        (exceptions.NodeDiedError("a node died\nat noon"), 1, "finished", None),
        (exceptions.WorkerCrashedError(), MAX_LOSSES, "finished", None),
        (exceptions.OutOfMemoryError("too much"), MAX_LOSSES + 1, "failed", "lost 6 times: too much"),
        (OSError("no space left"), MAX_LOSSES + 1, "failed", "lost 6 times: no space left"),
    ],
)
def test_a_run_whose_machine_is_lost_moves_on_and_not_for_ever(tasks, tmp_path, lost, times, status, reason):
    unlucky = plan(SWEEP)[1].key
    left = [lost] * times

    def lose(key: str) -> None:
        if key == unlucky and left:
            raise left.pop()

    tasks.instead = lose
    RayRunner().run(plan(SWEEP), tmp_path, SWEEP, nothing)
    assert statuses(tmp_path) == ["finished", status, "finished", "finished"]
    assert len(tasks.options) == 4 + min(times, MAX_LOSSES)
    record = read_record(tmp_path / unlucky)
    assert record is not None
    assert record.reason == reason or str(record.reason).endswith(str(reason))


def test_a_machine_that_does_not_see_the_folder_ends_the_sweep_in_one_line(tasks, tmp_path):
    tasks.instead = lambda key: (tmp_path / MARK).write_text("of another sweep")
    with pytest.raises(
        ValueError, match=f"{socket.gethostname()} does not see the sweep's folder {tmp_path}"
    ):
        RayRunner().run(plan(SWEEP), tmp_path, SWEEP, nothing)
    assert statuses(tmp_path) == [None] * 4
    assert len(tasks.cancelled) == 3


def test_runs_take_the_gpus_that_they_train_on(tasks):
    sweep = definition(overrides={"trainer.devices": 2})
    tasks.machines = [{"CPU": 8.0, "GPU": 4.0}, {"CPU": 8.0, "GPU": 1.0}, {"CPU": 1.0, "GPU": 8.0}]
    # Two on the first, none on the second, and as many as its only CPU suffices for on the third.
    assert RayRunner().room(plan(sweep)) == 3
    assert RayRunner(cpus_per_run=3).room(plan(sweep)) == 2
    assert RayRunner(jobs=2).room(plan(sweep)) == 2
    assert RayRunner(cpus_per_run=8, on_gpus=False).room(plan(sweep)) == 2
    assert RayRunner().describe(plan(sweep)) == (
        "a Ray cluster of 3 machines with 17 CPUs and 13 GPUs; a run takes 1 CPUs and 2 GPUs"
    )
    sweep = definition(overrides={"trainer.devices": 16})
    with pytest.raises(ValueError, match=r"model\.lr=0\.1 takes 1 CPUs and 16 GPUs, and no machine of the"):
        RayRunner().room(plan(sweep))


def test_without_ray_one_line_says_how_to_get_it(monkeypatch):
    original = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "ray":
            raise ModuleNotFoundError(name)
        return original(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install 'vidmask\[ray\]'"), connected("auto"):
        pass


def test_only_addresses_of_one_s_own_cluster_are_taken():
    with pytest.raises(ValueError, match="of which this machine is one, got ray://"), connected("ray://a:1"):
        pass


def test_no_cluster_is_told_in_one_line_and_soon():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    told = rf"no Ray cluster at {address} of which this machine is one \(.*refused\): ray start --head"
    with pytest.raises(ValueError, match=told), connected(address):
        pass
    with pytest.raises(ValueError, match="no Ray cluster at here of which"), connected("here"):
        pass
