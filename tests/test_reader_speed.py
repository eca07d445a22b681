"""The script that compares our reader with PyTorchVideo's runs, and finds their frames alike."""

import subprocess
import sys
from pathlib import Path

from videos import write_numbered

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "reader_speed.py"


def test_both_readers_give_the_same_frames(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "a.mp4", 60)
    options = ["--starts", "3", "--frames", "4", "--stride", "2"]
    shown = subprocess.run(
        [sys.executable, SCRIPT, video, *options], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert shown[0].split() == ["video", "PyTorchVideo", "ours", "ratio", "least", "frames"]
    assert shown[1].startswith("a.mp4")
    assert shown[1].endswith("3 of 3 clips bit-equal")
