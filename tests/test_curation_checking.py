"""A check of many files: it writes a row for each, goes on after a kill, and loses nothing it found out."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from layouts import hmdb51_tree, ssv2_frames_tree
from videos import write_numbered

from vidmask.data.curation import checking
from vidmask.data.curation.checking import CHECK_VERSION, check, journal_path
from vidmask.data.curation.inspection import READER, inspect
from vidmask.data.curation.journal import Journal
from vidmask.data.manifest import read_manifest
from vidmask.data.sources import open_source


def folder(root: Path, number: int = 3) -> Path:
    (root / "run").mkdir(parents=True)
    write_numbered(root / "run" / "0.mp4", 12)
    for place in range(1, number):
        (root / "run" / f"{place}.mp4").write_bytes((root / "run" / "0.mp4").read_bytes())
    return root


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are inspected in this process."""
    names: list[str] = []

    def noted(task: dict[str, Any]) -> dict[str, Any]:
        names.append(Path(task["path"]).name)
        return inspect(task)

    monkeypatch.setattr("vidmask.data.curation.inspection.inspect", noted)
    return names


@pytest.mark.parametrize(("suffix", "workers"), [(".csv", 2), (".csv", 0), (".parquet", 0)])
def test_every_file_gets_a_row(tmp_path: Path, suffix: str, workers: int) -> None:
    folder(tmp_path / "data")
    (tmp_path / "data" / "run" / "empty.mp4").touch()
    checked = check(str(tmp_path / "data"), tmp_path / f"m{suffix}", num_workers=workers)
    records = read_manifest(tmp_path / f"m{suffix}")
    assert list(checked.records) == records
    assert (len(checked.records), checked.records[3]) == (4, records[3])
    assert [(Path(each.path).name, each.verdict) for each in records] == [
        *((f"{place}.mp4", "ok") for place in range(3)),
        ("empty.mp4", "broken"),
    ]
    assert all(each.reason and each.labels == {"class": "run"} for each in records)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", f"m{suffix}"]
    source = open_source(str(tmp_path / f"m{suffix}"))
    assert source.split("train") is not None


def test_an_interrupted_check_goes_on(
    tmp_path: Path, looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "data", 5)
    add = Journal.add

    def interrupted(self: Journal, key: str, answer: Any) -> None:
        if key.endswith("3.mp4"):
            raise KeyboardInterrupt
        add(self, key, answer)

    monkeypatch.setattr(Journal, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0)
    assert looked_at == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    assert journal_path(tmp_path / "m.csv").exists()
    assert not (tmp_path / "m.csv").exists()
    monkeypatch.setattr(Journal, "add", add)
    looked_at.clear()
    # One that has changed since is checked anew.
    write_numbered(tmp_path / "data" / "run" / "1.mp4", 7)
    checked = check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0)
    assert looked_at == ["1.mp4", "3.mp4", "4.mp4"]
    assert checked.resumed == 2
    assert [record.frames for record in checked.records] == [12, 7, 12, 12, 12]
    assert not journal_path(tmp_path / "m.csv").exists()


def test_a_killed_check_goes_on(tmp_path: Path) -> None:
    folder(tmp_path / "data", 60)
    command = [sys.executable, "-m", "vidmask", "data", "check", str(tmp_path / "data"), "--workers", "1"]
    running = subprocess.Popen([*command, "--out", str(tmp_path / "m.csv")], stderr=subprocess.DEVNULL)
    journal, deadline = journal_path(tmp_path / "m.csv"), time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") > 5):
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert journal.exists()
    checked = check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0)
    assert checked.resumed >= 5
    assert [record.verdict for record in read_manifest(tmp_path / "m.csv")] == ["ok"] * 60


def test_a_full_disk_is_told_and_nothing_is_lost(
    tmp_path: Path, looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "data")
    monkeypatch.setattr(
        checking, "write_manifest", lambda out, records: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(OSError, match=r"No space left; what was done is kept \(\d+ videos?\)"):
        check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0)
    monkeypatch.undo()
    assert len(looked_at) == 3
    assert check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0).resumed == 3


