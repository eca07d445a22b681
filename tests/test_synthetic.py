from pathlib import Path

import pytest

from vidmask.data.moving_shapes.scenes import APPEARANCES, MOTIONS, sample_labels
from vidmask.data.sources import VideoSource
from vidmask.data.synthetic import MovingShapes, synthesize

FEW = {"num_train": 9, "num_val": 2, "num_test": 1}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDMASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "shapes"
    synthesize(path, "easy", 5, **FEW, num_workers=0)
    return path


def test_it_is_a_video_source():
    assert isinstance(MovingShapes(), VideoSource)


def test_nothing_is_made_before_it_is_prepared(cache):
    source = MovingShapes(**FEW, num_workers=0)
    assert not cache.exists()
    with pytest.raises(FileNotFoundError, match=r"labels.csv does not exist: call prepare\(\) first"):
        source.split("train")


def test_it_is_made_on_first_use_in_the_cache_and_kept(cache):
    source = MovingShapes(**FEW, num_workers=0)
    source.prepare()
    (made,) = cache.iterdir()
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    MovingShapes(**FEW, num_workers=0).prepare()
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before
    assert len(source.split("train")) == 9


def test_whatever_changes_a_video_changes_the_place_in_the_cache(cache):
    different = [{}, {"seed": 1}, {"preset": "hard"}, {"num_train": 3}, {"num_val": 3}, {"num_test": 3}]
    assert len({MovingShapes(**change).folder for change in different}) == len(different)
    assert MovingShapes(label="motion", num_workers=7).folder == MovingShapes().folder


def test_without_a_variable_the_cache_is_in_the_home_folder(monkeypatch):
    monkeypatch.delenv("VIDMASK_CACHE", raising=False)
    assert MovingShapes().folder.parent == Path.home() / ".cache" / "vidmask"


def test_each_item_is_a_file_with_both_labels(folder):
    source = MovingShapes(root=str(folder), seed=5)
    assert source.classes == {"appearance": APPEARANCES, "motion": MOTIONS}
    for split, count in (("train", 9), ("val", 2), ("test", 1)):
        videos = source.split(split)
        assert len(videos) == count
        for index in range(count):
            path, info = videos[index]
            assert Path(path) == folder / split / f"{index:05d}.mp4"
            assert Path(path).is_file()
            assert info == {"label": sample_labels(5, split, index)}


@pytest.mark.parametrize(("label", "classes"), [("appearance", APPEARANCES), ("motion", MOTIONS)])
def test_one_label_can_be_chosen(folder, label, classes):
    source = MovingShapes(root=str(folder), seed=5, label=label)
    assert source.classes == {label: classes}
    assert source.split("train")[3][1] == {"label": {label: sample_labels(5, "train", 3)[label]}}


def test_a_folder_that_was_synthesized_is_taken_with_its_sizes(folder):
    source = MovingShapes(root=str(folder), seed=5)
    source.prepare()
    assert len(source.split("train")) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 0}, "seed 5 where 0 was asked"),
        ({"preset": "hard", "seed": 5}, "preset easy where hard was asked"),
        ({"num_train": 4, "seed": 5}, "num_train 9 where 4 was asked"),
    ],
)
def test_a_folder_of_another_make_is_refused(folder, change, message):
    with pytest.raises(ValueError, match=message):
        MovingShapes(root=str(folder), **change).prepare()


def test_a_new_root_is_filled(tmp_path):
    source = MovingShapes(root=str(tmp_path / "new"), **FEW, num_workers=0)
    source.prepare()
    assert len(source.split("val")) == 2


@pytest.mark.parametrize(
    ("change", "message"), [({"seed": -1}, "seed must be 0 or more"), ({"num_val": 0}, "num_val")]
)
def test_a_wrong_number_is_refused_at_once(change, message):
    with pytest.raises(ValueError, match=message):
        MovingShapes(**change)
