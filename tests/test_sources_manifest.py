"""Training from a manifest is training from the source that was checked, without what is broken."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from layouts import hmdb51_tree, kinetics_tree, ssv2_frames_tree, ssv2_tree, text, ucf101_tree

from vidmask.data.curation.candidates import find_candidates
from vidmask.data.identity import identity
from vidmask.data.manifest import Record, manifest_sha256, read_manifest, write_manifest
from vidmask.data.sources import SPLITS, Split, VideoFolder, VideoSource, fingerprint, open_source
from vidmask.data.sources.manifest import Manifest


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def listed(source: VideoSource, split: Split) -> list[tuple[str, dict[str, int]]] | None:
    videos: Any = source.split(split)
    return videos and [(path, info["label"]) for path, info in map(videos.__getitem__, range(len(videos)))]


def all_ok(word: str, out: Path) -> Path:
    """Write a manifest of a source as a check of which all is good."""
    found = find_candidates(word)
    write_manifest(out, [found.record(each, {"verdict": "ok", "reason": "read"}) for each in found])
    return out


def folder_tree(root: Path) -> Path:
    return touch(root, "train/run/a.mp4", "train/jump/b.mp4", "val/walk/c.mp4", "test/run/d.mp4")


def table(root: Path) -> Path:
    touch(root, *(f"{place}.mp4" for place in range(12)))
    lines = [f"{place}.mp4 {place}" for place in range(12)]
    return text(root / "list.txt", *reversed(lines))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (folder_tree, "{}"),
        (lambda root: touch(root, "b.mp4", "a.mp4"), "{}"),
        (table, "{}/list.txt"),
        (kinetics_tree, "kinetics400:{}"),
        (lambda root: kinetics_tree(root, annotated=True), "kinetics400:{}"),
        (ssv2_tree, "ssv2:{}"),
        (ssv2_frames_tree, "ssv2_frames:{}"),
        (ucf101_tree, "ucf101:{}:2"),
        (hmdb51_tree, "hmdb51:{}"),
    ],
    ids=["folder", "flat", "list", "kinetics", "annotated", "ssv2", "frames", "ucf101", "hmdb51"],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_nothing_broken_leaves_the_source_as_it_is(tmp_path: Path, make, word: str, suffix: str) -> None:
    make(tmp_path / "data")
    word = word.format(tmp_path / "data")
    source, manifest = open_source(word), open_source(str(all_ok(word, tmp_path / f"m{suffix}")))
    assert isinstance(manifest, Manifest)
    assert manifest.classes == source.classes
    for split in SPLITS:
        assert listed(manifest, split) == listed(source, split)
    assert fingerprint(manifest) == fingerprint(source)


def test_a_class_without_videos_keeps_its_number(tmp_path: Path) -> None:
    """Those that are annotated and gone shift the numbers of the others in Kinetics."""
    kinetics_tree(tmp_path / "data", annotated=True)
    file = tmp_path / "data" / "annotations" / "train.csv"
    file.write_text(file.read_text().replace("air drumming,gone", "abseiling,gone"))
    source = open_source(f"kinetics400:{tmp_path / 'data'}")
    manifest = Manifest(all_ok(f"kinetics400:{tmp_path / 'data'}", tmp_path / "m.csv"))
    assert source.classes["class"] == ("abseiling", "air drumming", "petting animal (not cat)")
    assert manifest.classes["class"] == ("class 0", *source.classes["class"][1:])
    assert listed(manifest, "train") == listed(source, "train")


def with_verdicts(tmp_path: Path, **verdicts: str) -> Path:
    touch(tmp_path, *(f"{name[0]}/{name}.mp4" for name in ("a1", "a2", "b1", "c1")))
    records = []
    found = find_candidates(str(tmp_path))
    for each in found:
        verdict = verdicts.get(Path(each.path).stem, "ok")
        records.append(found.record(each, {"verdict": verdict, "reason": "so"}))
    write_manifest(tmp_path / "m.csv", records)
    return tmp_path / "m.csv"


def test_broken_ones_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = with_verdicts(tmp_path, a1="broken", b1="broken", c1="suspect")
    with caplog.at_level(logging.WARNING):
        source = Manifest(path)
    assert caplog.messages == [f"{path}: videos left out: 2 broken; its column reason says why"]
    assert source.classes == {"class": ("a", "b", "c")}
    assert listed(source, "train") == [
        (str(tmp_path / "a/a2.mp4"), {"class": 0}),
        (str(tmp_path / "c/c1.mp4"), {"class": 2}),
    ]
    assert source.record() == {
        "path": str(path),
        "sha256": manifest_sha256(path),
        "videos": 2,
        "left_out": {"broken": 2},
    }
    assert json.dumps(identity(source)["manifest"]) == json.dumps(source.record())


def test_suspect_ones_can_be_left_out(tmp_path: Path) -> None:
    path = with_verdicts(tmp_path, a1="broken", c1="suspect")
    source = Manifest(path, suspect="leave_out")
    assert [Path(video[0]).stem for video in listed(source, "train") or ()] == ["a2", "b1"]
    assert source.record()["left_out"] == {"broken": 1, "suspect": 1}
    with pytest.raises((ValueError, TypeError), match="suspect"):
        Manifest(path, suspect="drop")  # pyright: ignore[reportArgumentType]


def test_a_row_taken_out_moves_no_number(tmp_path: Path) -> None:
    path = with_verdicts(tmp_path)
    write_manifest(path, [record for record in read_manifest(path) if record.labels["class"] != "b"])
    assert Manifest(path).classes == {"class": ("a", "class 1", "c")}


def test_the_same_videos_are_held_out_as_of_the_folder(tmp_path: Path) -> None:
    touch(tmp_path / "data", *(f"{name}/{place}.mp4" for name in "xy" for place in range(20)))
    source = VideoFolder(tmp_path / "data", val_share=0.2)
    manifest = Manifest(all_ok(str(tmp_path / "data"), tmp_path / "m.csv"), val_share=0.2)
    assert len(listed(manifest, "val") or ()) == 8
    assert listed(manifest, "val") == listed(source, "val")
    assert listed(manifest, "train") == listed(source, "train")
    with pytest.raises(ValueError, match=r"val_share must be a share in \[0, 1\), got 2"):
        Manifest(tmp_path / "m.csv", val_share=2.0)


def test_a_share_beside_a_validation_split_is_refused(tmp_path: Path) -> None:
    all_ok(str(folder_tree(tmp_path / "data")), tmp_path / "m.csv")
    with pytest.raises(ValueError, match=r"val_share is 0.5, but .*m.csv is the validation split"):
        Manifest(tmp_path / "m.csv", val_share=0.5)


def test_videos_that_vanished_are_told(tmp_path: Path) -> None:
    path = with_verdicts(tmp_path)
    (tmp_path / "a" / "a1.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"m.csv: 1 of 4 videos \(.*a1.mp4\) are not there"):
        Manifest(path)
    source = Manifest(path, on_missing="skip")
    assert source.record()["left_out"] == {"missing": 1}
    assert len(listed(source, "train") or ()) == 3


def test_what_is_no_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.csv: does not exist; give a manifest"):
        Manifest(tmp_path / "none.csv")
    with pytest.raises(FileNotFoundError, match=r"is a folder; give a manifest"):
        Manifest(tmp_path)
    (tmp_path / "labels.csv").write_text("path,label\na.mp4,1\n")
    with pytest.raises(ValueError, match=r"labels.csv: is no manifest: it has no column split"):
        Manifest(tmp_path / "labels.csv")
    write_manifest(tmp_path / "m.csv", [Record(str(tmp_path / "a.mp4"), "train", {}, "broken", "is empty")])
    with pytest.raises(ValueError, match=r"m.csv: leaves no video of 1"):
        Manifest(tmp_path / "m.csv")


def test_labels_that_only_some_have_are_told(tmp_path: Path) -> None:
    path = with_verdicts(tmp_path)
    records = read_manifest(path)
    records[1] = replace(records[1], labels={}, numbers={})
    write_manifest(path, records)
    with pytest.raises(ValueError, match=r"of the split train, .*a2.mp4 has no label and .*a1.mp4 class; in"):
        Manifest(path)
    write_manifest(path, [records[0], replace(records[1], verdict="broken"), *records[2:]])
    assert len(listed(Manifest(path), "train") or ()) == 3


def test_a_contradiction_is_told_by_row(tmp_path: Path) -> None:
    path = with_verdicts(tmp_path)
    records = read_manifest(path)
    records[1] = replace(records[1], numbers={"class": (2, 3)})
    write_manifest(path, records)
    with pytest.raises(ValueError, match=r"m.csv: row 3: the class 'a' has another number"):
        Manifest(path)


def test_videos_are_held_out_whatever_their_paths_look_like(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.mp4").touch()
    rows = "".join(f"./{number}.mp4,train,ok,read\n" for number in range(4))
    (tmp_path / "m.csv").write_text("path,split,verdict,reason\n" + rows)
    source = Manifest(tmp_path / "m.csv", val_share=0.5)
    assert (len(source.split("train")), len(source.split("val"))) == (2, 2)


def test_files_of_another_length_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    (tmp_path / "c.mp4").write_bytes(b"longer")
    rows = [
        Record(
            path=str(tmp_path / f"{name}.mp4"),
            split="train",
            labels={},
            verdict="ok",
            reason="read",
            size_bytes=0,
        )
        for name in "abc"
    ]
    write_manifest(tmp_path / "m.csv", rows)
    Manifest(tmp_path / "m.csv")
    (message,) = caplog.messages
    assert (
        "files have changed since they were checked; of 3 looked at, another length has 1 video (" in message
    )
    caplog.clear()
    write_manifest(tmp_path / "m.csv", [replace(row, size_bytes=6) for row in rows[2:]])
    Manifest(tmp_path / "m.csv")
    assert not caplog.messages
