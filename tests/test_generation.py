import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import av
import pytest

from vidmask.data.moving_shapes import generation
from vidmask.data.moving_shapes.generation import Settings, is_complete, synthesize
from vidmask.data.moving_shapes.scenes import APPEARANCES, MOTIONS, sample_labels

FEW = {"num_train": 20, "num_val": 4, "num_test": 3}


def make(folder, **changes):
    return synthesize(folder, **{"preset": "easy", "seed": 3, **FEW, "num_workers": 0, **changes})


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "reference"
    make(folder)
    return contents(folder)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_folder_holds_the_videos_their_labels_and_what_they_are(reference):
    videos = {name for name in reference if name.endswith(".mp4")}
    assert videos == {
        f"{s}/{i:05d}.mp4" for s, n in (("train", 20), ("val", 4), ("test", 3)) for i in range(n)
    }
    assert {name for name in reference if not name.endswith(".mp4")} == {
        "settings.json",
        "manifest.json",
        *(f"{split}/labels.csv" for split in ("train", "val", "test")),
    }
    assert json.loads(reference["settings.json"]) == {
        **FEW,
        "preset": "easy",
        "seed": 3,
        "version": generation.GENERATOR_VERSION,
    }


def test_the_labels_are_those_of_the_videos(reference):
    rows = list(csv.DictReader(reference["train/labels.csv"].decode().splitlines()))
    assert [row["video"] for row in rows] == [f"{index:05d}.mp4" for index in range(20)]
    for index, row in enumerate(rows):
        labels = sample_labels(3, "train", index)
        assert row["appearance"] == APPEARANCES[labels["appearance"]]
        assert row["motion"] == MOTIONS[labels["motion"]]


def test_worker_processes_make_the_same_files(tmp_path, reference):
    assert make(tmp_path / "new", num_workers=2)
    assert contents(tmp_path / "new") == reference


