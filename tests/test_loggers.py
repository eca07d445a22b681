"""What is logged where."""

import json
import math
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from lightning.pytorch import Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vidmask import loggers
from vidmask.loggers import MetricsJsonl, RunTensorBoard


def read(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def trainer_after(num_steps: int, doing: str) -> Trainer:
    return Mock(spec=Trainer, global_step=num_steps, state=SimpleNamespace(fn=doing))


def test_each_call_is_one_line_that_is_there_at_once(tmp_path):
    logger = MetricsJsonl(tmp_path)
    logger.log_metrics({"loss": 0.5, "epoch": 2}, step=7)
    (line,) = read(tmp_path)
    assert {name: line[name] for name in ("step", "epoch", "loss")} == {"step": 7, "epoch": 2, "loss": 0.5}
    logger.log_metrics({"probe": 0.25}, step=8)
    assert read(tmp_path)[1]["probe"] == 0.25


def test_a_line_without_an_epoch_carries_the_last_one(tmp_path):
    logger = MetricsJsonl(tmp_path)
    logger.log_metrics({"a": 1.0}, step=0)
    logger.log_metrics({"a": 1.0, "epoch": 3}, step=1)
    logger.log_metrics({"a": 1.0}, step=2)
    assert [line["epoch"] for line in read(tmp_path)] == [None, 3, 3]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_null(tmp_path, value):
    MetricsJsonl(tmp_path).log_metrics({"loss": value}, step=0)
    assert read(tmp_path)[0]["loss"] is None


def test_seconds_go_on_where_the_run_stopped(tmp_path, monkeypatch):
    clock = iter([90.0, 100.0, 103.0])
    monkeypatch.setattr(loggers.time, "monotonic", lambda: next(clock))
    logger = MetricsJsonl(tmp_path)
    logger.go_on(60.0)
    logger.log_metrics({"a": 1.0}, step=0)
    assert read(tmp_path)[0]["seconds"] == 63.0


@pytest.mark.parametrize(("doing", "step"), [("fit", 12), ("test", 3)])
def test_while_training_the_step_is_the_number_of_steps_done(tmp_path, doing, step):
    logger = MetricsJsonl(tmp_path)
    logger.follow(trainer_after(12, doing))
    logger.log_metrics({"a": 1.0}, step=3)
    assert read(tmp_path)[0]["step"] == step


def test_points_of_tensorboard_stand_at_the_steps_done_too(tmp_path):
    logger = RunTensorBoard(tmp_path)
    logger.follow(trainer_after(12, "fit"))
    logger.log_metrics({"loss": 0.5}, step=11)
    logger.experiment.close()
    assert [point.step for point in EventAccumulator(str(tmp_path)).Reload().Scalars("loss")] == [12]


def test_other_processes_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(loggers.rank_zero_only, "rank", 1)
    MetricsJsonl(tmp_path).log_metrics({"a": 1.0}, step=3)
    assert list(tmp_path.iterdir()) == []


def test_events_lie_straight_in_the_folder_and_nothing_else(tmp_path):
    logger = RunTensorBoard(tmp_path)
    logger.log_hyperparams({"lr": 1})
    logger.log_metrics({"loss": 0.5}, step=1)
    logger.save()
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("events.out.tfevents")
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["scalars"] == ["loss"]


def test_what_was_logged_after_the_checkpoint_is_hidden(tmp_path):
    before = RunTensorBoard(tmp_path)
    for step in (3, 4, 5, 6):
        before.log_metrics({"loss": float(step)}, step=step)
    before.experiment.close()
    resumed = RunTensorBoard(tmp_path, num_steps=4)
    resumed.log_metrics({"loss": 50.0}, step=5)
    resumed.experiment.close()
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(event.step, event.value) for event in events] == [(3, 3.0), (4, 4.0), (5, 50.0)]
