"""Kinetics in its layouts."""

import pickle
from pathlib import Path

import pytest
from layouts import kinetics_tree, text, video

from vidmask.data.sources import Kinetics

CLASSES = ("air drumming", "petting animal (not cat)")


def items(source: Kinetics, split: str) -> list[tuple[str, dict[str, int]]]:
    videos = source.split(split)
    assert videos is not None
    return [(Path(path).name, info["label"]) for path, info in videos if Path(path).is_file()]


EXPECTED = {
    "train": [
        ("train_0-0___000000_000010.mp4", {"class": 0}),
        ("train_0-1___000010_000020.mp4", {"class": 0}),
        ("train_1-0___000000_000010.mp4", {"class": 1}),
        ("train_1-1___000010_000020.mp4", {"class": 1}),
    ],
    "val": [("val_0-0_____000000_000010.mp4", {"class": 0}), ("val_1-0_____000000_000010.mp4", {"class": 1})],
    "test": [
        ("test_0-0____000000_000010.mp4", {"class": 0}),
        ("test_1-0____000000_000010.mp4", {"class": 1}),
    ],
}


@pytest.mark.parametrize("version", [400, 600, 700])
@pytest.mark.parametrize("annotated", [False, True])
def test_both_layouts_give_the_same(tmp_path, version, annotated, caplog):
    source = Kinetics(kinetics_tree(tmp_path, version, annotated=annotated), version)
    assert source.classes == {"class": CLASSES}
    assert {split: items(source, split) for split in EXPECTED} == EXPECTED
    messages = [message.partition(": ")[2] for message in caplog.messages]
    few = (
        f"2 of the {version} classes of Kinetics-{version} are here; their numbers are not those of the whole"
    )
    gone = f"1 of 5 videos (gone________000005_000015) are not there in {tmp_path}/train, and are left out"
    assert messages == ([gone] if annotated else []) + [few]
    assert items(pickle.loads(pickle.dumps(source)), "val") == EXPECTED["val"]


def test_videos_of_the_annotation_can_be_insisted_on(tmp_path):
    kinetics_tree(tmp_path, annotated=True)
    with pytest.raises(FileNotFoundError, match=r"train\.csv: 1 of 5 videos \(gone_"):
        Kinetics(tmp_path, on_missing="raise")


def test_annotated_videos_may_lie_in_class_folders_and_others_are_told(tmp_path, caplog):
    kinetics_tree(tmp_path, annotated=True)
    for name, folder in (("train_0-0___000000_000010", "air_drumming"), ("train_1-1___000010_000020", "x/y")):
        (tmp_path / "train" / folder).mkdir(parents=True)
        (tmp_path / f"train/{name}.mp4").rename(tmp_path / f"train/{folder}/{name}.mp4")
    source = Kinetics(tmp_path)
    assert items(source, "train") == EXPECTED["train"][:3]
    assert "left out, as not in train.csv: 1 video (x/y/train_1-1___000010_000020.mp4)" in caplog.text
    assert "2 of 5 videos (train_1-1___000010_000020, gone_" in caplog.text


def test_a_class_with_underscores_or_without_brackets_is_the_same(tmp_path):
    video(tmp_path / "videos_train/air_drumming/a.mp4")
    video(tmp_path / "videos_train/petting_animal_not_cat/b.mp4")
    video(tmp_path / "videos_val/petting animal not cat/c.mp4")
    source = Kinetics(tmp_path)
    assert source.classes == {"class": ("air drumming", "petting animal not cat")}
    assert items(source, "val") == [("c.mp4", {"class": 1})]


def test_classes_of_the_annotation_count_without_their_videos(tmp_path):
    kinetics_tree(tmp_path, annotated=True)
    rows = "label,youtube_id,time_start,time_end,split", "abseiling,gone_______,5,15,val"
    text(tmp_path / "annotations/val.csv", *rows, "air drumming,val_0-0____,0,10,val")
    source = Kinetics(tmp_path)
    assert source.classes == {"class": ("abseiling", *CLASSES)}
    assert items(source, "val") == [("val_0-0_____000000_000010.mp4", {"class": 1})]


