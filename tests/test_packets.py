"""The packets around a clip: from a key frame at or before it, and no further than needed."""

from pathlib import Path

import pytest
from videos import write_numbered

from vidmask.data.readers.packets import PacketReader, VideoReadError, one_line
from vidmask.data.readers.timing import EveryFrame, Instants, Span


@pytest.fixture(scope="module", params=[".mp4", ".mkv", ".ts"])
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PacketReader:
    options = {"g": "10", "bf": "2", "sc_threshold": "0"}
    return PacketReader(
        write_numbered(tmp_path_factory.mktemp("v") / f"a{request.param}", 60, options=options)
    )


@pytest.mark.parametrize("frame", [0, 3, 9, 10, 11, 25, 59])
def test_they_start_at_a_key_frame_and_hold_what_is_shown(reader: PacketReader, frame: int) -> None:
    first = reader.to_pts(frame / 25)
    packets = reader.around(EveryFrame(first, 1, 1))
    assert packets[0].is_keyframe
    assert packets[0].pts is not None
    assert packets[0].pts <= first
    assert first in {packet.pts for packet in packets}


def test_they_end_soon_after_the_clip(reader: PacketReader) -> None:
    packets = reader.around(Instants((reader.to_pts(0.4), reader.to_pts(0.6))))
    if not reader.name.endswith(".ts"):
        assert min(packet.pts for packet in packets if packet.pts is not None) >= reader.to_pts(0.3)
    assert max(packet.pts for packet in packets if packet.pts is not None) <= reader.to_pts(0.6 + 4 / 25)


def test_ticks_and_seconds_are_inverse(reader: PacketReader) -> None:
    for frame in range(60):
        pts = reader.to_pts(frame / 25)
        assert pts == reader.to_pts(frame / 25, up=True)
        assert reader.to_pts(reader.to_seconds(pts)) == reader.to_pts(reader.to_seconds(pts), up=True) == pts


def test_the_length_is_that_of_the_frames(reader: PacketReader) -> None:
    assert float(reader.duration_ticks() * reader.time_base) == pytest.approx(60 / 25, abs=0.001)


def test_the_seeks_go_back_to_the_beginning(reader: PacketReader) -> None:
    second = round(1 / reader.time_base)
    start = reader.start_pts
    assert list(reader.positions(start + 5 * second)) == [
        start + 5 * second,
        start + 4 * second,
        start + 3 * second,
        start + second,
        None,
    ]
    assert list(reader.positions(start)) == [None]


def test_errors_become_one_line_with_the_name() -> None:
    with (
        pytest.raises(VideoReadError, match=r"^name: fails: No such file or directory$"),
        one_line("name", "fails"),
    ):
        Path("/no/such/file").read_bytes()


@pytest.mark.parametrize("name", ["late.mkv", "late.webm"])
def test_a_late_first_frame_makes_a_matroska_file_no_longer(tmp_path: Path, name: str) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = write_numbered(tmp_path / name, 12, codec=codec, ticks=[3000 + 40 * k for k in range(12)])
    file = PacketReader(path)
    assert float(file.duration_ticks() * file.time_base) == pytest.approx(0.48, abs=0.05)
    times = [packet.pts for packet in file.demux(None)]
    file.check_end(Span(file.start_pts, 1 << 62), times, 40)
