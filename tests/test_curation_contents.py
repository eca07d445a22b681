"""What the packets of a file tell, against what its header says."""

from pathlib import Path

import av
import pytest
from videos import FORMATS, write_format, write_numbered

from vidmask.data.curation.contents import read_contents
from vidmask.data.readers import VideoReadError


@pytest.mark.parametrize("kind", FORMATS)
def test_frames_and_times_are_those_written(tmp_path: Path, kind: str) -> None:
    contents = read_contents(write_format(kind, tmp_path, 24))
    assert contents.frames == 24
    assert contents.fps == 25
    assert contents.duration_seconds == pytest.approx(0.96, abs=0.01)
    # The length of a program stream is an estimate, which is bad for such a small one.
    expected = ["FFmpeg estimates 0.04 s, the frames last 0.96 s"] if kind == "mpeg2" else []
    assert contents.problems == expected
    assert contents.rotation == 0
    if contents.seconds is not None:
        assert contents.seconds == pytest.approx([place / 25 for place in range(24)], abs=2e-3)


def test_key_frames_are_counted_to_the_end(tmp_path: Path) -> None:
    options = {"g": "10", "sc_threshold": "0", "bf": "0"}
    assert read_contents(write_numbered(tmp_path / "a.mp4", 25, options=options)).key_frame_interval == 10
    assert read_contents(write_numbered(tmp_path / "b.mp4", 9, options=options)).key_frame_interval == 9


def test_rotation_is_told(tmp_path: Path) -> None:
    assert read_contents(write_numbered(tmp_path / "a.mp4", 3, rotation=90)).rotation == 90


def test_a_variable_frame_rate_is_a_note(tmp_path: Path) -> None:
    contents = read_contents(write_numbered(tmp_path / "a.mp4", 5, ticks=[0, 40, 80, 200, 240]))
    assert contents.problems == []
    assert contents.notes == ["variable frame rate: frames lie 0.040 to 0.120 s apart"]


def test_another_ending_is_a_problem(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.avi", 5, codec="mpeg4").rename(tmp_path / "a.mp4")
    assert read_contents(path).problems == ["holds avi, though its name ends in .mp4"]


def test_a_header_that_promises_more_is_a_problem(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 50, options={"bf": "0"})
    data = path.read_bytes()
    # The number of samples in the table of their sizes (ISO/IEC 14496-12, section 8.7.3.2).
    place = data.index(b"stsz") + 12
    path.write_bytes(data[:place] + (40).to_bytes(4, "big") + data[place + 4 :])
    assert any("the header tells" in problem for problem in read_contents(path).problems)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(5000), "begins with zeros, and is no video"),
        (b"<html>not found</html>\n" * 9, "holds text and no video"),
        ("Zeile größer\n".encode() * 900, "holds text and no video"),
        (b"\x00\x01\x02\xff" * 900, "cannot be opened as a video: Invalid data found"),
    ],
)
def test_what_is_no_video_is_told(tmp_path: Path, data: bytes, message: str) -> None:
    path = write(tmp_path / "a.mp4", data)
    with pytest.raises(VideoReadError, match=message) as error:
        read_contents(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_cut_off_mp4_lacks_its_table(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 50)
    write(path, path.read_bytes()[:-500])
    with pytest.raises(VideoReadError, match=r"lacks a table of contents \(moov\)"):
        read_contents(path)


def test_a_picture_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.jpg"), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("mjpeg", rate=1, pix_fmt="yuvj420p", width=64, height=32)
        container.mux(stream.encode(av.VideoFrame(64, 32, "rgb24")))
        container.mux(stream.encode())
    (tmp_path / "a.jpg").rename(tmp_path / "a.mp4")
    with pytest.raises(VideoReadError, match="is a picture"):
        read_contents(tmp_path / "a.mp4")


def test_a_title_that_is_no_utf8_is_no_problem(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 5)
    write(path, path.read_bytes().replace(b"Lavf", b"L\xe9vf"))
    assert read_contents(path).problems == []
