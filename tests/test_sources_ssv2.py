"""Something-Something V2 as videos and as frames."""

import json
import pickle
from pathlib import Path

import pytest
from layouts import SSV2_CLASSES, ssv2_frames_tree, ssv2_tree, text
from pytorchvideo.data.ssv2 import _read_video_paths_and_labels

from vidmask.data.sources import SomethingSomethingV2, SomethingSomethingV2Frames, VideoSource

# Odd ids close something, even ones push it.
TRAIN = [("1", {"class": 0}), ("2", {"class": 1}), ("3", {"class": 0}), ("4", {"class": 1})]
VAL = [("11", {"class": 0}), ("12", {"class": 1})]


def items(source: VideoSource, split: str) -> list[tuple[str, dict[str, int]]]:
    videos = source.split(split)
    assert videos is not None
    return [(Path(path).stem, info["label"]) for path, info in videos if Path(path).exists()]


@pytest.mark.parametrize("layout", ["as unpacked", "older names", "videos", "older names in labels"])
def test_videos_and_labels_in_every_layout(tmp_path, layout, caplog):
    ssv2_tree(tmp_path)
    if layout.startswith("older names"):
        folder = tmp_path / "labels" if layout.endswith("labels") else tmp_path
        for file in list((tmp_path / "labels").iterdir()):
            file.rename(folder / f"something-something-v2-{file.name}")
    elif layout == "videos":
        (tmp_path / "20bn-something-something-v2").rename(tmp_path / "videos")
    source = SomethingSomethingV2(tmp_path)
    assert source.classes == {"class": SSV2_CLASSES}
    assert items(source, "train") == TRAIN
    assert items(source, "val") == VAL
    assert items(source, "test") == [("21", {}), ("22", {})]
    assert source.split("train")[0][0].endswith("/1.webm")
    assert len(caplog.messages) == 1
    assert "2 of the 174 classes" in caplog.text
    assert items(pickle.loads(pickle.dumps(source)), "train") == TRAIN


def test_answers_label_the_test_split(tmp_path):
    ssv2_tree(tmp_path)
    text(tmp_path / "labels/test-answers.csv", f"22;{SSV2_CLASSES[0]}", f"21;{SSV2_CLASSES[1]}")
    assert items(SomethingSomethingV2(tmp_path), "test") == [("21", {"class": 1}), ("22", {"class": 0})]
    text(tmp_path / "labels/test-answers.csv", f"22;{SSV2_CLASSES[0]}")
    with pytest.raises(ValueError, match=r"test-answers\.csv: the video 21 has no label"):
        SomethingSomethingV2(tmp_path)


def test_the_test_split_is_optional(tmp_path):
    ssv2_tree(tmp_path)
    (tmp_path / "labels/test.json").unlink()
    assert SomethingSomethingV2(tmp_path).split("test") is None


def test_transcoded_videos_are_found_and_lost_ones_told(tmp_path, caplog):
    videos = ssv2_tree(tmp_path) / "20bn-something-something-v2"
    (videos / "1.webm").rename(videos / "1.mp4")
    (videos / "3.webm").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"train\.json: 1 of 4 videos \(3\) are not there in .*; on_miss"
    ):
        SomethingSomethingV2(tmp_path)
    source = SomethingSomethingV2(tmp_path, on_missing="skip")
    assert items(source, "train") == [TRAIN[0], TRAIN[1], TRAIN[3]]
    assert "1 of 4 videos (3)" in caplog.text
    (videos / "1.webm").touch()
    with pytest.raises(ValueError, match=r"holds 1\.mp4 and 1\.webm"):
        SomethingSomethingV2(tmp_path)


@pytest.mark.parametrize("source", [SomethingSomethingV2, SomethingSomethingV2Frames])
def test_what_is_missing_is_said_with_the_layout(tmp_path, source):
    with pytest.raises(FileNotFoundError) as error:
        source(tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) <= 5
    assert "no folder " in lines[0]
    assert "no labels/labels.json, no labels/train.json, no labels/validation.json; expected" in lines[0]
    with pytest.raises(FileNotFoundError, match="it does not exist; expected"):
        source(tmp_path / "nowhere")


