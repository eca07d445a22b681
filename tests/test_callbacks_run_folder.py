"""Checkpoints of a run, and its place as the latest."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.utils.data import DataLoader
from trainers import quiet_trainer

from vidmask.callbacks.run_folder import LatestRun, RunCheckpoints
from vidmask.classification.training_record import TrainingRecord


class Line(LightningModule):
    """The least that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).sum()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, batch_idx): ...

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Recorder(Callback):
    """Notes when the run validates, and what is saved when training ends."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.validated: list[int] = []
        self.saved_at_epoch_end: list[str] = []
        self.saved_at_end: list[str] = []

    def on_validation_end(self, trainer, pl_module) -> None:
        self.validated.append(trainer.global_step)

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        self.saved_at_epoch_end = names(self.folder) if (self.folder / "checkpoints").is_dir() else []

    def on_train_end(self, trainer, pl_module) -> None:
        self.saved_at_end = names(self.folder)


def train(folder, num_steps, every, ckpt_path=None, trainer_options=None, val=False, **options) -> Recorder:
    checkpoints = RunCheckpoints(every, **options)
    checkpoints.dirpath = str(folder / "checkpoints")
    recorder = Recorder(folder)
    trainer = quiet_trainer(
        max_steps=num_steps,
        num_sanity_val_steps=0,
        **(trainer_options or {}),
        default_root_dir=folder,
        enable_checkpointing=True,
        callbacks=[checkpoints, LatestRun(), recorder],
    )
    data = [DataLoader(torch.ones(100, 1)), *([DataLoader(torch.ones(1, 1))] if val else [])]
    trainer.fit(Line(), *data, ckpt_path=ckpt_path, weights_only=True)
    return recorder


def names(folder) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


class StopAtFour(Callback):
    """Ends the run in good order."""

    def on_train_batch_end(self, trainer, pl_module, *args) -> None:
        trainer.should_stop = trainer.global_step == 4


def averaged(folder, *callbacks: Callback, ckpt_path=None) -> dict[str, torch.Tensor]:
    """Train for eight steps beside an average of the weights, and return it."""
    checkpoints = RunCheckpoints(100)
    checkpoints.dirpath = str(folder / "checkpoints")
    trainer = quiet_trainer(
        max_steps=8,
        default_root_dir=folder,
        enable_checkpointing=True,
        callbacks=[EMAWeightAveraging(decay=0.5), *callbacks, checkpoints],
    )
    torch.manual_seed(0)
    module = Line()
    trainer.fit(module, DataLoader(torch.ones(100, 1)), ckpt_path=ckpt_path, weights_only=True)
    return module.state_dict()


def test_a_run_with_averaged_weights_that_ended_goes_on_from_its_own(folder, tmp_path):
    whole = averaged(tmp_path / "whole")
    averaged(folder, StopAtFour())
    resumed = averaged(folder, ckpt_path=folder / "checkpoints" / "last.ckpt")
    assert all(torch.equal(value, whole[name]) for name, value in resumed.items())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "r" / "a").mkdir(parents=True)
    return tmp_path / "r" / "a"


def test_the_newest_is_kept_and_last_links_to_it(folder):
    train(folder, 8, 4)
    assert names(folder) == ["last.ckpt", "step_0000008.ckpt"]
    assert (folder / "checkpoints" / "last.ckpt").readlink() == Path("step_0000008.ckpt")


def test_all_are_kept_when_asked_for(folder):
    train(folder, 8, 4, save_top_k=-1)
    assert names(folder) == ["last.ckpt", "step_0000004.ckpt", "step_0000008.ckpt"]


def test_the_last_step_is_saved_between_two_intervals_too(folder):
    train(folder, 6, 4, save_top_k=-1)
    assert names(folder) == ["last.ckpt", "step_0000004.ckpt", "step_0000006.ckpt"]
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 6


def test_an_epoch_counts_from_the_checkpoint_at_its_end_on(folder):
    train(folder, 200, 50, save_top_k=-1)
    kept = {"training": TrainingRecord().for_checkpoint({})}
    epochs = {
        step: TrainingRecord.of_checkpoint(
            torch.load(folder / "checkpoints" / f"step_{step:07d}.ckpt", weights_only=True) | kept
        ).epochs
        for step in (50, 100, 150, 200)
    }
    assert epochs == {50: 0, 100: 1, 150: 1, 200: 2}


def test_a_resumed_run_writes_later_checkpoints_anew_under_their_names(folder):
    train(folder, 8, 2, save_top_k=-1)
    before = names(folder)
    train(folder, 8, 2, save_top_k=-1, ckpt_path=folder / "checkpoints" / "step_0000004.ckpt")
    assert names(folder) == before


def test_the_last_state_in_mid_epoch_is_saved_before_other_callbacks_end_epoch_and_training(folder):
    recorder = train(folder, 6, 1000)
    assert recorder.saved_at_epoch_end == recorder.saved_at_end == ["last.ckpt", "step_0000006.ckpt"]


def test_the_state_after_the_last_epoch_is_saved_before_other_callbacks_end_training(folder):
    recorder = train(folder, 100, 1000)
    assert recorder.saved_at_epoch_end == []
    assert recorder.saved_at_end == ["last.ckpt", "step_0000100.ckpt"]


def test_a_run_that_may_not_stop_yet_is_not_saved_at_every_batch(folder, monkeypatch):
    def stop(self, trainer, *args) -> None:
        trainer.should_stop = True

    monkeypatch.setattr(Recorder, "on_train_batch_end", stop, raising=False)

    train(folder, 100, 1000, save_top_k=-1, trainer_options={"min_steps": 5, "min_epochs": 0})
    assert names(folder) == ["last.ckpt", "step_0000005.ckpt"]


def test_a_save_before_a_validation_in_mid_epoch_waits_for_the_next_batch(folder):
    trainer_options = {"val_check_interval": 4}
    recorder = train(folder, 9, 4, save_top_k=-1, val=True, trainer_options=trainer_options)
    assert recorder.validated == [4, 8]
    assert names(folder) == ["last.ckpt", "step_0000005.ckpt", "step_0000009.ckpt"]
    checkpoint = folder / "checkpoints" / "step_0000005.ckpt"
    again = train(folder, 9, 4, checkpoint, save_top_k=-1, val=True, trainer_options=trainer_options)
    assert again.validated == [8]


def test_no_state_between_two_saves_is_written_after_a_validation(folder):
    train(folder, 100, 1000, save_top_k=-1, val=True, trainer_options={"val_check_interval": 10})
    assert names(folder) == ["last.ckpt", "step_0000100.ckpt"]


def test_the_run_becomes_the_latest_when_training_starts(folder):
    train(folder, 1, 4)
    assert (folder.parent / "latest").readlink() == Path("a")


def test_a_trial_run_does_not_become_the_latest(folder):
    quiet_trainer(
        fast_dev_run=True,
        default_root_dir=folder,
        enable_checkpointing=True,
        callbacks=[LatestRun()],
    ).fit(Line(), DataLoader(torch.ones(4, 1)))
    assert not (folder.parent / "latest").exists()


def test_all_processes_take_the_first_one_s_folder(folder):
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=folder / "other")
    trainer.strategy.broadcast = lambda value: str(folder)
    LatestRun().setup(trainer, Line(), "fit")
    assert trainer.default_root_dir == str(folder)


def interrupted(folder, exception, capsys) -> str:
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=folder)
    LatestRun().on_exception(trainer, Line(), exception)
    return capsys.readouterr().out


def test_after_an_interruption_it_is_told_how_to_go_on(folder, capsys):
    train(folder, 2, 1)
    told = interrupted(folder, KeyboardInterrupt(), capsys)
    assert "--ckpt_path last goes on from" in told
    assert f"{folder}/checkpoints/step_0000002.ckpt" in told
    assert interrupted(folder, ValueError("x"), capsys) == ""


def test_an_interruption_before_the_first_checkpoint_promises_none(folder, capsys):
    assert interrupted(folder, KeyboardInterrupt(), capsys) == (
        f"stopped after step 0, before the first checkpoint of {folder}\n"
    )


def test_a_run_that_fails_in_its_first_step_does_not_become_the_latest(folder, monkeypatch):
    def fail(self, *args) -> None:
        raise ValueError("no")

    monkeypatch.setattr(Line, "training_step", fail)
    with pytest.raises(ValueError, match="no"):
        train(folder, 1, 4)
    assert not (folder.parent / "latest").exists()
