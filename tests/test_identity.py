"""A run that is resumed notices that its videos are others."""

import json

import pytest

from vidmask.cli import main
from vidmask.data.identity import check_identity, identity
from vidmask.data.sources import VideoFolder


def test_equal_videos_are_the_same_wherever_they_lie(video_folder, tmp_path):
    (tmp_path / "moved").symlink_to(video_folder)
    here, there = identity(VideoFolder(video_folder)), identity(VideoFolder(tmp_path / "moved"))
    assert here == there
    assert here["videos"] == 10
    check_identity(here, there)


def test_a_manifest_is_recorded(video_folder):
    class Recorded(VideoFolder):
        def record(self):
            return {"manifest": "m.csv"}

    assert identity(Recorded(video_folder))["manifest"] == {"manifest": "m.csv"}


def test_other_videos_are_refused(video_folder):
    now = identity(VideoFolder(video_folder))
    with pytest.raises(ValueError, match="it had 7, now there are 10, or some have other names or labels"):
        check_identity(now, {"videos": 7, "sha256": "other"})


def test_a_resumed_run_refuses_other_videos_and_touches_nothing(video_folder, tmp_path, capsys):
    videos = tmp_path / "videos"
    videos.mkdir()
    for number in range(4):
        (videos / f"{number}.mp4").symlink_to(video_folder / f"train/run/{number}.mp4")
    args = [
        *("fit", "--config", "quickstart/mae_st", "--run.root", str(tmp_path / "runs")),
        *("--data.source=VideoFolder", "--data.root", str(videos), "--data.batch_size", "2"),
        *("--data.num_workers", "0", "--trainer.accelerator", "cpu", "--trainer.callbacks", "null"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1"),
    ]
    assert main(args) == 0
    run = (tmp_path / "runs/quickstart/mae_st/latest").resolve()
    record = json.loads((run / "environment.json").read_text())["data"]
    assert record == identity(VideoFolder(videos))
    resumed = [*args, "--ckpt_path", "last"]
    (videos / "4.mp4").symlink_to(video_folder / "train/run/4.mp4")
    metrics = (run / "metrics.jsonl").read_bytes()
    assert main(resumed) == 2
    assert "it had 4, now there are 5" in capsys.readouterr().err
    assert (run / "metrics.jsonl").read_bytes() == metrics
    assert main([*resumed, "--run.allow_config_change", "true"]) == 0
    (videos / "4.mp4").unlink()
    assert main(resumed) == 0
