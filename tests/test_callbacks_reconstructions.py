"""Pictures of reconstructions."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_callbacks_online_probe import ColouredClips, coloured
from torch.utils.data import DataLoader
from trainers import quiet_trainer

from vidmask.callbacks import ReconstructionLogger
from vidmask.masking import RandomMasking
from vidmask.models import VQGAN, TokenDecoder, VideoViT
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.pictures import picture_rows
from vidmask.pretraining import MaskedPretraining
from vidmask.targets import PixelTarget
from vidmask.tokenizer import TokenizerTraining
from vidmask.tokens import ClipBatch


def module(target: PixelTarget) -> MaskedPretraining:
    torch.manual_seed(0)
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    encoder = VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2)
    objective = partial(MaskedAutoencoder, head=partial(Head, decoder=decoder, target=target))
    return MaskedPretraining(encoder, objective, RandomMasking(0.5))


@pytest.mark.parametrize("normalisation", ["none", "mae_st", "videomae"])
@pytest.mark.parametrize("frames", ["all", "linspace"])
def test_a_perfect_prediction_gives_back_the_input(normalisation: str, frames: str) -> None:
    target = PixelTarget(normalisation, frames)
    pretraining, batch = module(target), coloured(2, 0)
    mask = pretraining.mask(batch)
    head = pretraining.objective.head
    perfect = target(batch, mask.masked, head.tubelet)
    rows = list(picture_rows(target, head, perfect, batch, mask).values())
    torch.testing.assert_close(rows[2], rows[0], rtol=0, atol=1e-5)
    assert rows[0].shape[2] == (4 if frames == "all" else 2)
    assert not torch.equal(rows[1], rows[0])


def test_a_wrong_prediction_shows_in_hidden_patches_alone() -> None:
    target = PixelTarget("none", "all")
    pretraining, batch = module(target), coloured(2, 0)
    mask = pretraining.mask(batch)
    head = pretraining.objective.head
    wrong = torch.full_like(target(batch, mask.masked, head.tubelet), 100.0)
    rows = list(picture_rows(target, head, wrong, batch, mask).values())
    hidden = torch.ones(2, 8, dtype=torch.bool).scatter(1, mask.visible, False)
    hidden = hidden.view(2, 2, 2, 2).repeat_interleave(2, 1).repeat_interleave(4, 2).repeat_interleave(4, 3)
    hidden = hidden.unsqueeze(1).expand_as(batch.clips)
    assert (rows[2][hidden] == 1).all()
    assert torch.equal(rows[2][~hidden], batch.clips[~hidden])


def test_the_caption_says_what_was_added_back() -> None:
    for target in (PixelTarget("none"), PixelTarget("mae_st")):
        pretraining, batch = module(target), coloured(1, 0)
        mask = pretraining.mask(batch)
        head = pretraining.objective.head
        answer = target(batch, mask.masked, head.tubelet)
        assert any(
            target.added_back in caption for caption in picture_rows(target, head, answer, batch, mask)
        )


def test_pictures_lie_in_the_run_folder_and_in_tensorboard(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name=None, version="")
    trainer = quiet_trainer(
        max_epochs=2,
        limit_val_batches=0,
        logger=logger,
        callbacks=[ReconstructionLogger(every_n_epochs=1, num_clips=2)],
        default_root_dir=tmp_path,
    )
    trainer.fit(module(PixelTarget()), datamodule=ColouredClips())
    steps = [0, 2, 4]
    for step in steps:
        with Image.open(tmp_path / f"reconstructions/reconstruction_step_{step:07d}.png") as picture:
            assert np.asarray(picture).std() > 0
        with Image.open(tmp_path / f"reconstructions/reconstruction_step_{step:07d}.gif") as picture:
            assert picture.n_frames == 2
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Images("reconstruction")] == steps
    assert [event.step for event in events.Images("reconstruction/moving")] == steps
    assert events.Images("reconstruction/moving")[0].encoded_image_string.startswith(b"GIF89a")


class SingleFrames(ColouredClips):
    """The first frame of each clip."""

    def train_dataloader(self) -> DataLoader:
        return DataLoader([first_frames(coloured(8, 0))], batch_size=None)

    def probe_loader(self, split: str, num_videos: int | None) -> DataLoader | None:
        batches = super().probe_loader(split, num_videos)
        return DataLoader([first_frames(batch) for batch in batches], batch_size=None)


def first_frames(batch: ClipBatch) -> ClipBatch:
    return batch._replace(clips=batch.clips[:, :, :1])


def test_single_frames_have_a_picture_and_no_moving_one(tmp_path: Path) -> None:
    tokenizer = TokenizerTraining(VQGAN(8, 4, 32, (1, 1), 1, (), 8, 8), 1, 8, frames_per_clip=1)
    trainer = quiet_trainer(
        max_epochs=1,
        limit_val_batches=0,
        callbacks=[ReconstructionLogger(num_clips=2)],
        default_root_dir=tmp_path,
    )
    trainer.fit(tokenizer, datamodule=SingleFrames())
    found = sorted(path.name for path in (tmp_path / "reconstructions").iterdir())
    assert found == ["tokenizer_step_0000000.png", "tokenizer_step_0000001.png"]


def test_without_the_split_there_is_no_picture(tmp_path: Path) -> None:
    trainer = quiet_trainer(
        max_epochs=1,
        limit_val_batches=0,
        callbacks=[ReconstructionLogger()],
        default_root_dir=tmp_path,
    )
    trainer.fit(module(PixelTarget()), datamodule=ColouredClips(splits=("train",)))
    assert not (tmp_path / "reconstructions").exists()
