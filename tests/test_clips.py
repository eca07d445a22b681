"""A sample is a function of (seed, epoch, index, view), and its frames are the right ones."""

import random
from collections import Counter
from pathlib import Path

import pytest
import torch
from pytorchvideo.data.clip_sampling import RandomClipSampler, UniformClipSampler
from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths
from videos import numbered_picture, write_numbered

from vidmask.data.clips import ClipDataset, ClipSample, SkippedSample, collate
from vidmask.data.readers import VideoReadError
from vidmask.randomness import sample_seed


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> LabeledVideoPaths:
    root = tmp_path_factory.mktemp("clips")
    long, short = write_numbered(root / "long.mp4", 40), write_numbered(root / "short.mp4", 6)
    (root / "bad.mp4").write_text("no video")
    return LabeledVideoPaths(
        [(str(long), {"class": 1}), (str(short), {"class": 0}), (str(root / "bad.mp4"), {"class": 0})]
    )


def frame_numbers(clip: torch.Tensor) -> list[int]:
    """Read the bits in the columns that a centre crop keeps: the second and third of four."""
    pictures = torch.stack([torch.from_numpy(numbered_picture(number)) for number in range(64)])
    kept = pictures[:, :, 16:48].permute(3, 0, 1, 2).float()
    # Bits 1, 2, 5 and 6 are visible: numbers are told apart by these.
    distance = (clip.float()[:, :, None] - kept[:, None]).abs().mean((0, 3, 4))
    return distance.argmin(1).tolist()


def test_the_centre_clip_has_the_middle_frames(videos: LabeledVideoPaths) -> None:
    sample = ClipDataset(videos, 4, 32, stride_frames=4)[0]
    assert isinstance(sample, ClipSample)
    # 40 frames hold clips of 13 frames at 28 starts, and the middle one is 14.
    assert sample.start_seconds == pytest.approx(14 / 25)
    assert frame_numbers(sample.clip) == [bits(number) for number in (14, 18, 22, 26)]
    assert sample.clip.shape == (3, 4, 32, 32)
    assert sample.clip.dtype == torch.uint8
    assert sample.labels == {"class": 1}


def bits(number: int) -> int:
    """Clear the bits that the crop cuts away, as the nearest picture of the least number does."""
    return number & 0b01100110


def test_views_spread_from_the_first_to_the_last_start(videos: LabeledVideoPaths) -> None:
    clips = ClipDataset(videos, 4, 32, stride_frames=4, num_views=4)
    starts = [clips[0, 0, view].start_seconds * 25 for view in range(4)]
    assert starts == pytest.approx([3, 10, 17, 24])
    assert clips[0, 0, 3].view == 3


def test_a_clip_sampler_of_pytorchvideo_says_where_clips_start(videos: LabeledVideoPaths) -> None:
    seconds = 4 * 4 / 25
    uniform = ClipDataset(videos, 4, 32, stride_frames=4, clip_sampler=UniformClipSampler(seconds))
    assert [round(uniform[0, 0, view].start_seconds * 25) for view in (0, 1, 0)] == [0, 16, 0]
    drawn = ClipDataset(videos, 4, 32, stride_frames=4, clip_sampler=RandomClipSampler(seconds))
    starts = [drawn[epoch, 0].start_seconds for epoch in range(20)]
    assert len(set(starts)) > 10
    assert starts == [drawn[epoch, 0].start_seconds for epoch in range(20)]


def test_a_clip_sampler_leaves_the_callers_chance_alone(videos: LabeledVideoPaths) -> None:
    drawn = ClipDataset(videos, 4, 32, stride_frames=4, clip_sampler=RandomClipSampler(0.5))
    after = []
    for seed in (1, 2):
        random.seed(seed)
        drawn[0, 0]
        after.append(random.random())
    assert after[0] != after[1]


def test_random_starts_are_uniform_over_all_that_fit(videos: LabeledVideoPaths) -> None:
    clips = ClipDataset(videos, 4, 32, stride_frames=12, training=True, seed=3)
    starts = Counter(round(clips[epoch, 0].start_seconds * 25) for epoch in range(300))
    # 37 frames in a video of 40: starts 0 to 3.
    assert set(starts) == {0, 1, 2, 3}
    assert min(starts.values()) > 50


def test_a_stride_in_seconds_equals_the_one_in_frames_at_a_constant_rate(videos: LabeledVideoPaths) -> None:
    in_frames = ClipDataset(videos, 4, 32, stride_frames=3, training=True)
    in_seconds = ClipDataset(videos, 4, 32, stride_seconds=3 / 25, training=True)
    for epoch in range(10):
        assert torch.equal(in_frames[epoch, 0].clip, in_seconds[epoch, 0].clip)


def test_a_short_video_repeats_its_last_frame(videos: LabeledVideoPaths) -> None:
    for training in (False, True):
        sample = ClipDataset(videos, 4, 32, stride_frames=4, training=training, scale=(1.0, 1.0))[0, 1]
        assert sample.start_seconds == 0
        assert torch.equal(sample.clip[:, 2], sample.clip[:, 3])
        assert not torch.equal(sample.clip[:, 0], sample.clip[:, 1])


