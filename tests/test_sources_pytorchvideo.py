"""Ready data sets of PyTorchVideo: their videos, labels and starts, with our sharding and resuming."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from layouts import hmdb51_tree, ssv2_frames_tree, text
from pytorchvideo.data import Hmdb51, Kinetics, LabeledVideoDataset, SSv2, labeled_video_dataset
from pytorchvideo.data.clip_sampling import (
    ConstantClipsPerVideoSampler,
    RandomClipSampler,
    RandomMultiClipSampler,
    UniformClipSampler,
)
from torch.utils.data import IterableDataset, Sampler, SequentialSampler
from videos import numbers, write_numbered

from vidmask.cli import main
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.sampling import ClipLoader, EpochSampler
from vidmask.data.sources import PyTorchVideoDataset
from vidmask.tokens import ClipBatch

RATE, NUM_FRAMES = 25, 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six videos of 1.2 s in each of two classes, and a list of them."""
    root = tmp_path_factory.mktemp("ready")
    for name in ("jump", "run"):
        (root / name).mkdir()
        for number in range(6):
            write_numbered(root / name / f"{number}.mp4", NUM_FRAMES)
    names = [
        (f"{name}/{number}.mp4", label) for label, name in enumerate(("jump", "run")) for number in range(6)
    ]
    text(root / "list.txt", *(f"{name} {label}" for name, label in names))
    return root


def paths(folder: Path, count: int = 12) -> list[tuple[str, Any]]:
    found = sorted(folder.glob("*/*.mp4"))[:count]
    return [(str(path), {"label": int(path.parent.name == "run")}) for path in found]


def ready(videos: Any, sampler: Any = None, **options: Any) -> LabeledVideoDataset:
    return LabeledVideoDataset(videos, sampler or RandomClipSampler(0.4), **options)


def module(source: PyTorchVideoDataset, **options: Any) -> VideoDataModule:
    defaults: dict[str, Any] = {
        "frames": 4,
        "size": 16,
        "stride_frames": 2,
        "batch_size": 4,
        "num_workers": 0,
        "seed": 3,
    }
    return VideoDataModule(source, **(defaults | options))


def told(batches: Any) -> list[list[tuple[str, int, float]]]:
    """Return what is seen: the paths, labels and starts of each batch."""
    return [
        list(zip(batch.paths, batch.labels["class"].tolist(), batch.start_seconds.tolist(), strict=True))
        for batch in batches
    ]


def starts(batch: ClipBatch) -> list[int]:
    """Return the frames that clips start with."""
    return [round(seconds * RATE) for seconds in batch.start_seconds.tolist()]


def labels(source: PyTorchVideoDataset, split: Any = "train") -> list[dict[str, int]]:
    videos = source.split(split)
    assert videos is not None
    items: list[Any] = [videos[index] for index in range(len(videos))]
    return [info["label"] for _, info in items]


@pytest.mark.parametrize(
    ("given", "index", "classes"),
    [
        ([1, 0], [{"class": 1}, {"class": 0}], {"class": ("0", "1")}),
        (
            [{"label": 2}, {"label": torch.tensor(0)}],
            [{"class": 2}, {"class": 0}],
            {"class": ("0", "1", "2")},
        ),
        (
            [{"label": "wave", "meta_tags": ["u"]}, {"label": "brush"}],
            [{"class": 1}, {"class": 0}],
            {"class": ("brush", "wave")},
        ),
        (
            [{"label": {"verb": 1, "noun": "cup"}}, {"label": {"noun": "box", "verb": 0}}],
            [{"verb": 1, "noun": 1}, {"verb": 0, "noun": 0}],
            {"noun": ("box", "cup"), "verb": ("0", "1")},
        ),
        ([{"label": -1}, {"label": None}], [{}, {}], {}),
        ([None, {}], [{}, {}], {}),
    ],
)
def test_labels_in_every_form(folder, given, index, classes):
    videos = [(path, info) for (path, _), info in zip(paths(folder, 2), given, strict=True)]
    source = PyTorchVideoDataset(ready(videos))
    assert source.classes == classes
    assert labels(source) == index


def test_classes_are_numbered_over_all_splits(folder):
    train, val, test = (
        [(path, {"label": name})] for (path, _), name in zip(paths(folder, 3), "caZ", strict=True)
    )
    source = PyTorchVideoDataset(ready(train), ready(val), ready(test))
    assert source.classes == {"class": ("Z", "a", "c")}
    assert [labels(source, split) for split in ("train", "val", "test")] == [
        [{"class": 2}],
        [{"class": 1}],
        [{"class": 0}],
    ]
    assert PyTorchVideoDataset(ready(train)).split("val") is None
    assert PyTorchVideoDataset(ready(train)).clip_sampler("val") is None