def test_replacements_take_the_place_of_corrupted_videos(tmp_path):
    kinetics_tree(tmp_path, annotated=True)
    better = video(tmp_path / "replacement/replacement_for_corrupted_k400/val_0-0_____000000_000010.mp4")
    assert Kinetics(tmp_path).split("val")[0] == (str(better), {"label": {"class": 0}})
    (tmp_path / "annotations").rename(tmp_path / "other")
    for split in ("train", "test"):
        (tmp_path / split).rename(tmp_path / "other" / split)
    (tmp_path / "val/air drumming").mkdir()
    for path in (tmp_path / "val").glob("*.mp4"):
        path.rename(tmp_path / "val/air drumming" / path.name)
    assert Kinetics(tmp_path).split("val")[0][0] == str(better)


def test_test_videos_without_annotations_are_unlabelled(tmp_path):
    kinetics_tree(tmp_path)
    for path in list((tmp_path / "test").glob("*/*.mp4")):
        path.rename(tmp_path / "test" / path.name)
    assert items(Kinetics(tmp_path), "test") == [(name, {}) for name, _ in EXPECTED["test"]]


def test_of_kinetics_600_the_complete_annotation_is_taken(tmp_path):
    kinetics_tree(tmp_path, annotated=True)
    val = (tmp_path / "annotations/val.csv").read_text()
    text(tmp_path / "annotations/val.txt", *val.splitlines())
    text(tmp_path / "annotations/val.csv", *val.splitlines()[:2])
    assert items(Kinetics(tmp_path, 600), "val") == EXPECTED["val"]


def test_more_classes_than_there_are_is_another_data_set(tmp_path):
    kinetics_tree(tmp_path, annotated=True)
    rows = [f"class {number},gone_______,5,15,val" for number in range(399)]
    text(tmp_path / "annotations/val.csv", "label,youtube_id,time_start,time_end,split", *rows)
    with pytest.raises(FileNotFoundError, match="399 of 399 videos"):
        Kinetics(tmp_path)
    text(tmp_path / "annotations/val.csv", "label,youtube_id,time_start,time_end,split", *rows)
    with (tmp_path / "annotations/val.csv").open("a") as file:
        file.write("air drumming,val_0-0____,0,10,val\n")
    with pytest.raises(ValueError, match="Kinetics-400 has 400 classes, and here are 401"):
        Kinetics(tmp_path, 400)
    Kinetics(tmp_path, 600)


def test_what_is_missing_is_said_with_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        Kinetics(tmp_path, 600)
    lines = str(error.value).splitlines()
    assert lines[0] == f"{tmp_path}: not the layout of Kinetics-600: no folder train, val or test; expected"
    assert "<root>/{train,val,test}/<class>/<youtube id>_<start>_<end>.mp4" in lines[1]
    assert len(lines) == 5
    video(tmp_path / "train/a.mp4")
    (tmp_path / "val").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"no class folder for a\.mp4 .* nor train\.csv, no video in .*val"
    ):
        Kinetics(tmp_path)
    with pytest.raises(ValueError, match="version must be one of 400, 600, 700, got 500"):
        Kinetics.__init__.__wrapped__(None, tmp_path, 500) if hasattr(
            Kinetics.__init__, "__wrapped__"
        ) else Kinetics(tmp_path, 500)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("a.mp4 0",), "expected the columns label, youtube_id, time_start, time_end in the first line"),
        (("label,youtube_id,time_start,time_end", "x,abc,now,15"), "line 2: expected an id and two times"),
        (
            ("label,youtube_id,time_start,time_end", "x,abc,1,15", ",abc,1,15"),
            "1 of 2 lines have no label; expected all or none",
        ),
    ],
)
def test_a_malformed_annotation_is_named(tmp_path, rows, message):
    kinetics_tree(tmp_path, annotated=True)
    text(tmp_path / "annotations/train.csv", *rows)
    with pytest.raises(ValueError, match=f"train.csv.*{message}"):
        Kinetics(tmp_path)