def test_a_file_that_hangs_is_broken_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "data")
    checked = check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=1, timeout_seconds=0.01)
    (first, *_) = checked.records
    assert (first.verdict, first.reason) == (
        "broken",
        "took more than 0.01 s to check; another --timeout gives it more",
    )
    assert first.size_bytes == (tmp_path / "data" / "run" / "0.mp4").stat().st_size


def test_failures_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "data")
    monkeypatch.setattr(checking, "write_manifest", lambda out, records: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=1, timeout_seconds=0.01)
    monkeypatch.undo()
    checked = check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0)
    assert (checked.resumed, {record.verdict for record in checked.records}) == (0, {"ok"})


def test_a_video_in_two_splits_is_looked_at_once(tmp_path: Path, looked_at: list[str]) -> None:
    hmdb51_tree(tmp_path / "data")
    check(f"hmdb51:{tmp_path / 'data'}", tmp_path / "m.csv", num_workers=0)
    assert len(looked_at) == len(set(looked_at)) == 6
    assert len(read_manifest(tmp_path / "m.csv")) == 8


def test_frames_are_resumed_too(
    tmp_path: Path, looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ssv2_frames_tree(tmp_path / "data")
    monkeypatch.setattr(checking, "write_manifest", lambda out, records: 1 / 0)
    word = f"ssv2_frames:{tmp_path / 'data'}"
    with pytest.raises(ZeroDivisionError):
        check(word, tmp_path / "m.csv", num_workers=0)
    assert len(looked_at) == 6
    monkeypatch.setattr(checking, "write_manifest", lambda out, records: None)
    checked = check(word, tmp_path / "m.csv", num_workers=0)
    assert (checked.resumed, len(looked_at)) == (6, 6)
    assert {record.verdict for record in checked.records} == {"ok"}


def test_another_kind_of_check_is_no_resumption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "data")
    monkeypatch.setattr(checking, "write_manifest", lambda out, records: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0)
    with pytest.raises(ValueError, match="was begun with full False; say the same again, or delete"):
        check(str(tmp_path / "data"), tmp_path / "m.csv", num_workers=0, full=True)


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("m.txt", {}, r"m.txt: a manifest ends in .csv or .parquet"),
        ("nowhere/m.csv", {}, r"nowhere: does not exist"),
        ("labels.csv", {}, r"labels.csv: is there already and no manifest; give another name"),
        ("m.csv", {"timeout_seconds": 0.0}, "time limit must be more than 0 s, got 0"),
        ("m.csv", {"num_workers": -1}, "number of workers must be 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, out: str, options: dict[str, Any], message: str) -> None:
    folder(tmp_path / "data")
    (tmp_path / "labels.csv").write_text("path,label\na.mp4,1\n")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        check(str(tmp_path / "data"), tmp_path / out, **options)
    assert (tmp_path / "labels.csv").read_text() == "path,label\na.mp4,1\n"


def test_another_source_s_manifest_and_journal_are_not_replaced(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "first"), folder(tmp_path / "second")
    out = tmp_path / "m.csv"
    check(str(first), out, num_workers=0)
    before = out.read_bytes()
    with pytest.raises(
        ValueError, match=r"m\.csv: is a manifest of none of these videos, but of such as .*first/run/0"
    ):
        check(str(second), out, num_workers=0)
    assert out.read_bytes() == before
    (first / "run/0.mp4").unlink()
    (tmp_path / "link").symlink_to(first)
    assert len(check(str(tmp_path / "link"), out, num_workers=0).records) == 2
    header = before.splitlines(keepends=True)[0]
    for damaged in (header + b"foo,bar\n", header + before.splitlines()[1][:20]):
        out.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"m\.csv: row 2: .*; it would be replaced"):
            check(str(first), out, num_workers=0)
    out.unlink()
    with Journal(journal_path(out), {"version": CHECK_VERSION, "full": False, "reader": READER}) as journal:
        journal.add(str(first / "run/1.mp4"), [])
    with pytest.raises(
        ValueError, match=r"is of an interrupted check of none of these videos, but of such as .*first/run/1"
    ):
        check(str(second), out, num_workers=0)
    assert journal_path(out).is_file()