def test_frames_are_folders(tmp_path):
    source = SomethingSomethingV2Frames(ssv2_frames_tree(tmp_path))
    assert source.classes == {"class": SSV2_CLASSES}
    assert source.split("train")[0] == (str(tmp_path / "frames/1"), {"label": {"class": 0}})
    assert items(source, "train") == TRAIN
    assert items(source, "val") == VAL
    assert source.split("test") is None
    for split in ("train", "val"):
        (tmp_path / f"{split}.csv").unlink()
    assert items(SomethingSomethingV2Frames(tmp_path), "train") == TRAIN


def test_frames_are_those_that_pytorchvideo_reads(tmp_path):
    ssv2_frames_tree(tmp_path)
    paths, labels = _read_video_paths_and_labels(
        *(str(tmp_path / name) for name in ("labels/labels.json", "labels/train.json", "train.csv")),
        prefix=str(tmp_path / "frames"),
    )
    ours = list(SomethingSomethingV2Frames(tmp_path).split("train"))
    assert [
        (str(Path(frames[0]).parent), {"label": {"class": label}})
        for frames, label in zip(paths, labels, strict=True)
    ] == ours
    assert all(
        len(frames) == len(list(Path(path).iterdir())) for frames, (path, _) in zip(paths, ours, strict=True)
    )


def test_lost_frames_are_told(tmp_path, caplog):
    ssv2_frames_tree(tmp_path)
    (tmp_path / "frames/2").rename(tmp_path / "2")
    lines = (tmp_path / "train.csv").read_text().splitlines()
    text(tmp_path / "train.csv", *(line for line in lines if not line.startswith("3 ")))
    with pytest.raises(
        FileNotFoundError,
        match=r"train\.json: 2 of 4 videos \(2, 3\) are not there in .* or not in train\.csv",
    ):
        SomethingSomethingV2Frames(tmp_path)
    assert items(SomethingSomethingV2Frames(tmp_path, on_missing="skip"), "train") == [TRAIN[0], TRAIN[3]]
    assert "2 of 4 videos" in caplog.text


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labels/labels.json", {"a": "0", "b": "2"}, "the indices of 2 classes must be 0 to 1"),
        ("labels/labels.json", {"a": "x"}, "expected class names with their indices"),
        ("labels/labels.json", [], "expected a dict that is not empty"),
        ("labels/train.json", [{"template": "x"}], "expected an id in each entry"),
        ("labels/train.json", [{"id": "1"}], "the video 1 has no template"),
        (
            "labels/train.json",
            [{"id": "1", "template": "Eating [something]"}],
            "'Eating something', of the video 1",
        ),
    ],
)
def test_a_malformed_list_is_named(tmp_path, file, content, message):
    ssv2_tree(tmp_path)
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"{file}: {message}"):
        SomethingSomethingV2(tmp_path)
    (tmp_path / file).write_text("{")
    with pytest.raises(ValueError, match=f"{file}: is no JSON"):
        SomethingSomethingV2(tmp_path)


def test_a_malformed_list_of_frames_is_named(tmp_path):
    ssv2_frames_tree(tmp_path)
    header = "original_vido_id video_id frame_id path labels"
    for lines, message in (
        (("path label",), "expected the first line 'original_vido_id"),
        ((header, "1 0 0 1/1.jpg"), "line 2: expected 5 fields, got 4"),
        ((header, '1 0 0 1/1.jpg ""', '1 0 1 2/2.jpg ""'), "line 3: the frames of 1 lie in 1 and in 2"),
    ):
        text(tmp_path / "train.csv", *lines)
        with pytest.raises(ValueError, match=message):
            SomethingSomethingV2Frames(tmp_path)
