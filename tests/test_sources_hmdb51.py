"""HMDB51 in its three splits."""

import pickle
from pathlib import Path

import pytest
from layouts import hmdb51_tree, text

from vidmask.data.sources import HMDB51


def items(source: HMDB51, split: str) -> list[tuple[str, int]]:
    videos = source.split(split)
    assert videos is not None
    return [
        (f"{Path(path).parent.name}/{Path(path).name.partition('_')[0]}", info["label"]["class"])
        for path, info in videos
        if Path(path).is_file()
    ]


def test_each_fold_has_its_lists(tmp_path, caplog):
    hmdb51_tree(tmp_path)
    for fold in (1, 2, 3):
        source = HMDB51(tmp_path, fold)
        assert source.classes == {"class": ("brush_hair", "wave")}
        test = [(f"brush_hair/clip#{fold}", 0), (f"wave/clip#{fold}", 1)]
        train = [
            (f"{name}/clip#{number}", place)
            for place, name in enumerate(("brush_hair", "wave"))
            for number in (1, 2, 3)
            if number != fold
        ]
        assert items(source, "train") == train
        assert items(source, "val") == items(source, "test") == test
        assert f"HMDB51 has no validation split: val is the test videos of fold {fold}" in caplog.text
        assert items(pickle.loads(pickle.dumps(source)), "train") == train


@pytest.mark.parametrize("splits", ["testTrainMulti_7030_splits", "test_train_splits", "annotations"])
def test_class_folders_may_lie_in_the_root_beside_the_splits(tmp_path, splits):
    hmdb51_tree(tmp_path)
    for folder in list((tmp_path / "videos").iterdir()):
        folder.rename(tmp_path / folder.name)
    (tmp_path / "videos").rmdir()
    (tmp_path / "splits").rename(tmp_path / splits)
    assert len(items(HMDB51(tmp_path), "train")) == 4


def test_transcoded_videos_are_found_and_lost_ones_told(tmp_path, caplog):
    videos = hmdb51_tree(tmp_path) / "videos/wave"
    for number in (1, 2):
        video = videos / f"clip#{number}_wave_u_nm_np1_fr_med_0.avi"
        video.rename(video.with_suffix(".mp4")) if number == 1 else video.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"splits \(train\): 1 of 4 videos \(wave/clip#2_wave.*in .*videos"
    ):
        HMDB51(tmp_path)
    source = HMDB51(tmp_path, on_missing="skip")
    assert items(source, "train") == [("brush_hair/clip#2", 0), ("brush_hair/clip#3", 0), ("wave/clip#3", 1)]
    assert items(source, "test") == [("brush_hair/clip#1", 0), ("wave/clip#1", 1)]
    assert "1 of 4 videos" in caplog.text


def test_what_is_missing_is_said_with_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        HMDB51(tmp_path)
    first, *tree = str(error.value).splitlines()
    assert first == (
        f"{tmp_path}: not the layout of HMDB51: no folder splits, no folder videos, or of any class that has "
        "a list; expected"
    )
    assert len(tree) == 2
    hmdb51_tree(tmp_path / "a")
    for file in (tmp_path / "a/splits").glob("*split2.txt"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"no list splits/\*_test_split2\.txt; expected"):
        HMDB51(tmp_path / "a", 2)
    (tmp_path / "a/videos").rename(tmp_path / "a/films")
    with pytest.raises(
        FileNotFoundError, match="no folder videos, or of any class that has a list; expected"
    ):
        HMDB51(tmp_path / "a")


def test_a_malformed_list_is_named(tmp_path):
    hmdb51_tree(tmp_path)
    text(tmp_path / "splits/wave_test_split1.txt", "a.avi 1", "b.avi 3")
    with pytest.raises(
        ValueError, match=r"wave_test_split1\.txt, line 2: expected '<video>\.avi 0\|1\|2', got 'b"
    ):
        HMDB51(tmp_path)
    for action in ("wave", "brush_hair"):
        text(tmp_path / f"splits/{action}_test_split1.txt", "a.avi 0")
    with pytest.raises(ValueError, match="splits: no list names a train video"):
        HMDB51(tmp_path)
