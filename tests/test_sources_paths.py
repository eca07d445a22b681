"""Many paths in little memory."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths

from vidmask.data.sources.paths import ListedSource, VideoPaths


def test_paths_and_labels_come_back_in_their_places():
    videos = VideoPaths("/videos", ["a.mp4", "ü/b c.mp4", "/other/d.mp4"], {"x": [2, 0, 1], "y": [5, 6, 7]})
    expected = [
        ("/videos/a.mp4", {"label": {"x": 2, "y": 5}}),
        ("/videos/ü/b c.mp4", {"label": {"x": 0, "y": 6}}),
        ("/other/d.mp4", {"label": {"x": 1, "y": 7}}),
    ]
    assert list(videos) == expected
    assert [videos[index] for index in (-3, -2, -1)] == expected
    assert len(videos) == 3
    assert isinstance(videos, LabeledVideoPaths)
    assert list(pickle.loads(pickle.dumps(videos))) == expected
    for index in (3, -4):
        with pytest.raises(IndexError):
            videos[index]


def test_a_name_that_is_no_text_is_kept():
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    assert VideoPaths("", [name], {})[0] == (name, {"label": {}})


def test_no_video_is_no_fault_here():
    assert list(VideoPaths("", [], {})) == []


def test_each_video_has_an_index_of_each_label():
    with pytest.raises(ValueError, match="'x' has 1 indices for 2 paths"):
        VideoPaths("", ["a", "b"], {"x": [0]})


def test_a_million_videos_take_little_memory():
    number = 50_000
    paths = [f"class/video_{place:07d}.mp4" for place in range(number)]
    videos = VideoPaths("/data", paths, {"class": np.arange(number).tolist()})
    assert len(pickle.dumps(videos)) / number < 40
    assert videos[number - 1] == (f"/data/class/video_{number - 1:07d}.mp4", {"label": {"class": number - 1}})


def test_a_listed_source_offers_the_splits_that_it_has(tmp_path: Path):
    train = VideoPaths("", ["a"], {"class": [0]})
    source = ListedSource({"class": ["run"]}, {"train": train})
    source.prepare()
    assert source.classes == {"class": ("run",)}
    assert source.split("train") is train
    assert source.split("val") is None
