"""The clips that callbacks look at."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from test_callbacks_online_probe import ColouredClips
from test_callbacks_reconstructions import module

from vidmask.callbacks.fixed_clips import data_of, fixed_clips, pretraining_of
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.sources import VideoFolder
from vidmask.targets import PixelTarget


def trainer_of(data: object, folder: Path) -> Trainer:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=folder)
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
