"""The tasks of the workers."""

from pathlib import Path

import pytest
from constant_videos import write_constant

from vidmask.data.sources.paths import VideoPaths
from vidmask.data.statistics.tasks import Tasks, measure

VIDEOS = {
    "train": VideoPaths("/videos", ["a.mp4", "b.mp4"], {"class": [0, 1]}),
    "val": VideoPaths("/videos", [], {}),
    "test": VideoPaths("/videos", ["c.mp4"], {"class": [1]}),
}


def test_headers_come_first_then_the_pixels():
    tasks = Tasks(VIDEOS, ["/videos/b.mp4", "/videos/a.mp4"])
    assert list(tasks) == [
        ["/videos/a.mp4", None],
        ["/videos/b.mp4", None],
        ["/videos/c.mp4", None],
        ["/videos/b.mp4", [4, True]],
        ["/videos/a.mp4", [4, True]],
    ]
    assert len(tasks) == 5
    assert tasks.headers == 3
    assert tasks.video(2) == ("test", "/videos/c.mp4", {"class": 1})


def test_only_the_first_videos_give_a_sample():
    tasks = Tasks({}, [f"{number}.mp4" for number in range(20)])
    assert [task[1][1] for task in tasks] == [True] * 12 + [False] * 8


def test_a_header_and_pixels_are_measured(tmp_path: Path):
    path = str(write_constant(tmp_path / "a.mp4", [(9, 9, 9)] * 10, rate=5))
    assert measure([path, None])["duration_seconds"] == 2.0
    assert measure([path, [2, False]])["counts"][0][9] == 2 * 32 * 16


@pytest.mark.parametrize("pixels", [None, [2, False]])
def test_what_cannot_be_read_has_a_reason_in_one_line(tmp_path: Path, pixels):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"text")
    reason = measure([str(path), pixels])["reason"]
    assert reason == "holds text and no video"
    gone = measure([str(tmp_path / "gone.mp4"), pixels])["reason"]
    assert "No such file" in gone
    assert str(tmp_path) not in reason + gone
