"""Sweeps of real trainings on real Ray clusters of two nodes: one is lost, or everything is stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from test_cli_sweeping import data, losses, records, work, write
from test_sweeps_processes import is_alive, wait_until

from vidmask.cli import main

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("one_thread", "work")]

__all__ = ["work"]

STEPS = 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose head carries out nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def nodes(cluster) -> Iterator[list[Any]]:
    """Two nodes, each with room for one run."""
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    yield nodes
    for node in nodes:
        if node in cluster.worker_nodes:
            cluster.remove_node(node)


def sweep_file(name: str, moving_shapes: Path, **changed: Any) -> str:
    overrides = {**data(moving_shapes), "trainer.callbacks": None, "checkpoint.every_n_train_steps": 4}
    given = {"overrides": overrides, "budget": {"steps": STEPS}, **changed}
    return str(write(name, moving_shapes, **given))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def raylet(node: Any) -> int:
    return node.all_processes["raylet"][0].process.pid


def in_training(name: str) -> dict[str, dict[str, Any]]:
    """Return what is known of the runs that have a checkpoint and train on."""
    return {
        cell: record
        for cell, record in records(name).items()
        if record["process"] is not None
        and Path(f"runs/sweeps/{name}/{record['key']}/quickstart/mae_st/run/checkpoints/last.ckpt").is_file()
    }


def soon(act: Callable[[], bool]) -> threading.Thread:
    """Try something again and again beside the test, until it has been done."""

    def watch() -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and not act():
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def command(path: str, cluster: Cluster) -> list[str]:
    return [sys.executable, "-m", "vidmask", "sweep", "--config", path, "--ray", cluster.address]


def test_a_node_is_lost_and_all_runs_finish_as_if_nothing_had_been(cluster, nodes, moving_shapes):
    path = sweep_file("lost", moving_shapes, grid={"model.masking.ratio": [0.75, 0.9]})
    lost: dict[str, Any] = {}

    def lose_a_node() -> bool:
        for cell, record in in_training("lost").items():
            pid = record["process"]["pid"]
            metrics = Path("runs/sweeps/lost", record["key"], "quickstart/mae_st/run/metrics.jsonl")
            steps = [json.loads(line)["step"] for line in metrics.read_text().split("\n")[:-1]]
            # The training is a child of Ray's worker, and that one of the node's first process.
            node = next(node for node in nodes if raylet(node) == parent(parent(pid)))
            lost.update(cell=cell, pid=pid, step=steps[-1])
            cluster.remove_node(node, allow_graceful=False)
            return True
        return False

    watcher = soon(lose_a_node)
    sweep = subprocess.run(command(path, cluster), capture_output=True, text=True, timeout=400)
    assert sweep.returncode == 0, sweep.stderr
    watcher.join()
    lines = sweep.stdout.splitlines()
    assert lines[0] == (
        "sweep: a Ray cluster of 2 machines with 2 CPUs and 0 GPUs; a run takes 1 CPUs and 0 GPUs"
    )
    assert lines[1].startswith("sweep: 2 of 2 runs to do, 2 at a time")
    # Ray itself would tell in many lines which process was lost.
    assert "ray" not in "\n".join([*lines[2:], sweep.stderr]).lower()
    assert 4 <= lost["step"] < STEPS
    assert not is_alive(lost["pid"])
    after = records("lost")
    assert {record["status"] for record in after.values()} == {"finished"}
    assert {cell: record["attempts"] for cell, record in after.items()} == {
        **dict.fromkeys(after, 1),
        lost["cell"]: 2,
    }
    assert len(list(Path("runs/sweeps/lost").glob("*/quickstart/mae_st/run"))) == 2
    log = Path("runs/sweeps/lost", after[lost["cell"]]["key"], "fit.log").read_text()
    assert "going on after step" in log
    # The same sweep here, undisturbed, has the same losses, each once.
    whole = sweep_file("whole", moving_shapes, grid={"model.masking.ratio": [float(lost["cell"])]})
    assert main(["sweep", "--config", whole]) == 0
    expected = losses("whole")[lost["cell"]]
    assert losses("lost")[lost["cell"]] == expected
    assert [step for step, _ in expected] == sorted({step for step, _ in expected})


@pytest.mark.usefixtures("nodes")
def test_ctrl_c_ends_what_runs_on_the_cluster(cluster, moving_shapes):
    path = sweep_file("stopped", moving_shapes, grid={"model.masking.ratio": [0.5]}, budget={"steps": 4000})
    sweep = subprocess.Popen(
        command(path, cluster), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: in_training("stopped") or sweep.poll() is not None, 120)
    pid = in_training("stopped")["0.5"]["process"]["pid"]
    sweep.send_signal(signal.SIGINT)
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    assert out.splitlines()[-1].startswith("stopped: 0 of 1 runs finished")
    assert err.splitlines()[-1] == "vidmask: interrupted"
    assert not is_alive(pid)
    record = records("stopped")["0.5"]
    assert (record["status"], record["reason"]) == ("interrupted", "fit: the sweep was stopped")
    assert record["process"] is None
    # A sweep that is killed leaves nothing that runs on, and its record shows no failure.
    sweep = subprocess.Popen(command(path, cluster), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: records("stopped")["0.5"]["process"] is not None, 120)
    pid = records("stopped")["0.5"]["process"]["pid"]
    os.kill(sweep.pid, signal.SIGKILL)
    sweep.wait()
    wait_until(lambda: not is_alive(pid), 60)
    time.sleep(3)
    # Whether Ray's worker comes to write down that it was stopped is its own affair.
    assert records("stopped")["0.5"]["status"] in ("running", "interrupted")
