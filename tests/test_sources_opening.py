"""A word on the command line becomes the source that it names, and a wrong one is told in a line."""

import os
from pathlib import Path

import pytest
from layouts import hmdb51_tree, kinetics_tree, ssv2_frames_tree, ssv2_tree, text, ucf101_tree, video

from vidmask.data.manifest import Record, write_manifest
from vidmask.data.sources import (
    HMDB51,
    UCF101,
    Kinetics,
    SomethingSomethingV2,
    SomethingSomethingV2Frames,
    Split,
    UnlabelledVideos,
    VideoFolder,
    VideoSource,
    VideoTable,
)
from vidmask.data.sources.manifest import Manifest
from vidmask.data.sources.opening import FORMS, open_source


def number(source: VideoSource, split: Split = "train") -> int:
    videos = source.split(split)
    return 0 if videos is None else len(videos)


def names(source: VideoSource, split: Split) -> list[str]:
    videos = source.split(split)
    assert videos is not None
    return [Path(videos[index][0]).name for index in range(len(videos))]


def test_a_folder_s_own_folders_are_classes(tmp_path):
    for name in ("jump", "run"):
        video(tmp_path / name / "a.mp4")
    source = open_source(str(tmp_path))
    assert isinstance(source, VideoFolder)
    assert source.classes == {"class": ("jump", "run")}


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("list.csv", ["path,label", "a.mp4,jump"]),
        ("list.tsv", ["path\tlabel", "a.mp4\tjump"]),
        ("LIST.TXT", ["a.mp4 0"]),
        ("verdicts.csv", ["path,verdict", "a.mp4,ok"]),
    ],
)
def test_a_list_is_a_table(tmp_path, file, lines):
    video(tmp_path / "a.mp4")
    source = open_source(str(text(tmp_path / file, *lines)))
    assert isinstance(source, VideoTable)
    assert names(source, "train") == ["a.mp4"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_manifest_is_told_from_a_list(tmp_path, suffix):
    """Its broken videos are left out, which a list's would not be."""
    records = [
        Record(str(video(tmp_path / f"{verdict}.mp4")), "train", {"class": "jump"}, verdict, "read")
        for verdict in ("ok", "broken")
    ]
    manifest = tmp_path / f"manifest{suffix}"
    write_manifest(manifest, records)
    source = open_source(str(manifest))
    assert isinstance(source, Manifest)
    assert names(source, "train") == ["ok.mp4"]


@pytest.mark.parametrize("version", [400, 600, 700])
def test_kinetics(tmp_path, version):
    source = open_source(f"kinetics{version}:{kinetics_tree(tmp_path)}")
    assert isinstance(source, Kinetics)
    assert [number(source, split) for split in ("train", "val", "test")] == [4, 2, 2]


def test_kinetics_of_each_version_has_its_number_of_classes(tmp_path):
    for place in range(401):
        (tmp_path / "train" / f"class {place}").mkdir(parents=True)
        (tmp_path / "train" / f"class {place}" / "a_000000_000010.mp4").touch()
    assert number(open_source(f"kinetics600:{tmp_path}")) == 401
    with pytest.raises(ValueError, match="Kinetics-400 has 400 classes, and here are 401"):
        open_source(f"kinetics400:{tmp_path}")


def test_something_something(tmp_path):
    source = open_source(f"ssv2:{ssv2_tree(tmp_path / 'videos')}")
    assert isinstance(source, SomethingSomethingV2)
    assert names(source, "train") == ["1.webm", "2.webm", "3.webm", "4.webm"]
    frames = open_source(f"SSv2_Frames:{ssv2_frames_tree(tmp_path / 'frames')}")
    assert isinstance(frames, SomethingSomethingV2Frames)
    assert names(frames, "train") == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("ending", "fold"), [("", 1), (":1", 1), (":2", 2), (":3", 3)])
def test_folds(tmp_path, ending, fold):
    ucf = open_source(f"ucf101:{ucf101_tree(tmp_path / 'ucf')}{ending}")
    assert isinstance(ucf, UCF101)
    assert names(ucf, "test") == [f"v_{name}_g0{fold}_c01.avi" for name in ("ApplyEyeMakeup", "YoYo")]
    hmdb = open_source(f"hmdb51:{hmdb51_tree(tmp_path / 'hmdb')}{ending}")
    assert isinstance(hmdb, HMDB51)
    assert names(hmdb, "test") == [
        f"clip#{fold}_{name}_u_nm_np1_fr_med_0.avi" for name in ("brush_hair", "wave")
    ]


