"""The verdict on one file, with its reason."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from videos import FORMATS, numbered_picture, write_format, write_numbered

from vidmask.data.curation.inspection import READER, inspect, one_line_reason


def verdict(path: Path, *, full: bool = False, may_be_folder: bool = False) -> dict[str, Any]:
    return inspect({"path": str(path), "full": full, "may_be_folder": may_be_folder})


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "mpeg2"])
@pytest.mark.parametrize("full", [False, True])
def test_good_files_are_ok(tmp_path: Path, kind: str, full: bool) -> None:
    path = write_format(kind, tmp_path, 24)
    found = verdict(path, full=full)
    read = 24 if full else found["frames_read"]
    assert (found["verdict"], found["reason"]) == ("ok", f"read {read} of 24 frames")
    assert 1 < read <= 24
    assert (found["width"], found["height"], found["frames"]) == (64, 32, 24)
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["size_bytes"], found["modified_ns"]) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert found["reader"] == READER


def test_the_size_is_that_after_the_rotation(tmp_path: Path) -> None:
    found = verdict(write_numbered(tmp_path / "a.mp4", 9, rotation=90))
    assert (found["width"], found["height"], found["rotation"]) == (32, 64, 90)


def test_what_is_no_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to("nowh\nere")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    reasons = {
        "none": "is not there",
        "folder": "is a folder and no file",
        "link": "is a link to nowh ere, where nothing is",
        "loop": "is a link to loop.mp4, which leads in a circle",
        "empty": "is empty: 0 bytes",
        "pipe": "is no file that can be read again and again",
    }
    for name, reason in reasons.items():
        found = verdict(tmp_path / f"{name}.mp4")
        assert (found["verdict"], found["reason"]) == ("broken", reason)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_broken(tmp_path: Path) -> None:
    write_numbered(tmp_path / "a.mp4", 5).chmod(0)
    assert verdict(tmp_path / "a.mp4")["reason"] == "cannot be read: Permission denied"


def test_a_cut_off_file_is_broken_by_a_quick_check(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.webm", 50, codec="libvpx-vp9", noise=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = verdict(path)
    assert found["verdict"] == "broken"
    assert "the file is truncated" in found["reason"]
    assert found["size_bytes"] == path.stat().st_size


def damaged(path: Path) -> Path:
    """Write a video of many groups of pictures, one of which is damaged in the middle."""
    write_numbered(path, 200, options={"g": "5", "bf": "0", "sc_threshold": "0"}, noise=60)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 8
    for place in range(start + (len(data) - start) // 2, start + (len(data) - start) // 2 + 2000, 20):
        data[place] ^= 0xFF
    path.write_bytes(data)
    return path


def test_a_full_check_finds_damage_anywhere(tmp_path: Path) -> None:
    assert verdict(damaged(tmp_path / "a.mp4"), full=True)["verdict"] == "broken"


def test_the_frames_of_a_quick_check_depend_on_the_content_alone(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 60)
    first = verdict(path)
    assert verdict(path.rename(tmp_path / "b.mp4")) == first


def test_one_colour_is_suspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videos.numbered_picture", lambda number: np.zeros((32, 64, 3), np.uint8))
    found = verdict(write_numbered(tmp_path / "a.mp4", 20))
    assert found["verdict"] == "suspect"
    assert found["reason"] == "all 7 frames read are of one colour; read 7 of 20 frames"


def test_a_wrong_ending_is_suspect(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.avi", 20, codec="mpeg4").rename(tmp_path / "a.webm")
    found = verdict(path)
    assert (found["verdict"], found["codec"]) == ("suspect", "mpeg4")
    assert found["reason"].startswith("holds avi, though its name ends in .webm; read ")


def test_what_ffmpeg_reports_is_suspect_in_every_file(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.webm", 20, codec="libvpx-vp9")
    data = path.read_bytes()
    # A Matroska element that is longer than the cluster that it lies in.
    path.write_bytes(data + b"\x1f\x43\xb6\x75\x84\xa3\xff\xff\xff\xff")
    first, again = verdict(path), verdict(path)
    assert first["verdict"] == "suspect"
    assert first["reason"].startswith("FFmpeg reports: ")
    assert again == first


def frames(folder: Path, number: int = 12) -> Path:
    folder.mkdir()
    for frame in range(number):
        Image.fromarray(numbered_picture(frame)).save(folder / f"{frame:03d}.png")
    return folder


@pytest.mark.parametrize("full", [False, True])
def test_a_folder_of_frames_is_a_video_where_it_may_be(tmp_path: Path, full: bool) -> None:
    found = verdict(frames(tmp_path / "a"), full=full, may_be_folder=True)
    assert found["verdict"] == "ok"
    assert (found["codec"], found["frames"], found["width"], found["height"]) == ("png", 12, 64, 32)
    assert found["frames_read"] in ([12] if full else [6, 7])
    assert len(found["sha256"]) == 64


def test_damage_to_a_frame_is_broken(tmp_path: Path) -> None:
    folder = frames(tmp_path / "a")
    (folder / "000.png").write_bytes((folder / "000.png").read_bytes()[:60])
    assert verdict(folder, may_be_folder=True)["verdict"] == "broken"
    (tmp_path / "b").mkdir()
    found = verdict(tmp_path / "b", may_be_folder=True)
    assert (found["verdict"], found["reason"]) == ("broken", "is a folder without pictures, and no video")


def test_a_reason_is_a_line_of_text() -> None:
    assert one_line_reason("/a/b.mp4: cannot\r\nbe read \udcff", "/a/b.mp4") == "cannot be read \\udcff"
