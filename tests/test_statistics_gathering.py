"""The statistics of small data sets, by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from constant_videos import write_constant
from data_statistics import record, statistics_of
from videos import write_numbered

from vidmask.data.processes import Failure
from vidmask.data.sources import VideoFolder
from vidmask.data.statistics import gathering as module
from vidmask.data.statistics.gathering import CLIP_SECONDS, Unreadable
from vidmask.data.statistics.tasks import measure

BLACK, WHITE, BLUE = (0, 0, 0), (255, 255, 255), (0, 0, 255)


def statistics(*arguments: Any, **named: Any) -> Any:
    """Return them without a type, for pixels that may be None."""
    return module.statistics(*arguments, **named)


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Black and white videos of 1 and 4 seconds to train on, and a blue one of 3 to validate."""
    root = tmp_path_factory.mktemp("two_classes")
    for name, colour, count in (("black", BLACK, 3), ("white", WHITE, 1)):
        for number in range(count):
            frames = [colour] * (10 if number == 0 else 40)
            write_constant(root / "train" / name / f"{number}.mp4", frames, rate=10, size=(64, 32))
    write_constant(root / "val" / "black" / "0.mp4", [BLUE] * 75, rate=25, size=(32, 64))
    return root


@pytest.fixture(scope="module")
def found(two_classes: Path) -> Any:
    return statistics(str(two_classes), num_workers=0)


def test_each_split_is_measured(found, two_classes: Path) -> None:
    train, val = found.splits["train"], found.splits["val"]
    assert list(found.splits) == ["train", "val"]
    assert (train.videos, train.unreadable, train.seconds) == (4, 0, 10.0)
    assert (val.videos, val.unreadable, val.seconds) == (1, 0, 3.0)
    assert train.size_bytes == sum(path.stat().st_size for path in two_classes.glob("train/*/*"))
    assert (train.durations.minimum, train.durations.median, train.durations.maximum) == (1.0, 2.5, 4.0)
    assert found.clip_seconds == CLIP_SECONDS == pytest.approx(2.1333, abs=1e-4)
    assert (train.too_short, val.too_short) == (2, 0)
    assert (train.sizes, val.sizes) == ({"64×32": 4}, {"32×64": 1})
    assert (train.frame_rates, val.frame_rates) == ({10.0: 4}, {25.0: 1})
    assert found.mixed_rates
    assert train.codecs == {"h264": 4}


def test_classes_are_compared_between_splits(found) -> None:
    train, val = (found.splits[split].labels["class"] for split in ("train", "val"))
    assert train.videos == {"black": 3, "white": 1}
    assert (train.imbalance, train.missing) == (3.0, ())
    assert (val.videos, val.missing) == ({"black": 1}, ("white",))


def test_pixels_are_those_of_the_training_split(found) -> None:
    # Three black videos and a white one.
    assert found.pixels.split == "train"
    assert (found.pixels.videos, found.pixels.frames) == (4, 16)
    assert found.pixels.mean == (0.25, 0.25, 0.25)
    assert found.pixels.std == pytest.approx(((0.25 * 0.75) ** 0.5,) * 3)
    assert found.pixels.mean_error == pytest.approx((0.25,) * 3)
    assert len(found.pixels.samples) == 4


def test_processes_find_the_same(found, two_classes: Path) -> None:
    other = statistics(VideoFolder(two_classes), num_workers=1, timeout_seconds=60.0)
    assert other.source == "VideoFolder"
    assert other.as_json() | {"source": found.source} == found.as_json()


def test_json_holds_everything(found) -> None:
    told = json.loads(json.dumps(found.as_json()))
    assert set(told) == {
        *("source", "from_manifest", "splits", "clip_seconds", "duration_edges", "mixed_rates"),
        *("pixels", "pixels_asked", "unreadable", "undecodable"),
    }
    assert told["splits"]["train"]["labels"]["class"]["videos"] == {"black": 3, "white": 1}
    assert told["splits"]["train"]["frame_rates"] == {"10.0": 4}
    assert told["splits"]["train"]["durations"]["median"] == 2.5
    assert len(told["duration_edges"]) == len(told["splits"]["val"]["duration_counts"]) + 1
    assert told["pixels"]["mean"] == [0.25, 0.25, 0.25]


def test_a_seed_draws_the_videos(two_classes: Path) -> None:
    means = [statistics(two_classes, 1, seed, num_workers=0).pixels.mean[0] for seed in range(8)]
    assert set(means) == {0.0, 1.0}
    assert means == [statistics(two_classes, 1, seed, num_workers=0).pixels.mean[0] for seed in range(8)]


def test_every_video_is_drawn_as_often(tmp_path: Path) -> None:
    drawn = []
    for seed in range(150):
        records = [record(f"{number}.mp4") for number in range(10)]
        few = statistics_of(tmp_path, records, num_videos=3, seed=seed)
        assert few.pixels_asked == 3
        drawn += [Path(entry.path).stem for entry in few.undecodable]
    counts = [drawn.count(str(number)) for number in range(10)]
    # 45 are expected, with a standard deviation of 5.6.
    assert sum(counts) == 450
    assert all(20 < count < 70 for count in counts)


