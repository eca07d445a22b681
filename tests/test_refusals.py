"""What is no video, in words."""

import os
from pathlib import Path

import pytest
from videos import write_numbered

from vidmask.data.readers.packets import PacketReader, VideoReadError
from vidmask.data.readers.refusals import no_container, no_regular_file


def test_what_cannot_be_opened_again_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "a.mp4").touch()
    expected = "is no file that can be read again and again"
    assert [no_regular_file(str(path)) for path in (tmp_path / "pipe.mp4", Path("/dev/null"))] == [
        expected
    ] * 2
    assert [no_regular_file(str(path)) for path in (tmp_path / "a.mp4", tmp_path, tmp_path / "gone")] == [
        ""
    ] * 3
    with pytest.raises(VideoReadError, match=rf"pipe\.mp4: {expected}"):
        PacketReader(tmp_path / "pipe.mp4")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty: 0 bytes"),
        (bytes(10), "begins with zeros, and is no video"),
        (
            b"\0\0\0\x20ftypisom",
            "lacks a table of contents (moov) that can be read: the file is truncated or damaged",
        ),
        ("Grüße".encode()[:3], "holds text and no video"),
        (b"\x00\x01\x02\xff", ""),
        (b"\xff\xfe\xfa", ""),
    ],
)
def test_the_beginning_tells(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert no_container(str(tmp_path / "a.mp4")) == told
    assert no_container(str(tmp_path / "gone.mp4")) == ""


def test_the_codec_is_named_and_not_its_library(tmp_path: Path) -> None:
    file = PacketReader(write_numbered(tmp_path / "a.mp4", 3))
    assert file.codec_name == "h264"
    file.close()
    # The decoder of these is called msmpeg4, that of AV1 often libdav1d.
    file = PacketReader(write_numbered(tmp_path / "a.avi", 3, codec="msmpeg4"))
    assert file.codec_name == "msmpeg4v3"
    file.close()