def test_a_sample_depends_on_its_key_and_the_seed_alone(videos: LabeledVideoPaths) -> None:
    clips = ClipDataset(videos, 4, 16, stride_frames=2, training=True, seed=7)
    first = clips[2, 0]
    torch.manual_seed(99)
    clips[3, 1]
    again = clips[2, 0]
    assert torch.equal(first.clip, again.clip)
    assert first.seed == again.seed == sample_seed(7, 2, 0, 0)
    others = [clips[3, 0], ClipDataset(videos, 4, 16, stride_frames=2, training=True, seed=8)[2, 0]]
    assert all(not torch.equal(first.clip, other.clip) for other in others)


def test_an_index_alone_is_epoch_zero(videos: LabeledVideoPaths) -> None:
    clips = ClipDataset(videos, 4, 16, stride_frames=2, training=True)
    assert clips[1].seed == clips[0, 1].seed
    assert len(clips) == 3


def test_a_video_that_cannot_be_read_ends_the_run_or_is_handed_on(videos: LabeledVideoPaths) -> None:
    with pytest.raises(VideoReadError, match=r"bad\.mp4"):
        ClipDataset(videos, 4, 16, stride_frames=2)[2]
    skipped = ClipDataset(videos, 4, 16, stride_frames=2, on_error="skip")[2]
    assert isinstance(skipped, SkippedSample)
    assert skipped.path.endswith("bad.mp4")
    assert "cannot be opened as a video" in skipped.reason


def test_a_batch_holds_what_is_known_of_its_samples(videos: LabeledVideoPaths) -> None:
    clips = ClipDataset(videos, 4, 16, stride_frames=2, training=True, on_error="skip")
    samples = [clips[5, index] for index in (1, 2, 0)]
    batch = collate(samples)
    assert torch.equal(batch.clips, torch.stack([samples[0].clip, samples[2].clip]))
    assert batch.labels["class"].tolist() == [0, 1]
    assert batch.labels["class"].dtype == torch.int64
    assert batch.video_index.tolist() == [1, 0]
    assert batch.start_seconds.tolist() == pytest.approx([samples[0].start_seconds, samples[2].start_seconds])
    assert batch.view.tolist() == [0, 0]
    assert batch.seeds == [samples[0].seed, samples[2].seed]
    assert [Path(path).name for path in batch.paths] == ["short.mp4", "long.mp4"]
    assert [Path(path).name for path, _ in batch.skipped] == ["bad.mp4"]


def test_a_batch_of_skipped_samples_alone_is_an_error() -> None:
    with pytest.raises(VideoReadError, match=r"none of the 2 videos of a batch can be read: a is empty"):
        collate([SkippedSample("a", "a is empty"), SkippedSample("b", "b is empty")])


def test_unlabelled_videos_have_no_labels(videos: LabeledVideoPaths) -> None:
    path, _ = videos[0]
    for label in ({}, None):
        clips = ClipDataset(LabeledVideoPaths([(path, label)]), 2, 16, stride_frames=1)
        assert collate([clips[0]]).labels == {}


def test_integer_labels_of_pytorchvideo_are_classes(video_folder: Path) -> None:
    paths = LabeledVideoPaths.from_directory(str(video_folder / "train"))
    clips = ClipDataset(paths, 2, 16, stride_frames=1)
    batch = collate([clips[index] for index in range(len(clips))])
    expected = [("jump", "run").index(Path(path).parent.name) for path in batch.paths]
    assert batch.labels["class"].tolist() == expected == [0] * 5 + [1] * 5


def test_a_list_without_labels_of_pytorchvideo_is_unlabelled(video_folder: Path, tmp_path: Path) -> None:
    path = video_folder / "train/jump/0.mp4"
    (tmp_path / "list.csv").write_text(f"{path}\n{path}\n")
    clips = ClipDataset(LabeledVideoPaths.from_csv(str(tmp_path / "list.csv")), 2, 16, stride_frames=1)
    assert collate([clips[0], clips[1]]).labels == {}


def test_labels_that_only_some_videos_have_are_refused(video_folder: Path) -> None:
    path = str(video_folder / "train/jump/0.mp4")
    clips = ClipDataset(LabeledVideoPaths([(path, None), (path, 1)]), 2, 16, stride_frames=1)
    for order in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="expected the same labels for all videos"):
            collate([clips[index] for index in order])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give one of stride_frames and stride_seconds"),
        ({"stride_frames": 1, "stride_seconds": 0.1}, "give one of stride_frames and stride_seconds"),
        ({"stride_frames": 0}, "stride_frames must be positive, got 0"),
        ({"stride_seconds": -0.5}, "stride_seconds must be positive, got -0.5"),
        ({"stride_frames": 1, "frames": 0}, "frames must be at least 1, got 0"),
        ({"stride_frames": 1, "size": 0}, "size must be at least 1, got 0"),
        ({"stride_frames": 1, "scale": (0.5, 1.5)}, "scale must be"),
        ({"stride_frames": 1, "aspect": (2.0, 1.0)}, "aspect must be"),
    ],
)
def test_wrong_numbers_are_refused(videos: LabeledVideoPaths, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClipDataset(videos, **({"frames": 4, "size": 16} | arguments))
