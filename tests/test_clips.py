"""A sample is a function of (seed, epoch, index, view), and its frames are the right ones."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from pytorchvideo.data.clip_sampling import RandomClipSampler, UniformClipSampler
from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths
from videos import numbered_picture, write_numbered

from vidmask.data import clips
from vidmask.data.clips import ClipDataset, ClipSample, SkippedSample, collate
from vidmask.data.frame_sampling import DenseSampling, SamplerSampling, SegmentSampling
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


def dataset(
    videos: LabeledVideoPaths,
    frames: int,
    size: int,
    *,
    stride_frames: int | None = None,
    stride_seconds: float | None = None,
    clip_sampler: object = None,
    **options: object,
) -> ClipDataset:
    """Return clips of frames at an even distance."""
    sampling = DenseSampling(frames, stride_frames, stride_seconds)
    if clip_sampler is not None:
        sampling = SamplerSampling(sampling, clip_sampler)
    return ClipDataset(videos, sampling, size, **options)


def frame_numbers(clip: torch.Tensor) -> list[int]:
    """Read the bits in the columns that a centre crop keeps: the second and third of four."""
    pictures = torch.stack([torch.from_numpy(numbered_picture(number)) for number in range(64)])
    kept = pictures[:, :, 16:48].permute(3, 0, 1, 2).float()
    # Bits 1, 2, 5 and 6 are visible: numbers are told apart by these.
    distance = (clip.float()[:, :, None] - kept[:, None]).abs().mean((0, 3, 4))
    return distance.argmin(1).tolist()


def test_the_centre_clip_has_the_middle_frames(videos: LabeledVideoPaths) -> None:
    sample = dataset(videos, 4, 32, stride_frames=4)[0][0]
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


def test_clips_of_an_evaluation_spread_from_the_first_to_the_last_start(
    videos: LabeledVideoPaths,
) -> None:
    samples = dataset(videos, 4, 32, stride_frames=4, num_clips=4)[0]
    assert [sample.start_seconds * 25 for sample in samples] == pytest.approx([0, 9, 18, 27], abs=1e-6)
    assert [sample.view for sample in samples] == [0, 1, 2, 3]


def test_the_crops_of_an_evaluation_spread_along_the_long_side(videos: LabeledVideoPaths) -> None:
    samples = dataset(videos, 2, 16, stride_frames=1, num_clips=2, num_crops=3)[0]
    # Pictures of 32 rows and 64 columns.
    assert [sample.box for sample in samples] == [(0, left, 32, 32) for left in (0, 16, 32)] * 2
    assert [sample.view for sample in samples] == list(range(6))
    starts = [sample.start_seconds for sample in samples]
    assert starts[:3] == [starts[0]] * 3
    assert starts[3:] == [starts[3]] * 3
    assert starts[0] < starts[3]
    assert not torch.equal(samples[0].clip, samples[2].clip)


def test_repeated_clips_differ_and_open_the_video_once(
    videos: LabeledVideoPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    open_video = clips.open_video
    monkeypatch.setattr(clips, "open_video", lambda *args: opened.append(args[0]) or open_video(*args))
    samples = dataset(videos, 4, 16, stride_frames=2, training=True, repeats=4, seed=7)[3, 0]
    assert len(opened) == 1
    assert [sample.view for sample in samples] == [0, 1, 2, 3]
    assert [sample.seed for sample in samples] == [sample_seed(7, 3, 0, view) for view in range(4)]
    assert len({sample.start_seconds for sample in samples}) > 2
    assert len({sample.box for sample in samples}) == 4


def test_the_first_of_repeated_clips_is_the_one_without_repeats(videos: LabeledVideoPaths) -> None:
    alone, repeated = (
        dataset(videos, 4, 16, stride_frames=2, training=True, repeats=repeats)[1, 0][0] for repeats in (1, 3)
    )
    assert torch.equal(alone.clip, repeated.clip)


def test_segments_take_one_frame_of_each_part(videos: LabeledVideoPaths) -> None:
    middle = ClipDataset(videos, SegmentSampling(4), 32)[0][0]
    # Four segments of ten frames.
    assert frame_numbers(middle.clip) == [bits(number) for number in (5, 15, 25, 35)]
    drawn = [ClipDataset(videos, SegmentSampling(4), 32, training=True)[epoch, 0][0] for epoch in range(8)]
    assert len({sample.start_seconds for sample in drawn}) > 3
    assert all(0 <= sample.start_seconds < 0.4 for sample in drawn)


def test_a_clip_sampler_of_pytorchvideo_says_where_clips_start(videos: LabeledVideoPaths) -> None:
    seconds = 4 * 4 / 25
    uniform = dataset(videos, 4, 32, stride_frames=4, num_clips=2, clip_sampler=UniformClipSampler(seconds))
    assert [round(sample.start_seconds * 25) for sample in uniform[0]] == [0, 16]
    drawn = dataset(videos, 4, 32, stride_frames=4, clip_sampler=RandomClipSampler(seconds))
    starts = [drawn[epoch, 0][0].start_seconds for epoch in range(20)]
    assert len(set(starts)) > 10
    assert starts == [drawn[epoch, 0][0].start_seconds for epoch in range(20)]


def test_a_clip_sampler_leaves_the_callers_chance_alone(videos: LabeledVideoPaths) -> None:
    drawn = dataset(videos, 4, 32, stride_frames=4, clip_sampler=RandomClipSampler(0.5))
    after = []
    for seed in (1, 2):
        random.seed(seed)
        drawn[0, 0]
        after.append(random.random())
    assert after[0] != after[1]


def test_random_starts_are_uniform_over_all_that_fit(videos: LabeledVideoPaths) -> None:
    dataset_ = dataset(videos, 4, 32, stride_frames=12, training=True, seed=3)
    starts = Counter(round(dataset_[epoch, 0][0].start_seconds * 25) for epoch in range(300))
    # 37 frames in a video of 40: starts 0 to 3.
    assert set(starts) == {0, 1, 2, 3}
    assert min(starts.values()) > 50


def test_a_stride_in_seconds_equals_the_one_in_frames_at_a_constant_rate(videos: LabeledVideoPaths) -> None:
    in_frames = dataset(videos, 4, 32, stride_frames=3, training=True)
    in_seconds = dataset(videos, 4, 32, stride_seconds=3 / 25, training=True)
    for epoch in range(10):
        assert torch.equal(in_frames[epoch, 0][0].clip, in_seconds[epoch, 0][0].clip)


def test_a_short_video_repeats_its_last_frame(videos: LabeledVideoPaths) -> None:
    for training in (False, True):
        sample = dataset(videos, 4, 32, stride_frames=4, training=training, scale=(1.0, 1.0))[0, 1][0]
        assert sample.start_seconds == 0
        assert torch.equal(sample.clip[:, 2], sample.clip[:, 3])
        assert not torch.equal(sample.clip[:, 0], sample.clip[:, 1])


def test_a_sample_depends_on_its_key_and_the_seed_alone(videos: LabeledVideoPaths) -> None:
    dataset_ = dataset(videos, 4, 16, stride_frames=2, training=True, seed=7)
    first = dataset_[2, 0][0]
    torch.manual_seed(99)
    dataset_[3, 1]
    again = dataset_[2, 0][0]
    assert torch.equal(first.clip, again.clip)
    assert first.seed == again.seed == sample_seed(7, 2, 0, 0)
    others = [dataset_[3, 0][0], dataset(videos, 4, 16, stride_frames=2, training=True, seed=8)[2, 0][0]]
    assert all(not torch.equal(first.clip, other.clip) for other in others)


def test_an_index_alone_is_epoch_zero(videos: LabeledVideoPaths) -> None:
    dataset_ = dataset(videos, 4, 16, stride_frames=2, training=True)
    assert dataset_[1][0].seed == dataset_[0, 1][0].seed
    assert len(dataset_) == 3


def test_a_video_that_cannot_be_read_ends_the_run_or_is_handed_on(videos: LabeledVideoPaths) -> None:
    with pytest.raises(VideoReadError, match=r"bad\.mp4"):
        dataset(videos, 4, 16, stride_frames=2)[2]
    skipped, other = dataset(videos, 4, 16, stride_frames=2, on_error="skip", num_clips=2)[2]
    assert skipped == other
    assert isinstance(skipped, SkippedSample)
    assert skipped.path.endswith("bad.mp4")
    assert "holds text and no video" in skipped.reason


def test_a_batch_holds_what_is_known_of_its_samples(videos: LabeledVideoPaths) -> None:
    source = dataset(videos, 4, 16, stride_frames=2, training=True, on_error="skip")
    samples = [source[5, index][0] for index in (1, 2, 0)]
    batch = collate([[sample] for sample in samples])
    assert torch.equal(batch.clips, torch.stack([samples[0].clip, samples[2].clip]))
    assert batch.labels["class"].tolist() == [0, 1]
    assert batch.labels["class"].dtype == torch.int64
    assert batch.video_index.tolist() == [1, 0]
    assert batch.start_seconds.tolist() == pytest.approx([samples[0].start_seconds, samples[2].start_seconds])
    assert batch.view.tolist() == [0, 0]
    assert batch.seeds == [samples[0].seed, samples[2].seed]
    assert [Path(path).name for path in batch.paths] == ["short.mp4", "long.mp4"]
    assert [Path(path).name for path, _ in batch.skipped] == ["bad.mp4"]
    assert batch.boxes.tolist() == [list(samples[0].box), list(samples[2].box)]


def test_a_batch_of_skipped_samples_alone_is_an_error() -> None:
    with pytest.raises(VideoReadError, match=r"none of the 2 clips of a batch can be read: a is empty"):
        collate([[SkippedSample("a", "a is empty")], [SkippedSample("b", "b is empty")]])


def test_in_training_a_batch_may_be_empty() -> None:
    batch = collate([[SkippedSample("a", "a is empty")]], allow_empty=True)
    assert len(batch.clips) == len(batch.video_index) == len(batch.seeds) == len(batch.boxes) == 0
    assert batch.skipped == [("a", "a is empty")]
    assert batch.labels == {}


def test_a_video_that_takes_too_long_cannot_be_decoded(
    videos: LabeledVideoPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_video = clips.open_video
    monkeypatch.setattr(clips, "open_video", lambda *args: time.sleep(5) or open_video(*args))
    source = dataset(videos, 4, 16, stride_frames=2, on_error="skip", timeout_seconds=0.2)
    started = time.monotonic()
    assert source[0] == [
        SkippedSample(videos[0][0], f"{videos[0][0]}: cannot be decoded: took more than 0.2 s")
    ]
    assert time.monotonic() - started < 2
    monkeypatch.undo()
    assert isinstance(source[0][0], ClipSample)


def test_unlabelled_videos_have_no_labels(videos: LabeledVideoPaths) -> None:
    path, _ = videos[0]
    for label in ({}, None):
        source = dataset(LabeledVideoPaths([(path, label)]), 2, 16, stride_frames=1)
        assert collate([source[0]]).labels == {}


def test_integer_labels_of_pytorchvideo_are_classes(video_folder: Path) -> None:
    paths = LabeledVideoPaths.from_directory(str(video_folder / "train"))
    source = dataset(paths, 2, 16, stride_frames=1)
    batch = collate([source[index] for index in range(len(source))])
    expected = [("jump", "run").index(Path(path).parent.name) for path in batch.paths]
    assert batch.labels["class"].tolist() == expected == [0] * 5 + [1] * 5


def test_a_list_without_labels_of_pytorchvideo_is_unlabelled(video_folder: Path, tmp_path: Path) -> None:
    path = video_folder / "train/jump/0.mp4"
    (tmp_path / "list.csv").write_text(f"{path}\n{path}\n")
    source = dataset(LabeledVideoPaths.from_csv(str(tmp_path / "list.csv")), 2, 16, stride_frames=1)
    assert collate([source[0], source[1]]).labels == {}


def test_labels_that_only_some_videos_have_are_refused(video_folder: Path) -> None:
    path = str(video_folder / "train/jump/0.mp4")
    source = dataset(LabeledVideoPaths([(path, None), (path, 1)]), 2, 16, stride_frames=1)
    for order in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="expected the same labels for all videos"):
            collate([source[index] for index in order])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
        ({"num_clips": 0}, "num_clips must be at least 1, got 0"),
        ({"num_crops": -1}, "num_crops must be at least 1, got -1"),
        ({"timeout_seconds": 0}, "timeout_seconds must be positive"),
        ({"scale": (0.5, 1.5)}, "scale must be"),
        ({"aspect": (2.0, 1.0)}, "aspect must be"),
    ],
)
def test_wrong_numbers_are_refused(videos: LabeledVideoPaths, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClipDataset(videos, DenseSampling(4, 1), **({"size": 16} | arguments))
