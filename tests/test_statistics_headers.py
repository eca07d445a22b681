"""What a header tells, of files made for it."""

from pathlib import Path

import pytest
from constant_videos import write_constant
from videos import write_numbered

from vidmask.data.readers import VideoReadError
from vidmask.data.statistics.headers import Header, read_header

GREY = (128, 128, 128)


def test_a_header_is_read(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "a.mp4", [GREY] * 15, rate=10, size=(64, 32))
    assert read_header(str(path)) == Header(1.5, 10.0, 64, 32, "h264", path.stat().st_size)


@pytest.mark.parametrize(
    ("rotation", "size"), [(0, (64, 32)), (90, (32, 64)), (180, (64, 32)), (270, (32, 64))]
)
def test_the_size_is_the_one_displayed(tmp_path: Path, rotation: int, size: tuple[int, int]) -> None:
    header = read_header(str(write_numbered(tmp_path / "a.mp4", 10, rotation=rotation)))
    assert (header.width, header.height) == size


@pytest.mark.parametrize(
    ("suffix", "codec", "name"),
    [(".avi", "mpeg4", "mpeg4"), (".webm", "libvpx-vp9", "vp9"), (".mkv", "libx264", "h264")],
)
def test_containers_and_codecs(tmp_path: Path, suffix: str, codec: str, name: str) -> None:
    header = read_header(str(write_numbered(tmp_path / f"a{suffix}", 50, codec=codec)))
    assert (header.codec, header.width, header.height) == (name, 64, 32)
    assert header.duration_seconds == pytest.approx(2.0, abs=0.05)
    assert header.fps == pytest.approx(25.0)


def test_b_frames_delay_no_header(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 40, options={"bf": "3", "g": "40"})
    assert read_header(str(path)).height == 32


def test_a_file_that_is_no_video_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video at all")
    with pytest.raises(VideoReadError, match="holds text and no video"):
        read_header(str(path))


def test_a_file_without_a_whole_frame_is_an_error(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 30, container_options={"movflags": "faststart"}, noise=60)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 40])
    with pytest.raises(VideoReadError):
        read_header(str(path))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(str(tmp_path / "a.mp4"))


def test_a_folder_is_read_by_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_constant(tmp_path / "a.mp4", [GREY] * 20, rate=5)
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "1.jpg").write_bytes(b"123")
    (frames / "2.JPG").write_bytes(b"4567")
    (frames / ".hidden").write_bytes(b"89")
    from vidmask.data.statistics import headers

    opened = headers.open_video(str(path))
    monkeypatch.setattr(headers, "open_video", lambda _: opened)
    assert read_header(str(frames)) == Header(4.0, 5.0, 32, 16, "jpg", 7)
