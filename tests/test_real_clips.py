"""Real files of many codecs and containers. They are no part of the project: skipped where absent."""

import json
from pathlib import Path

import pytest
import torch
from pytorchvideo.data.encoded_video import EncodedVideo

from vidmask.cli import main
from vidmask.data.clips import ClipDataset, collate
from vidmask.data.frame_sampling import DenseSampling
from vidmask.data.readers import PyAVReader
from vidmask.data.sources import VideoFolder

CLIPS = Path(__file__).parents[1].parent / "shared" / "clips"

pytestmark = pytest.mark.skipif(not CLIPS.is_dir(), reason=f"no folder {CLIPS}")

# Rows, columns, seconds and frames a second, as the files' own list tells them.
FILES = {
    "bt709_full_range.mp4": (720, 1280, 1.00, 30.0),
    "demo_skeleton.mp4": (1080, 1920, 2.57, 28.05),
    "h264_10bits.mp4": (200, 200, 1.00, 30.0),
    "h265_video.mp4": (128, 128, 1.00, 10.0),
    "kinetics_arm_wrestling.mp4": (256, 340, 10.00, 28.0),
    "mmaction_test.avi": (240, 320, 6.56, 25.0),
    "mmaction_test.mp4": (256, 340, 10.00, 30.0),
    "nasa_13013.mp4": (180, 320, 13.06, 25.0),
    "part_0.mp4": (256, 340, 1.07, 30.0),
    "spatiotemporal_det.mp4": (256, 340, 9.50, 6.0),
    "ssv2_1.webm": (240, 427, 5.08, 12.0),
    "ssv2_2.webm": (240, 427, 2.83, 12.0),
}


@pytest.mark.parametrize("name", FILES)
def test_header_and_picture_are_read_right(name: str) -> None:
    rows, columns, seconds, fps = FILES[name]
    with PyAVReader(CLIPS / name) as reader:
        assert reader.duration == pytest.approx(seconds, abs=0.07)
        assert reader.frames_per_second == pytest.approx(fps, abs=0.01)
        clip = reader.read(0.3 * seconds, 8, stride_frames=2)
    assert clip.frames.shape == (8, rows, columns, 3)
    assert clip.frames.float().std() > 10


# PyTorchVideo orders the frames of the AVI by times that FFmpeg guesses, which swaps its B-frames.
@pytest.mark.parametrize("name", sorted(FILES.keys() - {"mmaction_test.avi"}))
@pytest.mark.parametrize("share", [0.0, 0.37, 0.62, 0.9])
def test_frames_are_those_of_pytorchvideo(name: str, share: float) -> None:
    with PyAVReader(CLIPS / name) as reader:
        start, end = share * reader.duration, min(share * reader.duration + 0.5, reader.duration + 1)
        ours = reader.get_clip(start, end)["video"]
        assert ours is not None
    theirs = EncodedVideo.from_path(str(CLIPS / name), decode_audio=False).get_clip(start, end)["video"]
    assert torch.equal(ours.float(), theirs)


def test_the_frames_of_the_avi_follow_each_other_smoothly() -> None:
    with PyAVReader(CLIPS / "mmaction_test.avi") as reader:
        frames = reader.read(1.0, 60, stride_frames=1).frames.float()
    ours = (frames[1:] - frames[:-1]).abs().mean()
    two_apart = (frames[2:] - frames[:-2]).abs().mean()
    assert ours < two_apart


@pytest.mark.parametrize("stride", [{"stride_frames": 4}, {"stride_seconds": 4 / 30}])
def test_all_of_them_make_one_batch(stride: dict) -> None:
    videos = VideoFolder(CLIPS).split("train")
    assert videos is not None
    assert {Path(videos[index][0]).name for index in range(len(videos))} >= FILES.keys()
    clips = ClipDataset(videos, DenseSampling(16, **stride), 64, training=True)
    batch = collate([clips[1, index] for index in range(len(clips))])
    assert batch.clips.shape == (len(clips), 3, 16, 64, 64)
    assert batch.skipped == []


def test_an_encoder_trains_on_them(tmp_path: Path) -> None:
    recipe = [
        "fit",
        "--config",
        "quickstart/mae_st",
        "--run.root",
        str(tmp_path),
        "--trainer.accelerator",
        "cpu",
    ]
    source = json.dumps({"class_path": "VideoFolder", "init_args": {"root": str(CLIPS)}})
    data = ["--data.source", source, "--data.batch_size", "4", "--data.num_workers", "0"]
    steps = ["--trainer.max_epochs", "2", "--trainer.log_every_n_steps", "1"]
    assert main([*recipe, *data, *steps]) == 0
    run = tmp_path / "quickstart" / "mae_st" / "latest"
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train/loss"] for line in logged if "train/loss" in line]
    assert len(losses) == 2 * (len(FILES) // 4)
    assert all(0 < loss < 10 for loss in losses)
    assert not any(line.get("train/skipped_samples") for line in logged)
    assert (run / "encoder.safetensors").is_file()
