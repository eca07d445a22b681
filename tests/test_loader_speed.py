"""The script that compares loaders end to end."""

import subprocess
import sys
from pathlib import Path

from videos import write_numbered

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "loader_speed.py"


def test_it_prints_a_line_for_each_file_that_is_long_enough(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "prepared").mkdir()
    write_numbered(tmp_path / "videos/long.mp4", 60)
    write_numbered(tmp_path / "videos/short.mp4", 20)
    (tmp_path / "videos/notes.txt").write_text("no video")
    write_numbered(tmp_path / "prepared/long.mp4", 60)
    words = [str(tmp_path / "videos"), "--prepared", str(tmp_path / "prepared")]
    done = subprocess.run(
        [sys.executable, SCRIPT, *words, "--clips", "2", "--rounds", "1", "--workers", "0"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["file", "---", "long.mp4", "all"]
    assert lines[2][1] == "2 of 2"
    assert all(float(cell) > 0 for cell in lines[2][2:])
    assert len(lines[2]) == len(lines[0]) == 7
