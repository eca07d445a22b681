"""A hundred mutilated files: none crashes, hangs, lacks a verdict, or is read wrong where FFmpeg says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from videos import write_numbered

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "mutilated_files.py"


def test_a_hundred_mutilated_files(tmp_path: Path) -> None:
    words = ["--files", "100", "--keep", str(tmp_path)]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no crash, no hang, a row with a reason for every file, no wrong clip" in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results) == 100
    # The proof would be empty if no clip was read, or none was found wrong.
    assert sum(each["result"]["right"] for each in results) > 300
    assert any(each["result"]["wrong"] for each in results)
    assert any(each["result"]["errors"] for each in results)


def test_the_oracle_finds_what_ffmpeg_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    from plain_decoding import decode_plainly  # pyright: ignore[reportMissingImports]

    path = write_numbered(
        tmp_path / "a.mp4", 40, options={"g": "10", "bf": "0", "sc_threshold": "0"}, noise=60
    )
    assert not any(decode_plainly(str(path)).flagged)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 8
    middle = start + (len(data) - start) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    packets = decode_plainly(str(path))
    assert any(packets.flagged)
    assert not packets.reports(0.2, packets.flagged)
    first = packets.flagged.index(True)
    # From the damage to the next key frame, and no further.
    end = first // 10 * 10 + 10
    reported = [packets.reports(time, packets.flagged) for time in packets.times[first : end + 1]]
    assert reported == [True] * (end - first) + [False]
