"""A manifest comes back as it was written, and a damaged one is told by file and row."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from vidmask.data.manifest import (
    Record,
    is_manifest,
    iterate_manifest,
    manifest_sha256,
    read_manifest,
    write_manifest,
)

SUFFIXES = [".csv", ".parquet"]


def good(path: Path, **others: Any) -> Record:
    values: dict[str, Any] = {
        "path": str(path),
        "split": "train",
        "labels": {"class": "jump"},
        "verdict": "ok",
        "reason": "read 7 of 300 frames",
        "size_bytes": 12345,
        "modified_ns": 1_700_000_000_123_456_789,
        "codec": "h264",
        "fps": 30000 / 1001,
        "frames": 300,
        "frames_read": 7,
        "duration_seconds": 10.01,
        "width": 340,
        "height": 256,
        "rotation": -90,
        "key_frame_interval": 12,
        "sha256": "ab" * 32,
        "reader": "pyav 18.1.0",
    }
    return Record(**values | others)


def broken(path: Path) -> Record:
    return Record(str(path), "val", {}, "broken", "is empty: 0 bytes", size_bytes=0)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    manifest = tmp_path / f"m{suffix}"
    records = [
        good(tmp_path / "a" / "x.mp4"),
        broken(tmp_path / 'a "b", c.mp4'),
        good(Path("/elsewhere/y.mp4"), labels={"class": "run", "speed": "slow, very"}),
    ]
    write_manifest(manifest, records)
    assert read_manifest(manifest) == records
    assert list(iterate_manifest(manifest)) == records
    assert is_manifest(manifest)
    assert manifest_sha256(manifest) == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert list(tmp_path.iterdir()) == [manifest]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "name", ["\udcff\udcfe.mp4", "two\nlines.mp4", "car\rriage.mp4", "né.mp4", "=1+1.mp4"]
)
def test_names_need_not_be_tidy(tmp_path: Path, suffix: str, name: str) -> None:
    manifest = tmp_path / f"m{suffix}"
    records = [good(tmp_path / name, labels={"class": name}), good(tmp_path / "b.mp4")]
    write_manifest(manifest, records)
    assert read_manifest(manifest) == records


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_numbers_of_classes_are_kept(tmp_path: Path, suffix: str) -> None:
    manifest = tmp_path / f"m{suffix}"
    labels = {"verb": "run", "class": "x"}
    records = [
        good(tmp_path / "x.mp4", labels=labels, numbers={"verb": (3, 10), "class": (0, 2)}),
        broken(tmp_path / "y.mp4"),
    ]
    write_manifest(manifest, records)
    assert read_manifest(manifest) == records
    # A run's fingerprint depends on the order of the labels.
    assert list(read_manifest(manifest)[0].labels) == ["verb", "class"]


def test_a_number_that_is_no_class_is_told(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [good(tmp_path / "x.mp4", numbers={"class": (2, 2)})])
    with pytest.raises(ValueError, match=r"row 2: index_class must be one of 2 numbers from 0, got 2"):
        read_manifest(tmp_path / "m.csv")


def test_whole_numbers_that_another_tool_wrote_as_floats_are_read(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [good(tmp_path / "x.mp4")])
    (tmp_path / "m.csv").write_text((tmp_path / "m.csv").read_text().replace(",300,", ",300.0,"))
    assert read_manifest(tmp_path / "m.csv") == [good(tmp_path / "x.mp4")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_video_is_a_manifest_too(tmp_path: Path, suffix: str) -> None:
    write_manifest(tmp_path / f"m{suffix}", [])
    assert read_manifest(tmp_path / f"m{suffix}") == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_manifest_and_videos_move_together(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "old").mkdir()
    write_manifest(tmp_path / "old" / f"m{suffix}", [good(tmp_path / "old" / "a" / "x.mp4")])
    (tmp_path / "old").rename(tmp_path / "new")
    assert read_manifest(tmp_path / "new" / f"m{suffix}")[0].path == str(tmp_path / "new" / "a" / "x.mp4")


def test_a_folder_whose_name_only_begins_alike_is_another(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_manifest(tmp_path / "data" / "m.csv", [good(tmp_path / "data2" / "x.mp4")])
    assert f"{tmp_path}/data2/x.mp4" in (tmp_path / "data" / "m.csv").read_text()


def test_the_table_is_readable_by_others(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [good(tmp_path / "x.mp4", fps=30.0)])
    header, row = (tmp_path / "m.csv").read_text().splitlines()
    assert header == (
        "path,split,label_class,verdict,reason,size_bytes,modified_ns,codec,fps,frames,frames_read,"
        "duration_seconds,width,height,rotation,key_frame_interval,sha256,reader"
    )
    assert row.startswith(
        "x.mp4,train,jump,ok,read 7 of 300 frames,12345,1700000000123456789,h264,30.0,300,7,10.01,340,256,"
    )


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [good(tmp_path / "x.mp4")])
    text = (tmp_path / "m.csv").read_text().replace("\n", "\r\n")
    (tmp_path / "m.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_manifest(tmp_path / "m.csv") == [good(tmp_path / "x.mp4")]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("broken,is", "brocken,is", "row 3: verdict must be one of ok, broken, suspect, got 'brocken'"),
        ("val", "valid", "row 3: split must be one of train, val, test, got 'valid'"),
        (",300,", ",many,", "row 2: frames must be a number, got 'many'"),
        (",10.01,", ",nan,", "row 2: duration_seconds must be a number, got 'nan'"),
        ("x.mp4,", ",", "row 2: has no path"),
        ("is empty: 0 bytes", "", "row 3: has no reason"),
        (",pyav 18.1.0", "", "row 2: has 17 cells where the header names 18"),
        ("is empty: 0 bytes", '"is empty', "row 3: cannot be read as CSV: unexpected end of data"),
        ("verdict", "judgement", "is no manifest: it has no column verdict"),
    ],
)
def test_damage_is_told_by_row(tmp_path: Path, old: str, new: str, message: str) -> None:
    manifest = tmp_path / "m.csv"
    write_manifest(manifest, [good(tmp_path / "x.mp4"), broken(tmp_path / "y.mp4")])
    manifest.write_text(manifest.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"m\.csv: ") as error:
        read_manifest(manifest)
    assert str(error.value) == f"{manifest}: {message}"
    assert is_manifest(manifest) == ("no manifest" not in message)


def test_damaged_parquet_is_told_in_one_line(tmp_path: Path) -> None:
    manifest = tmp_path / "m.parquet"
    write_manifest(manifest, [good(tmp_path / "x.mp4")] * 500)
    data = manifest.read_bytes()
    for damaged in (data[: len(data) // 2], b"text\n" * 9, b"", data[:99] + bytes(200) + data[299:]):
        manifest.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"m.parquet: cannot be read as Parquet: [^\n]*$"):
            read_manifest(manifest)


def test_other_files_are_no_manifests(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("video,class\na.mp4,jump\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "m.txt").write_text("path,split,verdict,reason\n")
    for name in ("labels.csv", "empty.csv", "binary.csv", "m.txt", "none.csv", "."):
        assert not is_manifest(tmp_path / name)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_manifest_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / f"m{suffix}"
    write_manifest(manifest, [good(tmp_path / "x.mp4")])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"m\{suffix}: cannot be written: No space left on device"):
        write_manifest(manifest, [broken(tmp_path / "y.mp4")])
    assert read_manifest(manifest) == [good(tmp_path / "x.mp4")]
    assert list(tmp_path.iterdir()) == [manifest]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"m.json: a manifest ends in .csv or .parquet"):
        write_manifest(tmp_path / "m.json", [])


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"pip install 'vidmask\[parquet\]'"):
        write_manifest(tmp_path / "m.parquet", [])


def test_a_class_that_another_tool_made_a_number_of_is_none_less(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    rows = {"path": ["a", "b"], "split": ["train"] * 2, "verdict": ["ok"] * 2, "reason": ["read"] * 2}
    table = pyarrow.table(rows | {"label_class": [0, 1]})
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
    assert [record.labels for record in read_manifest(tmp_path / "m.parquet")] == [
        {"class": "0"},
        {"class": "1"},
    ]
