"""What goes wrong with files and processes while a run trains is told, and nothing else is lost."""

import os
import signal
from pathlib import Path

import pytest
import torch
from test_callbacks_skipped import rows
from test_pretraining import Clips, batch, parts
from torch.utils.data import get_worker_info
from trainers import quiet_trainer, two_rank_trainer

from vidmask.cli import main
from vidmask.data.clips import ClipDataset
from vidmask.pretraining import MaskedPretraining


def linked(video_folder: Path, folder: Path, number: int = 4) -> Path:
    """Return a flat folder of links to videos."""
    folder.mkdir()
    for place in range(number):
        (folder / f"{place}.mp4").symlink_to(video_folder / f"train/jump/{place}.mp4")
    return folder


def arguments(videos: Path, root: Path, *more: str) -> list[str]:
    return [
        *("fit", "--config", "quickstart/mae_st", "--run.root", str(root)),
        *("--data.source=VideoFolder", "--data.root", str(videos), "--data.stride_frames", "1"),
        *("--data.num_workers", "0", "--trainer.accelerator", "cpu", "--trainer.callbacks", "null"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *more,
    ]


def test_a_worker_that_the_system_kills_is_told_and_the_run_goes_on_from_its_checkpoint(
    video_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    videos = linked(video_folder, tmp_path / "videos")
    read = ClipDataset.__getitem__

    def killed_in_the_second_epoch(self, key):
        if get_worker_info() is not None and key[0] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(self, key)

    args = arguments(videos, tmp_path / "runs", "--data.batch_size", "2", "--data.num_workers", "1")
    args += ["--trainer.max_epochs", "3", "--checkpoint.every_n_train_steps", "1"]
    args += ["--data.prefetch_factor", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(ClipDataset, "__getitem__", killed_in_the_second_epoch)
        assert main(args) == 2
    told = capfd.readouterr().err
    assert "a process that decodes videos was lost: " in told
    assert "killed by signal: Killed" in told or "exited unexpectedly" in told
    assert "data.num_workers" in told
    assert "--ckpt_path last" in told
    assert "Traceback" not in told
    assert main([*args, "--ckpt_path", "last"]) == 0
    (folder,) = (tmp_path / "runs/quickstart/mae_st").glob("2*")
    assert torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 6


def test_a_video_that_vanishes_is_skipped_and_listed(
    video_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = linked(video_folder, tmp_path / "videos")
    read = ClipDataset.__getitem__

    def vanishing(self, key):
        if key[0] == 1:
            (videos / "2.mp4").unlink(missing_ok=True)
        return read(self, key)

    monkeypatch.setattr(ClipDataset, "__getitem__", vanishing)
    args = arguments(videos, tmp_path / "runs", "--data.batch_size", "2", "--trainer.max_epochs", "2")
    assert main([*args, "--data.max_skipped_share", "0.5"]) == 0
    (folder,) = (tmp_path / "runs/quickstart/mae_st").glob("2*")
    ((path, reason),) = rows(folder)[1:]
    assert Path(path).name == "2.mp4"
    assert "cannot be opened as a video: No such file or directory" in reason


def test_a_batch_without_a_video_that_can_be_decoded_trains_nothing(
    video_folder: Path, tmp_path: Path
) -> None:
    videos = linked(video_folder, tmp_path / "videos", 2)
    (videos / "bad.mp4").write_bytes(b"no video")
    args = arguments(videos, tmp_path / "runs", "--data.batch_size", "1", "--trainer.max_epochs", "1")
    assert main([*args, "--data.max_skipped_share", "0.5"]) == 0
    (folder,) = (tmp_path / "runs/quickstart/mae_st").glob("2*")
    checkpoint = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 3
    assert all(weight.isfinite().all() for weight in checkpoint["state_dict"].values())
    assert len(rows(folder)) == 2


class HalfEmpty(Clips):
    """On each of two ranks one batch in two holds nothing, in turn; the other rank has clips there."""

    def train_dataloader(self):
        assert self.trainer is not None
        nothing = batch(0)._replace(clips=torch.empty(0, 3, 0, 0, 0))
        places = range(4)
        full = [batch(2 * place) for place in places]
        mine = [full[place] if place % 2 == self.trainer.global_rank else nothing for place in places]
        return torch.utils.data.DataLoader(mine, batch_size=None)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_rank_without_a_clip_does_not_hold_up_the_other(tmp_path: Path) -> None:
    model = MaskedPretraining(**parts(), lr=1e-2)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    trainer = two_rank_trainer(tmp_path)
    trainer.fit(model, datamodule=HalfEmpty([batch(0)] * 4))
    assert all(weight.isfinite().all() for weight in model.parameters())
    assert any(not torch.equal(before[name], weight) for name, weight in model.named_parameters())


def test_an_empty_batch_has_a_loss_and_gradients_of_zero() -> None:
    model = MaskedPretraining(**parts())
    model.trainer = quiet_trainer()
    nothing = batch(0)._replace(clips=torch.empty(0, 3, 0, 0, 0))
    loss = model.training_step(nothing, 0)
    loss.backward()
    assert loss.item() == 0
    gradients = [weight.grad for weight in model.parameters() if weight.requires_grad]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)
