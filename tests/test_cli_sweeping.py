"""Sweeps of real runs: to their end, killed and gone on with, and with runs that fail each in its own way."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest
import yaml

from vidmask.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """An empty working directory; processes have one thread each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def data(moving_shapes: Path) -> dict[str, Any]:
    sizes = {f"data.source.num_{split}": number for split, number in (("train", 16), ("val", 4), ("test", 4))}
    return {
        "data.source.root": str(moving_shapes),
        **sizes,
        "data.batch_size": 4,
        "data.num_workers": 0,
        "trainer.accelerator": "cpu",
        "trainer.log_every_n_steps": 1,
    }


def write(name: str, moving_shapes: Path, **changed: Any) -> Path:
    """Write a sweep of two ratios with a probe of each, without callbacks of its own."""
    content = {
        "base": "quickstart/mae_st",
        "grid": {"model.masking.ratio": [0.5, 0.75]},
        "overrides": {**data(moving_shapes), "trainer.callbacks": None},
        "budget": {"steps": 4},
        **changed,
    }
    path = Path(f"{name}.yaml")
    path.write_text(yaml.safe_dump(content))
    return path


def records(name: str) -> dict[str, dict[str, Any]]:
    """Return what is known of each run, by its cell."""
    found = (json.loads(path.read_text()) for path in Path("runs/sweeps", name).glob("*/record.json"))
    return {" ".join(record["cell"].values()): record for record in found}


def losses(name: str) -> dict[str, list[tuple[int, float]]]:
    """Return step and loss of everything that was logged in training, by cell."""
    found = {}
    for cell, record in records(name).items():
        path = Path("runs/sweeps", name, record["key"], record["steps"][0]["folder"], "metrics.jsonl")
        lines = map(json.loads, path.read_text().splitlines())
        found[cell] = [(line["step"], line["train/loss"]) for line in lines if "train/loss" in line]
    return found


