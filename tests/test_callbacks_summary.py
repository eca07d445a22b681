"""The table at the end of a run."""

import re
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from test_callbacks_online_probe import ColouredClips, coloured
from test_callbacks_reconstructions import module
from torch.utils.data import DataLoader
from trainers import quiet_trainer

from vidmask.callbacks import OnlineProbe, RunSummary
from vidmask.callbacks.skipped import SkippedSamples
from vidmask.targets import PixelTarget


class SomeUnreadable(ColouredClips):
    """A validation split, and one video in each training batch that could not be decoded."""

    def train_dataloader(self) -> DataLoader:
        batches = [coloured(8, seed)._replace(skipped=[("broken.mp4", "no video stream")]) for seed in (0, 1)]
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return DataLoader([coloured(8, 5)], batch_size=None)


def fit(folder: Path, *callbacks: object, data: ColouredClips | None = None, **options: object) -> Trainer:
    settings = {"accelerator": "cpu", "max_epochs": 3, "logger": False, "num_sanity_val_steps": -1}
    trainer = quiet_trainer(
        **(settings | options),
        callbacks=list(callbacks),
        default_root_dir=folder,
    )
    torch.manual_seed(0)
    trainer.fit(module(PixelTarget("none", "all")), datamodule=data or SomeUnreadable())
    return trainer


def test_first_and_last_loss_are_those_of_the_untrained_and_the_trained_model(tmp_path: Path) -> None:
    summary = RunSummary()
    trainer = fit(tmp_path, summary)
    (untrained,) = quiet_trainer().validate(
        module(PixelTarget("none", "all")), SomeUnreadable(), verbose=False
    )
    assert summary.first["val/loss"] == pytest.approx(untrained["val/loss"], rel=1e-5)
    assert summary.last["val/loss"] == pytest.approx(trainer.callback_metrics["val/loss"].item())
    assert summary.last["val/loss"] < summary.first["val/loss"]


def test_the_table_shows_losses_trivial_answers_probes_and_where_it_all_lies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    fit(tmp_path, OnlineProbe(), SkippedSamples(), RunSummary())
    shown = capsys.readouterr().out
    assert re.search(r"val/loss .* \d\.\d{4} .* \d\.\d{4}", shown)
    assert "step 6" in shown
    assert re.search(r"coin .* no encoder: neighbours, frame differences .* 50\.0% .* \d+\.\d%", shown)
    # A trivial answer stands below what it is an answer to.
    assert re.search(r"val/reconstruction [^\n]*\n[^\n]*trivial answer: patch mean .* \d\.\d{4}", shown)
    assert re.search(r"colour .* linear, mean pooled .* 25\.0% .* 100\.0% .* 100\.0%", shown)
    assert "test split" in shown
    assert "6 samples skipped" in shown
    assert str(tmp_path / "skipped.csv") in shown
    assert str(tmp_path) in shown
    assert "tensorboard --logdir" in shown


def test_without_validation_the_training_loss_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = RunSummary()
    fit(tmp_path, summary, data=ColouredClips(), limit_val_batches=0, log_every_n_steps=1)
    assert set(summary.last) == {"train/loss", "train/reconstruction"}
    assert "train/loss" in capsys.readouterr().out


def test_the_state_survives_a_checkpoint() -> None:
    summary, resumed = RunSummary(), RunSummary()
    summary.first, summary.last_step, summary.seconds = {"val/loss": 1.0}, 3, 100.0
    resumed.load_state_dict(summary.state_dict())
    assert (resumed.first, resumed.last_step) == ({"val/loss": 1.0}, 3)
    assert resumed.state_dict()["seconds"] >= 100


def test_a_sanity_check_of_two_batches_is_not_the_first_loss(tmp_path: Path) -> None:
    class TwoBatches(SomeUnreadable):
        def val_dataloader(self) -> DataLoader:
            return DataLoader([coloured(8, 5), coloured(8, 6), coloured(8, 7)], batch_size=None)

    summary = RunSummary()
    fit(tmp_path, summary, data=TwoBatches(), num_sanity_val_steps=2)
    assert summary.first == {}
    assert "val/loss" in summary.last


def test_a_run_that_ends_before_its_first_validation_shows_the_training_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(tmp_path, RunSummary(), max_steps=3, log_every_n_steps=1, check_val_every_n_epoch=3)
    shown = capsys.readouterr().out
    assert "train/loss" in shown
    assert "step 3" in shown


def test_a_finished_run_that_is_resumed_prints_its_table_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = fit(tmp_path, OnlineProbe(), RunSummary())
    finished.save_checkpoint(tmp_path / "end.ckpt")
    capsys.readouterr()
    again = quiet_trainer(
        max_epochs=3,
        callbacks=[OnlineProbe(), RunSummary()],
        default_root_dir=tmp_path,
    )
    again.fit(
        module(PixelTarget("none", "all")),
        SomeUnreadable(),
        ckpt_path=tmp_path / "end.ckpt",
        weights_only=True,
    )
    shown = capsys.readouterr().out
    assert "test split" in shown
    assert "val/loss" in shown