def test_data_sets_of_pytorchvideo_s_functions(folder, tmp_path):
    sampler = RandomClipSampler(0.4)
    listed = Kinetics(str(folder / "list.txt"), sampler, video_path_prefix=str(folder))
    source = PyTorchVideoDataset(listed, labeled_video_dataset(str(folder), sampler))
    assert labels(source) == labels(source, "val") == [{"class": 0}] * 6 + [{"class": 1}] * 6
    hmdb51_tree(tmp_path)
    hmdb = Hmdb51(tmp_path / "splits", sampler, video_path_prefix=str(tmp_path / "videos"))
    source = PyTorchVideoDataset(hmdb)
    assert source.classes == {"class": ("brush_hair", "wave")}
    assert labels(source) == [{"class": 0}] * 2 + [{"class": 1}] * 2


EVALUATED = {
    "uniform": (UniformClipSampler(0.37), [0, 9, 18], [0, 9, 18]),
    "overlapping": (UniformClipSampler(0.38, 0.21), [0, 5, 10], [0, 5, 10, 15]),
    # PyTorchVideo divides what is left of the video by the number of clips: the last does not end with it.
    "constant": (ConstantClipsPerVideoSampler(0.38, 2), [0, 10, 0], [0, 10]),
    "constant with views": (ConstantClipsPerVideoSampler(0.38, 2, augs_per_clip=2), [0, 0, 10], [0, 10]),
}
"""Samplers, the frames with which three clips of an evaluation start, and those with which one may start."""


