"""UCF101 in its three folds."""

import pickle
from pathlib import Path

import pytest
from layouts import text, ucf101_tree

from vidmask.data.sources import UCF101


def items(source: UCF101, split: str) -> list[tuple[str, dict[str, int]]]:
    videos = source.split(split)
    assert videos is not None
    return [(Path(path).name, info["label"]) for path, info in videos if Path(path).is_file()]


@pytest.mark.parametrize("fold", [1, 2, 3])
def test_each_fold_has_its_lists(tmp_path, fold, caplog):
    source = UCF101(ucf101_tree(tmp_path), fold)
    assert source.classes == {"class": ("ApplyEyeMakeup", "YoYo")}
    test = [(f"v_{name}_g0{fold}_c01.avi", {"class": i}) for i, name in enumerate(source.classes["class"])]
    train = [
        (f"v_{name}_g0{group}_c01.avi", {"class": i})
        for i, name in enumerate(source.classes["class"])
        for group in (1, 2, 3)
        if group != fold
    ]
    assert items(source, "train") == train
    assert items(source, "test") == items(source, "val") == test
    assert (
        f"UCF101 has no validation split: val is the test list of fold {fold}, as test is" in caplog.messages
    )
    assert items(pickle.loads(pickle.dumps(source)), "train") == train


def test_classes_are_numbered_by_their_list(tmp_path):
    ucf101_tree(tmp_path)
    text(tmp_path / "ucfTrainTestlist/classInd.txt", "1 YoYo", "2 ApplyEyeMakeup", "")
    with pytest.raises(
        ValueError, match=r"trainlist01\.txt, line 1: expected '<Class>/<video>\.avi', in a training"
    ):
        UCF101(tmp_path)
    lists = tmp_path / "ucfTrainTestlist"
    text(
        lists / "trainlist01.txt",
        "YoYo/v_YoYo_g02_c01.avi 1",
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g02_c01.avi 2",
    )
    source = UCF101(tmp_path)
    assert source.classes == {"class": ("YoYo", "ApplyEyeMakeup")}
    assert [label["class"] for _, label in items(source, "train")] == [0, 1]
    assert [label["class"] for _, label in items(source, "test")] == [1, 0]


def test_other_names_of_the_folders_and_transcoded_videos(tmp_path):
    ucf101_tree(tmp_path)
    (tmp_path / "UCF-101").rename(tmp_path / "videos")
    (tmp_path / "ucfTrainTestlist").rename(tmp_path / "annotations")
    video = tmp_path / "videos/YoYo/v_YoYo_g01_c01.avi"
    video.rename(video.with_suffix(".mp4"))
    assert items(UCF101(tmp_path), "test")[1] == ("v_YoYo_g01_c01.mp4", {"class": 1})


def test_lost_videos_are_told(tmp_path, caplog):
    ucf101_tree(tmp_path)
    (tmp_path / "UCF-101/YoYo/v_YoYo_g02_c01.avi").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"trainlist01\.txt: 1 of 4 videos \(YoYo/v_YoYo_g02_c01\.avi\)"
    ):
        UCF101(tmp_path)
    assert len(UCF101(tmp_path, on_missing="skip").split("train")) == 3
    assert "1 of 4 videos" in caplog.text


def test_what_is_missing_is_said_with_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        UCF101(tmp_path, 2)
    assert str(error.value).splitlines()[0] == (
        f"{tmp_path}: not the layout of UCF101: no folder UCF-101, no ucfTrainTestlist/classInd.txt, "
        "no ucfTrainTestlist/trainlist02.txt, no ucfTrainTestlist/testlist02.txt; expected"
    )
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize("line", ["2 ApplyEyeMakeup", "ApplyEyeMakeup", "1"])
def test_a_malformed_list_of_classes_is_named(tmp_path, line):
    ucf101_tree(tmp_path)
    text(tmp_path / "ucfTrainTestlist/classInd.txt", line)
    with pytest.raises(ValueError, match=r"classInd\.txt, line 1: expected '1 <Class>'"):
        UCF101(tmp_path)


def test_a_class_of_the_list_must_be_known(tmp_path):
    ucf101_tree(tmp_path)
    text(tmp_path / "ucfTrainTestlist/testlist01.txt", "Swing/v_Swing_g01_c01.avi")
    with pytest.raises(ValueError, match=r"testlist01\.txt, line 1"):
        UCF101(tmp_path)