def test_a_complete_folder_is_left_alone(tmp_path):
    make(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert not make(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("finished", [True, False])
def test_what_is_damaged_or_missing_is_made_again_and_nothing_else(tmp_path, reference, finished):
    make(tmp_path)
    kept = tmp_path / "train/00004.mp4"
    kept_at = kept.stat().st_mtime_ns
    (tmp_path / "train/00001.mp4").unlink()
    (tmp_path / "train/00002.mp4").write_bytes(reference["train/00002.mp4"][:-100])
    (tmp_path / "val/00003.mp4").write_bytes(b"")
    if finished:
        # One more byte passes no check but that of the manifest's sizes.
        (tmp_path / "test/labels.csv").write_bytes(reference["test/labels.csv"] + b"\n")
    else:
        (tmp_path / "manifest.json").unlink()
    assert not is_complete(tmp_path)
    assert make(tmp_path)
    assert is_complete(tmp_path)
    assert contents(tmp_path) == reference
    assert kept.stat().st_mtime_ns == kept_at


def test_a_video_of_another_size_than_the_manifest_says_is_made_again(tmp_path, reference):
    make(tmp_path)
    # A whole MP4 file, but not the one that was made.
    (tmp_path / "train/00001.mp4").write_bytes(reference["train/00002.mp4"])
    assert len(reference["train/00001.mp4"]) != len(reference["train/00002.mp4"])
    assert make(tmp_path)
    assert contents(tmp_path) == reference


def test_what_a_killed_process_left_is_removed_after_an_hour_and_never_taken_for_a_video(tmp_path, reference):
    make(tmp_path)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "train/00001.mp4").unlink()
    old, young = (tmp_path / f"train/.00001.mp4.{name}.unfinished" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half a video")
    os.utime(old, (time.time() - 4000,) * 2)
    make(tmp_path)
    assert not old.exists()
    young.unlink()  # may belong to a process still at work, so it was left
    assert contents(tmp_path) == reference


def test_a_killed_generation_is_completed(tmp_path, reference):
    command = [sys.executable, "-c", f"import test_generation as t; t.make({str(tmp_path / 'new')!r})"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(tmp_path.glob("new/*/*.mp4"))) < 3:
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert not is_complete(tmp_path / "new")
    make(tmp_path / "new")
    for path in tmp_path.glob("new/*/.*.unfinished"):
        path.unlink()
    assert contents(tmp_path / "new") == reference


def test_two_processes_may_make_one_folder_at_once(tmp_path, reference):
    command = [
        sys.executable,
        "-c",
        f"import test_generation as t; t.make({str(tmp_path / 'new')!r}, num_workers=1)",
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert contents(tmp_path / "new") == reference


def test_every_video_can_be_decoded_to_its_last_frame(tmp_path):
    make(tmp_path)
    for path in tmp_path.glob("*/*.mp4"):
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == container.streams.video[0].frames >= 32


def test_a_smaller_split_is_the_beginning_of_a_larger_one(tmp_path, reference):
    make(tmp_path, num_train=5)
    for name, content in contents(tmp_path).items():
        if name.endswith(".mp4"):
            assert content == reference[name]


def test_a_folder_of_other_settings_is_refused_by_name_and_number(tmp_path):
    make(tmp_path)
    with pytest.raises(ValueError, match=r"seed 3 where 4 was asked, num_val 4 where 5 was asked"):
        make(tmp_path, seed=4, num_val=5)


def test_a_folder_of_another_version_is_refused(tmp_path, monkeypatch):
    make(tmp_path)
    monkeypatch.setattr(generation, "GENERATOR_VERSION", 999)
    with pytest.raises(ValueError, match="version 999: give another folder"):
        make(tmp_path)


def test_a_folder_with_something_else_in_it_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="is not empty and holds no MovingShapes"):
        make(tmp_path)
    assert contents(tmp_path) == {"thesis.tex": b"mine"}


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is a file: give a folder"):
        make(tmp_path / "file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preset": "medium"}, "preset must be one of easy, standard, hard, got 'medium'"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"num_test": 0}, "num_test must be 1 or more, got 0"),
        ({"num_workers": -2}, "num_workers must be 0 or more, got -2"),
    ],
)
def test_a_wrong_number_or_name_makes_nothing(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "new", **change)
    assert not (tmp_path / "new").exists()


def test_sizes_are_the_presets_own_unless_told():
    assert Settings.of("standard", 0, None, 7, None) == Settings("standard", 0, 8192, 7, 4096)
    assert Settings.of("easy", 0, None, None, None).name == (
        f"moving-shapes-easy-2048-512-1024-seed0-v{generation.GENERATOR_VERSION}"
    )


def test_a_generation_killed_at_its_very_start_is_completed(tmp_path, reference):
    (tmp_path / ".settings.json.0123abcd.unfinished").write_text('{"preset": "ea')
    make(tmp_path)
    (tmp_path / ".settings.json.0123abcd.unfinished").unlink()
    assert contents(tmp_path) == reference


def test_a_broken_manifest_is_not_trusted(tmp_path, reference):
    make(tmp_path)
    (tmp_path / "manifest.json").write_text('{"bytes": {"train/000')
    assert not is_complete(tmp_path)
    make(tmp_path)
    assert contents(tmp_path) == reference


def test_the_measured_shortcuts_are_those_of_this_version():
    text = (Path(__file__).parents[1] / "experiments/benchmarks/shortcuts.md").read_text()
    assert f"generator version {generation.GENERATOR_VERSION}," in text


def test_a_folder_that_another_process_just_began_is_known_for_what_it_is(tmp_path, monkeypatch):
    folder = tmp_path / "new"
    (folder / "train").mkdir(parents=True)
    settings = Settings.of("easy", 0, 4, 2, 2)

    def meanwhile(_folder):
        (folder / "settings.json").write_text(json.dumps(asdict(settings)))
        return iter(())

    monkeypatch.setattr(generation, "unfinished_paths", meanwhile)
    assert generation.read_settings(folder) == settings
