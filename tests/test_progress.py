"""Progress: rates, their log, the bar and the lines."""

import io
import time

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import SimpleProfiler
from rich.console import Console
from torch.utils.data import DataLoader, Dataset

from vidmask import progress
from vidmask.progress import DataWait, TrainingProgress
from vidmask.tokens import ClipBatch


def batch_of(num_clips: int) -> ClipBatch:
    index = torch.arange(num_clips)
    clips = torch.zeros(num_clips, 3, 2, 4, 4)
    return ClipBatch(clips, {}, index, index.double(), index, [0] * num_clips, [""] * num_clips, [])


class Batches(Dataset):
    """Batches of four clips, each of which takes a while to come."""

    def __init__(self, num_batches: int, seconds: float = 0.0) -> None:
        self.num_batches = num_batches
        self.seconds = seconds

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, index: int) -> ClipBatch:
        if index >= self.num_batches:
            raise IndexError
        time.sleep(self.seconds)
        return batch_of(4)


class Step(LightningModule):
    """The least that can be trained, taking a while."""

    def __init__(self, seconds: float = 0.0, fails: bool = False) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.seconds = seconds
        self.fails = fails

    def training_step(self, batch, batch_idx):
        if self.fails:
            raise RuntimeError("broken")
        time.sleep(self.seconds)
        loss = self.weight.square().sum()
        self.log("train/loss", loss, batch_size=4)
        return loss

    def validation_step(self, batch, batch_idx):
        time.sleep(0.5)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Kept(Logger):
    """Keeps what is logged."""

    name = version = "kept"

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict] = []

    def log_hyperparams(self, *args, **kwargs) -> None: ...

    def log_metrics(self, metrics, step=None) -> None:
        self.lines.append(dict(metrics))


def train(num_batches=6, wait=0.0, work=0.0, val=False, bar=None, fails=False, **options) -> tuple[Kept, str]:
    kept, screen = Kept(), io.StringIO()
    bar = bar or TrainingProgress(0.0)
    bar.console = Console(file=screen, force_terminal=bar.console.is_terminal, width=120)
    trainer = Trainer(
        **{"max_steps": num_batches * options.get("max_epochs", 1), "log_every_n_steps": 2, **options},
        accelerator="cpu",
        logger=kept,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[bar],
    )
    loader = DataLoader(Batches(num_batches, wait), batch_size=None)
    trainer.fit(Step(work, fails), loader, DataLoader(Batches(1), batch_size=None) if val else None)
    return kept, screen.getvalue()


def test_rates_are_logged_beside_the_loss():
    kept, _ = train(wait=0.09, work=0.03)
    assert len(kept.lines) == 3
    for line in kept.lines:
        assert line["data_wait"] == pytest.approx(0.7, abs=0.2)
        assert line["clips_per_second"] == pytest.approx(4 / 0.12, rel=0.3)
        assert "train/loss" in line


def test_a_loader_that_is_ready_is_not_waited_for():
    kept, _ = train(wait=0.0, work=0.05)
    assert max(line["data_wait"] for line in kept.lines) < 0.2


def test_validation_in_the_middle_of_an_epoch_slows_nothing_down():
    kept, _ = train(work=0.01, val=True, val_check_interval=1)
    rates = [line["clips_per_second"] for line in kept.lines if "clips_per_second" in line]
    assert min(rates) > 4 / 0.4


def test_epochs_shorter_than_the_interval_are_measured_too():
    kept, _ = train(num_batches=3, max_epochs=4, log_every_n_steps=5)
    assert len([line for line in kept.lines if "clips_per_second" in line]) == 2


def test_a_profiler_of_the_user_s_stays_and_the_wait_is_not_told():
    kept, screen = train(profiler=SimpleProfiler())
    assert "data_wait" not in kept.lines[0]
    assert "clips_per_second" in kept.lines[0]
    assert "data wait" not in screen


def test_without_a_terminal_there_are_plain_lines():
    _, screen = train(num_batches=3)
    lines = screen.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["step 1/3", "step 2/3", "step 3/3"]
    assert "epoch 0  loss 1.0000" in lines[0]
    assert " clips/s  data wait " in lines[0]
    assert "\x1b" not in screen


def test_where_the_length_of_the_run_is_not_known_the_step_stands_alone():
    _, screen = train(num_batches=2, max_steps=-1, max_epochs=1)
    assert [line.split("  ")[0] for line in screen.splitlines()] == ["step 1", "step 2"]


def test_lines_keep_their_distance_but_the_last_is_always_written():
    _, screen = train(num_batches=6, bar=TrainingProgress(60.0))
    assert [line.split("  ")[0] for line in screen.splitlines()] == ["step 1/6", "step 6/6"]


def test_on_a_terminal_there_is_a_bar():
    bar = TrainingProgress(0.0)
    bar.console = Console(force_terminal=True)
    _, screen = train(num_batches=3, bar=bar)
    assert "━" in screen
    assert "3/3" in screen
    assert "loss" in screen
    assert bar._bar is None


def test_the_terminal_is_given_back_when_training_fails():
    bar = TrainingProgress(0.0)
    bar.console = Console(force_terminal=True)
    with pytest.raises(RuntimeError, match="broken"):
        train(bar=bar, fails=True)
    assert bar._bar is None


def test_other_processes_show_nothing(monkeypatch):
    monkeypatch.setattr(Trainer, "is_global_zero", False)
    _, screen = train()
    assert screen == ""


def test_only_waiting_for_training_batches_counts(monkeypatch):
    clock = iter([1.0, 3.5])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    wait = DataWait()
    for name in ("run_training_batch", "[_EvaluationLoop].val_next"):
        wait.start(name)
        wait.stop(name)
    assert wait.seconds == 0.0
    wait.start("[_TrainingEpochLoop].train_dataloader_next")
    wait.stop("[_TrainingEpochLoop].train_dataloader_next")
    assert wait.seconds == 2.5