def test_a_sweep_to_its_end_and_more_of_it(work, moving_shapes, capsys):
    asked = {"quickstart/linear": {**data(moving_shapes), "trainer.max_steps": 2, "trainer.callbacks": None}}
    path = write("masks", moving_shapes, evaluate=asked, best="train/loss", keep="encoder")
    assert main(["sweep", "--config", str(path), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "masks: 2 runs" in told
    assert "counted is training alone" in told
    assert not Path("runs").exists()
    assert main(["sweep", "--config", str(path), "--jobs", "2"]) == 0
    assert "2 of 2 runs finished" in capsys.readouterr().out
    first = records("masks")
    assert sorted(first) == ["0.5", "0.75"]
    for record in first.values():
        assert [step["status"] for step in record["steps"]] == ["finished"] * 3
        folder = Path("runs/sweeps/masks", record["key"])
        assert (folder / "quickstart/linear/run/test/scores.parquet").is_file()
        linear = yaml.safe_load((folder / "quickstart/linear/run/config.yaml").read_text())
        encoder = folder / "quickstart/mae_st/run/encoder.safetensors"
        assert linear["model"]["init_args"]["encoder_checkpoint"] == str(encoder)
        assert encoder.is_file()
        assert not (folder / "quickstart/mae_st/run/checkpoints").exists()
        training = yaml.safe_load((folder / "quickstart/mae_st/run/config.yaml").read_text())
        assert training["model"]["init_args"]["masking"]["init_args"]["ratio"] == float(
            record["cell"]["model.masking.ratio"]
        )
    assert [len(each) for each in losses("masks").values()] == [4, 4]
    # A value that is added is all that runs.
    grid = {"model.masking.ratio": [0.5, 0.75, 0.9]}
    path = write("masks", moving_shapes, evaluate=asked, grid=grid, best="train/loss", keep="encoder")
    assert main(["sweep", "--config", str(path)]) == 0
    assert "sweep: 1 of 3 runs to do" in capsys.readouterr().out
    second = records("masks")
    assert {cell: second[cell] for cell in first} == first
    assert second["0.9"]["status"] == "finished"


@contextlib.contextmanager
def watched(name: str, happens: Any) -> Iterator[None]:
    """Call a function with the records about every 50 ms meanwhile, until it returns True."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            with contextlib.suppress(ValueError):
                if happens(records(name)):
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_runs_that_fail_each_in_its_own_way_end_no_other(work, moving_shapes, capsys):
    cases = {
        "as it is": {"model.lr": 1e-3},
        "diverges": {"model.lr": 1e30, "model.warmup": 0.0, "trainer.gradient_clip_val": None},
        "too large": {"model.encoder.embed_dim": 2**21, "model.encoder.num_heads": 2**15},
        "killed": {"model.lr": 2e-3},
    }
    path = write("faults", moving_shapes, grid={}, cases=cases, budget={"steps": 6})

    def kill(known: dict[str, dict[str, Any]]) -> bool:
        process = known.get("killed", {}).get("process")
        if process is None:
            return False
        os.kill(process["pid"], signal.SIGKILL)
        return True

    with watched("faults", kill):
        assert main(["sweep", "--config", str(path), "--jobs", "2"]) == 1
    told = capsys.readouterr().out
    known = records("faults")
    assert {cell: record["status"] for cell, record in known.items()} == {
        "as it is": "finished",
        "diverges": "failed",
        "too large": "failed",
        "killed": "failed",
    }
    assert known["diverges"]["reason"].startswith(("fit: loss nan", "fit: loss inf"))
    assert known["too large"]["reason"].startswith("fit: out of memory: ")
    assert known["killed"]["reason"].startswith("fit: killed by signal 9 (SIGKILL)")
    for record in known.values():
        if record["status"] == "failed":
            assert record["reason"] in " ".join(told.split())
    # Failed runs are left as they are, and run again by request.
    assert main(["sweep", "--config", str(path)]) == 1
    assert "sweep: 0 of 4 runs to do" in capsys.readouterr().out
    assert records("faults") == known
    assert main(["sweep", "--config", str(path), "--retry"]) == 1
    again = records("faults")
    assert again["killed"]["status"] == "finished"
    assert again["as it is"] == known["as it is"]
    assert again["diverges"]["attempts"] == 2


def ended_in_its_second_run(name: str, number: int) -> dict[str, dict[str, Any]]:
    """Send a signal to a sweep when its second run has left a checkpoint, and return what is known then."""
    words = [sys.executable, "-m", "vidmask", "sweep", "--config", f"{name}.yaml"]
    sweep = subprocess.Popen(words, stdout=subprocess.DEVNULL)

    def checkpoint() -> Path | None:
        by_status = {record["status"]: record["key"] for record in records(name).values()}
        if "finished" not in by_status or "running" not in by_status:
            return None
        return Path("runs/sweeps", name, by_status["running"], "quickstart/mae_st/run/checkpoints/last.ckpt")

    deadline = time.monotonic() + 240
    while (path := checkpoint()) is None or not path.is_file():
        assert sweep.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    sweep.send_signal(number)
    assert sweep.wait() == (130 if number == signal.SIGTERM else -number)
    return records(name)


def test_a_sweep_that_is_ended_goes_on_and_comes_to_the_same(work, moving_shapes, capsys):
    steps = 40
    overrides = {**data(moving_shapes), "trainer.callbacks": None, "checkpoint.every_n_train_steps": 5}
    for name in ("ended", "whole"):
        write(name, moving_shapes, overrides=overrides, budget={"steps": steps})
    first = ended_in_its_second_run("ended", signal.SIGTERM)
    (finished,) = [cell for cell, record in first.items() if record["status"] == "finished"]
    (other,) = set(first) - {finished}
    assert (first[other]["status"], first[other]["reason"]) == ("interrupted", "fit: the sweep was stopped")
    second = ended_in_its_second_run("ended", signal.SIGKILL)
    assert second[finished] == first[finished]
    assert second[other]["status"] == "running"
    assert main(["sweep", "--config", "ended.yaml"]) == 0
    assert "sweep: 1 of 2 runs to do" in capsys.readouterr().out
    third = records("ended")
    assert third[finished] == first[finished]
    assert (third[other]["status"], third[other]["attempts"]) == ("finished", 3)
    assert main(["sweep", "--config", "whole.yaml"]) == 0
    assert losses("ended") == losses("whole")
    assert all([step for step, _ in each] == list(range(1, steps + 1)) for each in losses("ended").values())
    # The report is that of a sweep that was never ended, but for what was timed.
    reports = []
    for name in ("ended", "whole"):
        assert main(["report", f"runs/sweeps/{name}", "-o", f"{name}.html"]) == 0
        table = pandas.read_csv(f"{name}.csv")
        reports.append(table.drop(columns=[*{"seconds", "run", "sweep"} & {*table.columns}]))
    pandas.testing.assert_frame_equal(*reports)


def test_two_sweeps_of_one_name_are_not_carried_out_at_once(work, moving_shapes, capsys):
    path = write("masks", moving_shapes)
    folder = Path("runs/sweeps/masks")
    folder.mkdir(parents=True)
    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print(1, flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(folder / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    other.stdout.readline()
    assert main(["sweep", "--config", str(path)]) == 2
    assert "is being carried out already" in capsys.readouterr().err
    other.communicate(b"\n")
