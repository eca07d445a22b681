"""Checkpoints of a run, and its place as the latest."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from vidmask.callbacks.run_folder import LatestRun, RunCheckpoints


class Line(LightningModule):
    """The least that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).sum()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(folder, num_steps, every, ckpt_path=None, **options) -> None:
    checkpoints = RunCheckpoints(every, **options)
    checkpoints.dirpath = str(folder / "checkpoints")
    trainer = Trainer(
        max_steps=num_steps,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[checkpoints, LatestRun()],
    )
    trainer.fit(Line(), DataLoader(torch.ones(100, 1)), ckpt_path=ckpt_path, weights_only=True)


def names(folder) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


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


def test_a_resumed_run_writes_later_checkpoints_anew_under_their_names(folder):
    train(folder, 8, 2, save_top_k=-1)
    before = names(folder)
    train(folder, 8, 2, save_top_k=-1, ckpt_path=folder / "checkpoints" / "step_0000004.ckpt")
    assert names(folder) == before


def test_the_run_becomes_the_latest_when_training_starts(folder):
    train(folder, 1, 4)
    assert (folder.parent / "latest").readlink() == Path("a")


def test_a_trial_run_does_not_become_the_latest(folder):
    Trainer(
        fast_dev_run=True,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[LatestRun()],
    ).fit(Line(), DataLoader(torch.ones(4, 1)))
    assert not (folder.parent / "latest").exists()


def test_all_processes_take_the_first_one_s_folder(folder):
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=folder / "other")
    trainer.strategy.broadcast = lambda value: str(folder)
    LatestRun().setup(trainer, Line(), "fit")
    assert trainer.default_root_dir == str(folder)


@pytest.mark.parametrize(("exception", "told"), [(KeyboardInterrupt(), True), (ValueError("x"), False)])
def test_after_an_interruption_it_is_told_how_to_go_on(exception, told, folder, capsys):
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=folder)
    LatestRun().on_exception(trainer, Line(), exception)
    assert ("--ckpt_path last" in capsys.readouterr().out) == told
