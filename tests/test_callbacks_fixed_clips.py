"""The clips that callbacks look at."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from test_callbacks_online_probe import ColouredClips
from test_callbacks_reconstructions import module
from trainers import quiet_trainer

from vidmask.callbacks.fixed_clips import data_of, evaluating, fixed_clips, is_due, pretraining_of
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.sources import VideoFolder
from vidmask.targets import PixelTarget


def trainer_of(data: object, folder: Path) -> Trainer:
    trainer = quiet_trainer(default_root_dir=folder)
    trainer.datamodule = data
    return trainer


def test_the_clips_are_the_same_each_time_and_floats(video_folder: Path, tmp_path: Path) -> None:
    data = VideoDataModule(VideoFolder(video_folder), frames=4, size=8, batch_size=3, num_workers=0)
    trainer = trainer_of(data, tmp_path)
    first, again = (list(fixed_clips(trainer, module(PixelTarget()), "train", 5)) for _ in range(2))
    assert sum(len(batch.clips) for batch in first) == 5
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.clips, other.clips)
        assert one.clips.dtype == torch.float32
        assert 0 <= one.clips.min() < one.clips.max() <= 1
        assert one.clips.max() > 0.5


def test_they_are_not_flipped_in_the_midst_of_training(video_folder: Path, tmp_path: Path) -> None:
    unflipped = []
    for flip in (0.0, 1.0):
        data = VideoDataModule(
            VideoFolder(video_folder), frames=4, size=8, batch_size=3, num_workers=0, flip=flip
        )
        trainer = trainer_of(data, tmp_path)
        data.trainer = trainer
        trainer.strategy.connect(module(PixelTarget()))
        trainer.training = True
        unflipped.append(next(fixed_clips(trainer, module(PixelTarget()), "val", 2)).clips)
    assert torch.equal(*unflipped)


def test_a_split_that_is_not_there_gives_nothing(tmp_path: Path) -> None:
    trainer = trainer_of(ColouredClips(splits=("train",)), tmp_path)
    assert fixed_clips(trainer, module(PixelTarget()), "val", None) is None


def test_data_that_offer_no_fixed_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this run has none"):
        data_of(trainer_of(None, tmp_path))
    with pytest.raises(ValueError, match="this run has object"):
        data_of(trainer_of(object(), tmp_path))


def test_another_module_is_refused() -> None:
    with pytest.raises(ValueError, match="got a LightningModule"):
        pretraining_of(LightningModule())


@pytest.mark.parametrize("mode", [True, False])
def test_evaluating_gives_the_mode_back_even_after_an_error(mode: bool) -> None:
    watched = module(PixelTarget()).train(mode)
    inside = []
    with pytest.raises(ZeroDivisionError), evaluating(watched):
        inside.append(watched.training) or 1 / 0
    assert inside == [False]
    assert watched.training is watched.encoder.training is mode


@pytest.mark.parametrize(("every", "looked"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (3, [3]), (6, [])])
def test_every_so_many_epochs_but_the_last_are_due(every: int, looked: list[int], tmp_path: Path) -> None:
    trainer = quiet_trainer(max_epochs=6, default_root_dir=tmp_path)
    due = []
    for epoch in range(6):
        trainer.fit_loop.epoch_progress.current.completed = epoch
        trainer.fit_loop.epoch_progress.current.processed = epoch
        if is_due(trainer, every):
            due.append(epoch + 1)
    assert due == looked