@pytest.mark.parametrize(("sampler", "three", "all_of_them"), EVALUATED.values(), ids=EVALUATED)
def test_clips_start_where_the_sampler_says(folder, sampler, three, all_of_them):
    videos = paths(folder, 4)
    source = PyTorchVideoDataset(ready(videos, sampler), test=ready(videos, sampler))
    batch = next(iter(module(source, test_clips=3, eval_batch_size=3).test_dataloader()))
    assert starts(batch) == three
    data = module(source, repeats=2)
    drawn = [batch for _ in range(2) for epoch in range(10) for batch in epoch_of(data, epoch)]
    assert sorted({start for batch in drawn for start in starts(batch)}) == all_of_them
    assert told(drawn[: len(drawn) // 2]) == told(drawn[len(drawn) // 2 :])
    # The clips of one opening are drawn one by one.
    assert any(start != other for batch in drawn for start, other in [starts(batch)[:2]])


def loader_of(data: VideoDataModule, epoch: int) -> ClipLoader:
    loader = data.train_dataloader()
    assert isinstance(loader.sampler, EpochSampler)
    loader.sampler.set_epoch(epoch)
    return loader


def epoch_of(data: VideoDataModule, epoch: int) -> Iterator[ClipBatch]:
    return iter(loader_of(data, epoch))


def test_a_random_sampler_draws_all_starts_and_the_same_ones_again(folder):
    source = PyTorchVideoDataset(ready(paths(folder), RandomClipSampler(0.4)))
    drawn = [batch for epoch in range(10) for batch in epoch_of(module(source), epoch)]
    assert {start for batch in drawn for start in starts(batch)} == set(range(20))
    assert told(drawn) == told(batch for epoch in range(10) for batch in epoch_of(module(source), epoch))


@pytest.mark.parametrize(
    "sampler", [UniformClipSampler(Fraction(9, 25)), ConstantClipsPerVideoSampler(Fraction(10, 25), 2)]
)
def test_clips_are_those_that_the_data_set_itself_gives(folder, sampler):
    videos = paths(folder, 2)
    theirs = LabeledVideoDataset(videos, sampler, SequentialSampler, decode_audio=False)
    first_pictures = [clip["video"][:, :1].permute(1, 2, 3, 0).byte() for clip in theirs]
    shown = [number for picture in first_pictures for number in numbers(picture)]
    source = PyTorchVideoDataset(ready(videos), test=ready(videos, sampler))
    clips = len(shown) // 2
    loader = module(source, test_clips=clips, eval_batch_size=clips).test_dataloader()
    assert [start for batch in loader for start in starts(batch)] == shown


def test_a_data_set_that_was_used_before_begins_again(folder):
    videos = paths(folder, 2)
    used = ready(videos, ConstantClipsPerVideoSampler(0.4, 2), video_sampler=SequentialSampler)
    next(iter(used))
    assert used._clip_sampler._current_clip_index == 1
    source = PyTorchVideoDataset(used, test=used)
    assert starts(next(iter(module(source).test_dataloader()))) == [0, 0]
    # It may go on being used.
    assert used._clip_sampler._current_clip_index == 1


def test_two_ranks_share_an_epoch(folder, monkeypatch):
    """The data set's own sampler would give both the same videos."""
    source = PyTorchVideoDataset(ready(paths(folder)))

    def seen(rank: int, num_ranks: int, batch_size: int) -> list[list[tuple[str, int, float]]]:
        monkeypatch.setattr(VideoDataModule, "_ranks", lambda self: (rank, num_ranks))
        return told(epoch_of(module(source, batch_size=batch_size), 1))

    whole, first, second = seen(0, 1, 4), seen(0, 2, 2), seen(1, 2, 2)
    assert len(whole) == 3
    assert len({path for batch in whole for path, _, _ in batch}) == 12
    for both, share, other in zip(whole, first, second, strict=True):
        assert not set(share) & set(other)
        assert sorted(share + other) == sorted(both)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_epoch_is_resumed_where_it_stopped(folder, num_workers):
    source = PyTorchVideoDataset(ready(paths(folder)))
    whole = told(epoch_of(module(source), 1))
    loader = loader_of(module(source, num_workers=num_workers), 1)
    running = iter(loader)
    next(running)
    resumed = loader_of(module(source, num_workers=num_workers), 1)
    resumed.load_state_dict(loader.state_dict())
    assert told(resumed) == whole[1:]


def something_something(root: Path, **options: Any) -> SSv2:
    names, labels, frames = (
        str(root / name) for name in ("labels/labels.json", "labels/train.json", "train.csv")
    )
    prefix = str(root / "frames")
    return SSv2(names, labels, frames, RandomClipSampler(0.4), video_path_prefix=prefix, **options)


def test_frames_of_something_something(tmp_path):
    root = ssv2_frames_tree(tmp_path)
    data_set = something_something(root)
    source = PyTorchVideoDataset(data_set)
    videos = source.split("train")
    assert videos is not None
    assert [videos[index] for index in range(4)] == [
        (str(root / "frames" / name), {"label": {"class": label}})
        for name, label in (("1", 0), ("2", 1), ("3", 0), ("4", 1))
    ]
    assert source.clip_sampler("train") is None
    data = module(source, stride_frames=None, sampling="segments")
    # Four segments of 7.5 frames at 30 frames a second.
    assert all(0 <= start < 0.25 for start in next(epoch_of(data, 0)).start_seconds.tolist())
    frames: list[Any] = data_set._path_to_videos
    frames[2][1] = str(root / "frames/9/9_000002.jpg")
    with pytest.raises(ValueError, match="the frames of this video lie in 2 folders; expected one for each"):
        PyTorchVideoDataset(data_set)


def test_frames_per_clip_is_the_data_module_s(tmp_path, caplog):
    PyTorchVideoDataset(something_something(ssv2_frames_tree(tmp_path), frames_per_clip=8))
    assert caplog.messages == ["train: frames_per_clip is not used; give the data module sampling: segments"]


def test_a_transform_is_not_passed_over(folder):
    with_transform = ready(paths(folder), transform=lambda clip: clip)
    with pytest.raises(
        ValueError, match=r"val: the data set has a transform, .*; take it out, or say ignore_"
    ):
        PyTorchVideoDataset(ready(paths(folder)), with_transform)
    source = PyTorchVideoDataset(with_transform, ignore_transform=True)
    assert next(epoch_of(module(source), 0)).clips.shape == (4, 3, 4, 16, 16)


class Other(IterableDataset):
    """A data set of the user's own."""

    def __iter__(self) -> Iterator[int]:
        return iter(())


class Weighted(Sampler):
    """A sampler of the user's own."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)


def test_a_sampler_of_the_user_s_own_is_not_used_and_that_is_told(folder, caplog):
    PyTorchVideoDataset(ready(paths(folder), video_sampler=Weighted))
    assert caplog.messages == [
        "train: the video sampler Weighted is not used: every video comes once in an epoch"
    ]


def test_videos_that_are_gone(folder, caplog):
    videos = [*paths(folder, 3), (str(folder / "gone.mp4"), {"label": 1})]
    with pytest.raises(
        FileNotFoundError, match=r"the data set of train: 1 of 4 videos \(.*gone\.mp4\) are not"
    ):
        PyTorchVideoDataset(ready(videos))
    assert len(labels(PyTorchVideoDataset(ready(videos), on_missing="skip"))) == 3
    assert "are not there, and are left out" in caplog.text


REFUSED = {
    "several clips at once": (
        lambda videos: ready(videos, RandomMultiClipSampler(0.4, 2)),
        "train: the clip sampler RandomMultiClipSampler draws several clips at once; give a Random",
    ),
    "nothing in it": (
        lambda videos: ready([], video_sampler=SequentialSampler),
        "train: the data set has no videos",
    ),
    "another data set": (
        lambda videos: Other(),
        "train must be a LabeledVideoDataset or an SSv2 of PyTorchVideo, got a Other",
    ),
    "some without a label": (
        lambda videos: ready([*videos, (videos[0][0], None)]),
        r"train: .* has the labels \[\] and .* \['class'\]; expected the same labels for all videos",
    ),
    "numbers and names": (
        lambda videos: ready([*videos, (videos[0][0], {"label": "run"})]),
        "the label 'class' is a number in some videos and a name in others",
    ),
    "a fraction": (lambda videos: ready([(videos[0][0], 0.5)]), "the label 0.5 is neither a class index nor"),
    "several classes": (
        lambda videos: ready([(videos[0][0], {"label": [1, 2]})]),
        r"the label \[1, 2\] is neit",
    ),
    "below -1": (lambda videos: ready([(videos[0][0], -2)]), "the label -2 is no class index"),
    "far too great": (
        lambda videos: ready([(videos[0][0], 10**9)]),
        "the label 1000000000 is no class index",
    ),
}


@pytest.mark.parametrize(("data_set", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_refused(folder, data_set, message):
    with pytest.raises(ValueError, match=message):
        PyTorchVideoDataset(data_set(paths(folder, 2)))


def test_segments_leave_a_clip_sampler_no_choice(folder):
    with pytest.raises(ValueError, match="leaves the source's own clip sampler no choice: use 'dense'"):
        module(PyTorchVideoDataset(ready(paths(folder))), stride_frames=None, sampling="segments")


RANDOM = {"class_path": "RandomClipSampler", "init_args": {"clip_duration": 0.4}}
TWO = {
    "class_path": "ConstantClipsPerVideoSampler",
    "init_args": {"clip_duration": 0.4, "clips_per_video": 2},
}


def recipe(folder: Path, form: str) -> dict[str, Any]:
    """Return the data of a recipe as a user writes it."""
    if form == "class":
        videos = [[path, info] for path, info in paths(folder)]
        train = {
            "class_path": "pytorchvideo.data.LabeledVideoDataset",
            "init_args": {"labeled_video_paths": videos, "clip_sampler": RANDOM},
        }
        source = {"train": train}
    else:
        listed = {"data_path": str(folder / "list.txt"), "video_path_prefix": str(folder)}
        source = {
            "train": {
                "class_path": "pytorchvideo.data.labeled_video_dataset",
                "init_args": {"data_path": str(folder), "clip_sampler": RANDOM},
            },
            "val": {
                "class_path": "pytorchvideo.data.Kinetics",
                "init_args": {**listed, "clip_sampler": TWO},
            },
        }
    return {"data": {"source": {"class_path": "PyTorchVideoDataset", "init_args": source}}}


def fit(tmp_path: Path, content: dict[str, Any], *more: str) -> list[float]:
    """Train for two steps and return the losses."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(content))
    tiny = [
        *("--trainer.accelerator", "cpu", "--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1"),
        *("--trainer.callbacks", "null", "--data.batch_size", "4", "--data.num_workers", "0"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--model.encoder.size", "32", "--run.root", str(tmp_path)),
    ]
    code = main(["fit", "--config", "folder/mae_st", "--config", str(mine), *tiny, *more])
    if code:
        return []
    lines = (tmp_path / "folder" / "mae_st" / "latest" / "metrics.jsonl").read_text().splitlines()
    return [line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line]


@pytest.mark.parametrize("form", ["class", "function"])
def test_from_a_recipe(tmp_path, folder, form):
    losses = fit(tmp_path, recipe(folder, form))
    assert len(losses) == 2
    latest = tmp_path / "folder" / "mae_st" / "latest"
    resolved = (latest / "config.yaml").read_text()
    assert main(["fit", "--config", str(latest / "config.yaml"), "--run.root", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again/folder/mae_st/latest/config.yaml").read_text() == resolved


def replaced(content: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return json.loads(json.dumps(content).replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            "RandomClipSampler",
            "RandomClipSamplr",
            ["no class 'RandomClipSamplr'", "did you mean 'RandomClipSampler'?"],
        ),
        (
            "clip_duration",
            "clip_duraton",
            ["no setting 'data.source.train.clip_sampler.clip_duraton'", "did you "],
        ),
        (
            "LabeledVideoDataset",
            "LabeledVideoDatset",
            ["no class 'pytorchvideo.data.LabeledVideoDatset'", "did you"],
        ),
        ("/jump/0.mp4", "/jump/9.mp4", ["the data set of train: 1 of 12 videos ("]),
    ],
)
def test_a_mistake_in_a_recipe_is_told_in_a_few_lines(tmp_path, folder, capsys, old, new, lines):
    assert fit(tmp_path, replaced(recipe(folder, "class"), old, new)) == []
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith(f"vidmask: {lines[0]}")
    assert shown[-1].strip().startswith(lines[-1]) or len(lines) == 1
    assert len(shown) <= 5
