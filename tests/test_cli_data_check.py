"""``vidmask data check`` on the command line."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from videos import write_numbered

from vidmask.cli import main
from vidmask.data.curation.checking import journal_path
from vidmask.data.manifest import read_manifest


def run(*words: object) -> int:
    return main(["data", "check", *map(str, words), "--workers", "0"])


def test_a_messy_folder_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data" / "run").mkdir(parents=True)
    write_numbered(tmp_path / "data" / "run" / "a.mp4", 12)
    (tmp_path / "data" / "run" / "b.mp4").write_text("no video\n")
    (tmp_path / "data" / "run" / "c.txt").touch()
    assert run(tmp_path / "data", "--out", tmp_path / "m.csv") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"{tmp_path / 'm.csv'}: 2 videos checked in ")
    assert told[1] == "1 ok  1 broken  0 suspect"
    assert f"       1  holds text and no video, such as {tmp_path}/data/run/b.mp4" in told
    assert told[-1] == "left aside, as they are not named like videos: 1 .txt"
    assert run(tmp_path / "data", "--out", tmp_path / "m.csv", "--strict", "--full") == 1
    assert [each.frames_read for each in read_manifest(tmp_path / "m.csv")] == [12, None]


def test_an_untidy_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data" / "run").mkdir(parents=True)
    write_numbered(tmp_path / "data" / "run" / "a.mp4", 12)
    write_numbered(tmp_path / "data" / "b.mp4", 12)
    assert run(tmp_path / "data", "--out", tmp_path / "m.csv", "--strict") == 0
    assert "the folder itself cannot be trained on as it is: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere/", "--out", "m.csv"], "nowhere/: does not exist"),
        ([".", "--out", "m.json"], "m.json: a manifest ends in .csv or .parquet"),
        (
            [".", "--out", "m.csv", "--timeout", "0"],
            "argument --timeout: a number of seconds above 0 is accepted, got '0'",
        ),
        ([".", "--out", "m.csv", "--wrokers", "2"], "unrecognized arguments"),
    ],
)
def test_a_mistake_ends_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", *words]) == 2
    assert message in capsys.readouterr().err.splitlines()[0]
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_what_was_found_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    video = write_numbered(tmp_path / "data" / "0.mp4", 12)
    # Far more than are checked before the signal arrives, however busy the machine is.
    for place in range(1, 3000):
        (tmp_path / "data" / f"{place}.mp4").write_bytes(video.read_bytes())
    words = ["data", "check", str(tmp_path / "data"), "--out", str(tmp_path / "m.csv"), "--workers", "1"]
    running = subprocess.Popen([sys.executable, "-m", "vidmask", *words], stderr=subprocess.PIPE, text=True)
    journal, deadline = journal_path(tmp_path / "m.csv"), time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") > 5):
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert told.splitlines()[-1] == (
        f"interrupted; what was found out is kept in {journal}: the same command goes on"
    )
    assert journal.exists()