def test_unlabelled_videos_of_a_folder_and_of_a_list(tmp_path):
    video(tmp_path / "jump" / "a.mp4")
    listed = text(tmp_path / "list.txt", "jump/a.mp4")
    for place in (tmp_path, listed):
        source = open_source(f"unlabelled:{place}")
        assert isinstance(source, UnlabelledVideos)
        assert source.classes == {}
        assert number(source) == 1


def test_a_folder_that_is_there_wins(tmp_path, monkeypatch):
    """Its name has a colon, or is that of a data set, or ends as a fold does."""
    monkeypatch.chdir(tmp_path)
    for name in ("ucf101:2", "ssv2", "a:b"):
        video(tmp_path / name / "jump" / "a.mp4")
        assert isinstance(open_source(name), VideoFolder)
    ucf101_tree(tmp_path / "sets:2")
    assert names(open_source("ucf101:sets:2"), "test")[0] == "v_ApplyEyeMakeup_g01_c01.avi"
    assert names(open_source("ucf101:sets:2:3"), "test")[0] == "v_ApplyEyeMakeup_g03_c01.avi"


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    video(tmp_path / "jump" / "a.mp4")
    ucf101_tree(tmp_path / "ucf:2")
    assert isinstance(open_source("~"), VideoFolder)
    assert names(open_source("ucf101:~/ucf:2"), "test")[0] == "v_ApplyEyeMakeup_g01_c01.avi"


MISTAKES = {
    "": (ValueError, f"the source of videos is empty; expected {FORMS}"),
    "nowhere": (FileNotFoundError, f"nowhere: does not exist; expected {FORMS}"),
    "/no/where:2": (FileNotFoundError, f"/no/where:2: does not exist; expected {FORMS}"),
    "C:\\videos": (FileNotFoundError, f"C:\\videos: does not exist; expected {FORMS}"),
    "list.csv": (FileNotFoundError, f"list.csv: does not exist; expected {FORMS}"),
    "kinetics:dir": (
        ValueError,
        "kinetics:dir: no data set 'kinetics', and no file of that name; did you mean ",
    ),
    "Kinetcs600:d:1": (
        ValueError,
        "Kinetcs600:d:1: no data set 'Kinetcs600', and no file of that name; did ",
    ),
    "something:dir": (
        ValueError,
        f"something:dir: no data set 'something', and no file of that name; expected {FORMS}",
    ),
    "ucf10": (FileNotFoundError, "ucf10: does not exist; did you mean ucf101:DIR?"),
    "hmdb51": (ValueError, "hmdb51: the folder of the data set is missing; give hmdb51:DIR"),
    "SSV2:": (ValueError, "SSV2:: the folder of the data set is missing; give ssv2:DIR"),
    "s3://bucket/videos": (
        ValueError,
        "s3://bucket/videos: is an address; the videos must lie in a folder of",
    ),
    "kinetics400:nowhere": (
        FileNotFoundError,
        "nowhere: not the layout of Kinetics-400: it does not exist; ",
    ),
    "ucf101:nowhere:2": (FileNotFoundError, "nowhere: not the layout of UCF101: it does not exist; expected"),
    "ucf101:C:\\ucf": (FileNotFoundError, "C:\\ucf: not the layout of UCF101: it does not exist; expected"),
    "ucf101:here:4": (ValueError, "here:4: the fold must be one of 1, 2, 3, got '4'"),
    "hmdb51:here:0": (ValueError, "here:0: the fold must be one of 1, 2, 3, got '0'"),
    "ucf101:here:x": (ValueError, "here:x: the fold must be one of 1, 2, 3, got 'x'"),
    "here": (ValueError, "here: holds no video; expected files ending in "),
    "here/a.mp4": (ValueError, "here/a.mp4: is a video: give its folder or a list"),
    "here/a.json": (ValueError, f"here/a.json: is no list; expected {FORMS}"),
    "unlabelled:nowhere": (FileNotFoundError, "nowhere: does not exist; give a list"),
}


@pytest.mark.parametrize(("word", "error", "message"), [(word, *told) for word, told in MISTAKES.items()])
def test_a_mistake_is_told_in_a_line(tmp_path, monkeypatch, word, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    if "a." in word:
        (tmp_path / word).touch()
    with pytest.raises(error) as told:
        open_source(word)
    assert str(told.value).startswith(message)


def test_a_pipe_is_no_list(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no list"):
        open_source(str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("name", "tree"), [("ucf101", ucf101_tree), ("hmdb51", hmdb51_tree), ("ssv2", ssv2_tree)]
)
def test_a_published_layout_is_not_taken_for_class_folders(tmp_path, name, tree):
    folder = tree(tmp_path)
    with pytest.raises(ValueError, match=f"is laid out as {name}; give {name}:{folder}, or unlabelled:"):
        open_source(str(folder))
