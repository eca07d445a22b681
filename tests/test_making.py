import subprocess
import sys

import pytest

from vidmask.data.moving_shapes.making import make_videos
from vidmask.data.writers import is_whole


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
    return tmp_path


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_every_video_of_every_chunk_is_made_and_counted_once(folder, num_workers):
    counted = []
    make_videos(
        folder, "easy", 0, [("train", 0, 2), ("train", 2, 5), ("test", 7, 8)], num_workers, counted.append
    )
    made = {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}
    assert made == {*(f"train/{index:05d}.mp4" for index in range(5)), "test/00007.mp4"}
    assert all(is_whole(folder / name) for name in made)
    assert sorted(counted) == [1, 2, 3]


def test_a_whole_file_is_left_alone(folder):
    make_videos(folder, "easy", 0, [("train", 0, 2)], 0, print)
    before = (folder / "train/00000.mp4").stat().st_mtime_ns
    (folder / "train/00001.mp4").write_bytes(b"")
    make_videos(folder, "easy", 0, [("train", 0, 2)], 0, print)
    assert (folder / "train/00000.mp4").stat().st_mtime_ns == before
    assert is_whole(folder / "train/00001.mp4")


def test_a_file_that_cannot_be_written_is_told_in_one_line(folder):
    with pytest.raises(OSError, match=r"val: .*No such file or directory") as caught:
        make_videos(folder, "easy", 0, [("val", 3, 4)], 1, print)
    assert "\n" not in str(caught.value)


def test_a_process_that_makes_videos_does_not_load_torch():
    module = "vidmask.data.moving_shapes.making"
    code = f"import sys, {module}; sys.exit(bool({{'torch', 'rich'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