def test_what_cannot_be_read_is_told_and_counts_nowhere(two_classes: Path, tmp_path: Path) -> None:
    for path in two_classes.glob("train/*/*"):
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        (tmp_path / path.parent.name / path.name).write_bytes(path.read_bytes())
    (tmp_path / "white" / "0.mp4").write_bytes(b"no video")
    (tmp_path / "white" / "1.mp4").touch()
    found = statistics(tmp_path, num_workers=0)
    train = found.splits["train"]
    assert (train.videos, train.unreadable) == (3, 2)
    assert train.labels["class"].videos == {"black": 3}
    assert train.labels["class"].missing == ("white",)
    assert found.pixels.mean == (0.0, 0.0, 0.0)
    assert [Path(entry.path).name for entry in found.unreadable] == ["0.mp4", "1.mp4"]
    assert [entry.reason for entry in found.unreadable] == ["holds text and no video", "is empty: 0 bytes"]
    # The same videos were drawn for the pixels, and are not told twice.
    assert found.undecodable == ()


def test_a_good_header_over_bad_frames_costs_the_pixels_alone(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 100, noise=60)
    write_constant(tmp_path / "b.mp4", [BLACK] * 40)
    content = bytearray(path.read_bytes())
    begin, end = content.index(b"mdat"), content.index(b"moov")
    damaged = slice((begin + end) // 2, end - 1000)
    content[damaged] = b"\x55" * len(content[damaged])
    path.write_bytes(bytes(content))
    found = statistics(tmp_path, num_workers=0)
    assert found.splits["train"].videos == 2
    assert [Path(entry.path).name for entry in found.undecodable] == ["a.mp4"]
    assert (found.pixels.videos, found.pixels.mean) == (1, (0.0, 0.0, 0.0))


def test_a_process_that_hangs_or_dies_costs_one_video(two_classes: Path, monkeypatch) -> None:
    def hang_and_die(function, tasks, num_workers, *, timeout_seconds):
        assert (function, timeout_seconds) == ("vidmask.data.statistics.tasks:measure", 8.0)
        for place, task in enumerate(tasks):
            failed = {0: Failure("timeout", "took more than 8 s"), 5: Failure("killed", "its process died")}
            yield place, failed.get(place) or measure(task)

    monkeypatch.setattr(module, "run_tasks", hang_and_die)
    found = statistics(two_classes, timeout_seconds=8.0)
    assert found.splits["train"].videos == 3
    assert [entry.reason for entry in found.unreadable] == ["took more than 8 s"]
    assert [entry.reason for entry in found.undecodable] == ["its process died"]
    assert found.pixels.videos == 3


def test_nothing_readable_is_an_error_that_tells_why(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"none of 3 videos can be read; .*0.mp4: holds text and no video"):
        statistics(tmp_path, num_workers=0)


def test_an_empty_split_stays(tmp_path: Path) -> None:
    records = [record("a.mp4", labels={"class": "x"}), record("/b.mp4", "val", verdict="broken")]
    found = statistics_of(tmp_path, records)
    assert (found.splits["val"].videos, found.splits["val"].unreadable) == (0, 1)
    assert found.splits["val"].durations is None
    assert found.unreadable == (Unreadable("/b.mp4", "val", "read 7 of 120 frames"),)


def test_of_a_manifest_no_file_is_opened(tmp_path: Path) -> None:
    records = [record(f"{number}.mp4", labels={"class": "ab"[number % 2]}) for number in range(5)]
    records += [record("v.mp4", "val", verdict="suspect", width=None), record("w.mp4", "val")]
    found = statistics_of(tmp_path, records, num_videos=4)
    assert found.from_manifest
    train, val = found.splits["train"], found.splits["val"]
    assert (train.videos, train.seconds, train.size_bytes) == (5, 20.0, 5000)
    assert train.labels["class"].videos == {"a": 3, "b": 2}
    assert (val.videos, val.unknown, val.sizes) == (2, {"size": 1}, {"340×256": 1})
    # The files are not there: only the pixels miss.
    assert (found.pixels, found.pixels_asked, len(found.undecodable)) == (None, 4, 4)
    assert "No such file" in found.undecodable[0].reason
    assert not found.unreadable


def test_pixels_of_a_manifest_are_read(two_classes: Path, tmp_path: Path) -> None:
    path = str(two_classes / "train" / "white" / "0.mp4")
    found = statistics_of(tmp_path, [record(path)], num_videos=9)
    assert (found.pixels.videos, found.pixels.mean) == (1, (1.0, 1.0, 1.0))


def test_an_empty_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"videos.csv: holds no video"):
        statistics_of(tmp_path, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_videos": -1}, "num_videos must be 0 or more, got -1"),
        ({"num_workers": -1}, "num_workers must be 0 or more, got -1"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"clip_seconds": 0.0}, "clip_seconds must be positive, got 0"),
        ({"timeout_seconds": -1.0}, "timeout_seconds must be positive, got -1"),
    ],
)
def test_a_wrong_value_is_refused(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statistics(tmp_path, **arguments)
