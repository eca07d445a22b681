"""Damage that the decoder or the demuxer reports is an error that names the file, whatever a clip takes."""

from pathlib import Path

import av
import pytest
from PIL import Image
from videos import numbers, write_format, write_numbered

from vidmask.data.readers import EveryFrames, PyAVReader, VideoReadError
from vidmask.data.readers.decoding import FrameDecoder, is_spare
from vidmask.data.readers.packets import PacketReader
from vidmask.data.stages import NO_CLOCK


def references(path: Path) -> list[tuple[int, bool, int, int]]:
    """Return time, whether others refer to it, place and length of each packet, in decoding order."""
    file = PacketReader(path)
    decoder = FrameDecoder(file, NO_CLOCK)
    return [
        (packet.pts or 0, not is_spare(decoder._units(packet)), packet.pos or 0, packet.size)
        for packet in file.demux(None)
    ]


def test_a_picture_after_a_damaged_one_that_it_refers_to_is_refused(tmp_path: Path) -> None:
    options = {
        "bf": "3",
        "g": "60",
        "b-pyramid": "normal",
        "refs": "3",
        "x264-params": "b-adapt=0:scenecut=0",
    }
    path = write_numbered(tmp_path / "a.mp4", 60, options=options, noise=60)
    packets = references(path)
    place = next(k for k, (_, needed, _, _) in enumerate(packets) if needed and k > 12)
    spare = next(time for time, needed, _, _ in packets[place:] if not needed)
    content = bytearray(path.read_bytes())
    _, _, begin, size = packets[place]
    for byte in range(begin + 5, begin + min(size, 14)):
        content[byte] ^= 0xFF
    path.write_bytes(content)
    with PyAVReader(path) as reader:
        seconds = reader._file.to_seconds(spare)
        with pytest.raises(VideoReadError, match=r"a\.mp4: (damaged|cannot be decoded)"):
            reader.read_clips([EveryFrames(seconds, 1, 1)])


@pytest.mark.parametrize("kind", ["h264 with B-frames", "h264 open GOP", "h264 in a transport stream"])
def test_pictures_that_no_other_refers_to_are_found_whatever_the_container(tmp_path: Path, kind: str) -> None:
    path = write_format(kind, tmp_path, 60)
    spare = [time for time, needed, _, _ in references(path) if not needed]
    file = PacketReader(path)
    file.codec.skip_frame = "NONREF"
    kept = {frame.pts for packet in [*file.demux(None), None] for frame in file.codec.decode(packet)}
    assert len(spare) >= 15
    assert not kept & set(spare)
    assert len(kept) + len(spare) == 60


@pytest.mark.parametrize(
    ("units", "spare"),
    [
        ([0x09, 0x06, 0x01], True),  # delimiter, message, slice of nal_ref_idc 0
        ([0x41], False),
        ([0x01, 0x41], False),  # of two fields one is referred to
        ([0x65], False),
        ([0x06], False),  # no slice
        ([], False),
    ],
)
def test_a_spare_picture_has_no_slice_that_is_referred_to(units: list[int], spare: bool) -> None:
    assert is_spare(units) is spare


def test_tags_that_are_no_text_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "abcdefgh"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 32
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 32, "rgb24")))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abc\xff\xfefgh"))
    with PyAVReader(path) as reader:
        assert len(reader.read_clips([EveryFrames(0.0, 2, 1)])[0].seconds) == 2


def test_a_damaged_tag_of_the_length_counts_for_nothing(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mkv", 50)
    content = path.read_bytes()
    assert content.count(b"00:00:02.000000000") == 1
    path.write_bytes(content.replace(b"00:00:02.000000000", b"00:00:02.00{000000"))
    with PyAVReader(path) as reader:
        assert reader.duration == pytest.approx(2.0, abs=0.05)
        assert numbers(reader.read_clips([EveryFrames(1.0, 2, 1)])[0].frames) == [25, 26]


def test_a_stream_that_begins_in_the_middle_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "a.mp4", 10)
    file = PacketReader(path)

    class Container:
        def demux(self, stream):
            yield from file_packets[:2]
            raise IndexError("list index out of range")

    file_packets = list(file.demux(None))
    monkeypatch.setattr(file, "_container", Container())
    file._untouched = True
    with pytest.raises(VideoReadError, match=r"a\.mp4: is damaged: a stream begins in the middle"):
        list(file.demux(None))


def test_where_no_packet_is_shown_every_frame_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_numbered(tmp_path / "a.mp4", 10)
    monkeypatch.setattr(PacketReader, "around", lambda self, choice: [])
    with PyAVReader(path) as reader:
        # The plan finds nothing, and every frame is decoded instead.
        assert numbers(reader.read_clips([EveryFrames(0.2, 2, 1)])[0].frames) == [5, 6]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_with_a_video_s_name_is_no_video(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (64, 32)).save(tmp_path / "a.mp4", format=kind)
    with pytest.raises(VideoReadError, match=r"a\.mp4: is a picture \(.*\) and no video"):
        PyAVReader(tmp_path / "a.mp4")
