"""What is written anew shows the same pictures at the same times."""

import errno
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np
import pytest
from av.codec.context import Flags
from av.error import FFmpegError
from constant_videos import write_constant
from PIL import Image
from videos import FORMATS, numbered_picture, numbers, write_format, write_numbered

from vidmask.data.curation import transcoding
from vidmask.data.curation.transcoding import Coding, prepare_video, transcode
from vidmask.data.readers import EveryFrames, FramesAt, PyAVReader, VideoReadError, open_video
from vidmask.data.readers.packets import PacketReader

CLIPS = Path(__file__).parents[1].parent / "shared" / "clips"


def all_frames(path: Path, number: int) -> tuple[list[int], list[float]]:
    video = open_video(str(path))
    (clip,) = video.read_clips([EveryFrames(0.0, number, 1)])
    video.close()
    return numbers(clip.frames), clip.seconds


@pytest.mark.parametrize("kind", FORMATS)
def test_every_frame_stays_at_its_time(tmp_path: Path, kind: str) -> None:
    source = write_format(kind, tmp_path, 50)
    assert transcode(str(source), tmp_path / "out.mp4", Coding(short_side=32)) == 50
    found, seconds = all_frames(tmp_path / "out.mp4", 50)
    assert found == list(range(50))
    _, before = all_frames(source, 50)
    assert seconds == pytest.approx([time - before[0] for time in before], abs=1e-4)


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv", "late.mkv"])
def test_a_variable_frame_rate_stays_one(tmp_path: Path, name: str) -> None:
    late = 3000 if name == "late.mkv" else 0
    ticks = [late + tick for tick in (0, 40, 80, 400, 440, 480, 1000, 1040, 1080, 1120, 1500, 1540)]
    source = write_numbered(tmp_path / name, len(ticks), ticks=ticks, options={"bf": "2", "g": "5"})
    transcode(str(source), tmp_path / "out.mp4", Coding())
    # Readers count from the first frame on in any case; players do not.
    assert PacketReader(tmp_path / "out.mp4").start_pts == 0
    found, seconds = all_frames(tmp_path / "out.mp4", len(ticks))
    assert found == list(range(len(ticks)))
    assert seconds == pytest.approx([(tick - late) / 1000 for tick in ticks], abs=1e-4)
    with PyAVReader(tmp_path / "out.mp4") as video:
        (clip,) = video.read_clips([FramesAt((0.3, 0.5, 0.7, 0.9, 1.1))])
    assert numbers(clip.frames) == [2, 5, 5, 5, 8]


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_rotation_is_in_the_pixels(tmp_path: Path, rotation: int) -> None:
    source = write_numbered(tmp_path / "turned.mp4", 8, rotation=rotation)
    transcode(str(source), tmp_path / "out.mp4", Coding())
    with PyAVReader(source) as one, PyAVReader(tmp_path / "out.mp4") as two:
        (before,), (after,) = (video.read_clips([EveryFrames(0.0, 8, 1)]) for video in (one, two))
    assert before.frames.shape == after.frames.shape
    assert (before.frames.float() - after.frames.float()).abs().mean() < 4


@pytest.mark.parametrize(
    "ticks",
    [
        (0, 40, 80, 120, 160, 200, 3000),  # the last in decoding order is a B-frame
        (0, 40, 80, 120, 160, 2000),  # it is the last one shown
        (0, 3000, 3040, 3080, 3120, 3160, 3200),
        (0, 40, 80, 400, 1400, 2400, 2440, 4440, 4480),
        (0, 3000),
        (0,),
    ],
)
def test_the_length_is_that_of_the_pictures(tmp_path: Path, ticks: tuple[int, ...]) -> None:
    source = write_numbered(tmp_path / "a.mkv", len(ticks), ticks=ticks)
    transcode(str(source), tmp_path / "out.mp4", Coding())
    found, seconds = all_frames(tmp_path / "out.mp4", len(ticks) + 2)
    assert found == [min(number, len(ticks) - 1) for number in range(len(ticks) + 2)]
    assert seconds[: len(ticks)] == pytest.approx([tick / 1000 for tick in ticks], abs=1e-4)
    # In Matroska the last one lasts 40 ms, one at 25 frames a second.
    with PyAVReader(tmp_path / "out.mp4") as video:
        assert video.duration == pytest.approx((ticks[-1] + 40) / 1000, abs=2e-3)


@pytest.mark.parametrize("number", [6, 7, 8, 9])
def test_the_last_frame_lasts_as_long_as_it_did(tmp_path: Path, number: int) -> None:
    # Shown for 1 s, while the others are for 0.1 s.
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "0"})
        stream.codec_context.flags |= Flags.frame_duration
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for place in range(number):
            frame = av.VideoFrame.from_ndarray(numbered_picture(place), format="rgb24")
            frame.pts, frame.time_base = place * 100, Fraction(1, 1000)
            frame.duration = 1000 if place == number - 1 else 100
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    transcode(str(tmp_path / "a.mp4"), tmp_path / "out.mp4", Coding())
    with PyAVReader(tmp_path / "a.mp4") as before, PyAVReader(tmp_path / "out.mp4") as after:
        assert before.duration == pytest.approx(0.9 + number / 10, abs=1e-3)
        assert after.duration == pytest.approx(0.9 + number / 10, abs=1e-3)


@pytest.mark.parametrize("name", ["one.webm", "one.avi", "one.mp4"])
def test_a_single_frame_is_a_video(tmp_path: Path, name: str) -> None:
    codec = {"one.webm": "libvpx-vp9", "one.avi": "mpeg4"}.get(name, "libx264")
    source = write_numbered(tmp_path / name, 1, codec=codec)
    assert transcode(str(source), tmp_path / "out.mp4", Coding()) == 1
    video = open_video(str(tmp_path / "out.mp4"))
    (clip,) = video.read_clips([EveryFrames(0.0, 4, 1)])
    assert clip.seconds == [0.0] * 4
    assert video.duration == pytest.approx(1 / 25, abs=2e-3)


def test_a_rate_that_no_header_tells_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: PacketReader) -> float:
        raise VideoReadError("tells no frame rate")

    source = write_numbered(tmp_path / "a.mp4", 12)
    with monkeypatch.context() as patch:
        patch.setattr(PacketReader, "frames_per_second", none)
        assert transcode(str(source), tmp_path / "out.mp4", Coding()) == 12
    assert all_frames(tmp_path / "out.mp4", 12)[1] == pytest.approx([number / 25 for number in range(12)])


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "a.mp4", 3)
    out = tmp_path / f"{'ü' * 125}.mp4"
    assert transcode(str(source), out, Coding()) == 3
    assert out.is_file()


def test_a_picture_size_that_changes_is_a_fault_of_the_video(tmp_path: Path) -> None:
    paths = [tmp_path / "a.ts", tmp_path / "b.ts"]
    write_numbered(paths[0], 12)
    with av.open(str(paths[1]), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        for _ in range(12):
            picture = np.zeros((48, 96, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    (tmp_path / "c.ts").write_bytes(b"".join(path.read_bytes() for path in paths))
    with pytest.raises(VideoReadError, match=r"c\.ts: (changes its picture size|gives no ascending)"):
        transcode(str(tmp_path / "c.ts"), tmp_path / "out.mp4", Coding())
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, OSError), (errno.EINVAL, VideoReadError), (1 << 30, VideoReadError)]
)
def test_what_the_disk_is_to_blame_for_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    source = write_numbered(tmp_path / "a.mp4", 3)

    def failing(*_: object) -> int:
        raise FFmpegError(number, "cannot")

    monkeypatch.setattr(transcoding, "_encode", failing)
    with pytest.raises(kind, match="cannot"):
        transcode(str(source), tmp_path / "out.mp4", Coding())


def test_what_ffmpeg_reports_makes_a_video_suspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_numbered(tmp_path / "a.mp4", 12)
    original = transcoding.transcode

    def reporting(*arguments: Any) -> int:
        av.logging.log(av.logging.ERROR, "decoder", "concealing 3 errors")
        return original(*arguments)

    monkeypatch.setattr(transcoding, "transcode", reporting)
    found = prepare_video({"source": str(source), "out": str(tmp_path / "out.mp4"), "coding": {}})
    assert found["verdict"] == "suspect"
    assert found["reason"].startswith("FFmpeg reports: concealing 3 errors; 12 frames transcoded from ")


def test_a_folder_of_frames_becomes_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(20):
        Image.fromarray(numbered_picture(number)).save(folder / f"{number + 1}.png")
    assert transcode(str(folder), tmp_path / "out.mp4", Coding()) == 20
    found, seconds = all_frames(tmp_path / "out.mp4", 20)
    assert found == list(range(20))
    assert seconds == pytest.approx([number / 30 for number in range(20)], abs=1e-4)


@pytest.mark.parametrize(
    ("rows", "columns", "side", "expected"),
    [
        (1080, 1920, 256, (256, 456)),  # 455.1: the nearest even number
        (1920, 1080, 320, (568, 320)),  # 568.9
        (240, 427, 256, (240, 426)),  # not enlarged: a column is cut off
        (257, 342, 256, (256, 340)),  # 340.7: the nearest even number
        (17, 33, 16, (16, 32)),
        (1, 300, 16, (2, 300)),
    ],
)
def test_the_short_side_shrinks_and_sides_are_even(rows, columns, side, expected) -> None:
    assert Coding(short_side=side).size(rows, columns) == expected


def test_the_key_frames_are_as_close_as_asked(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "a.mp4", 60, options={"g": "250"})
    transcode(str(source), tmp_path / "out.mp4", Coding(key_frames=8))
    packets = list(PacketReader(tmp_path / "out.mp4").demux(None))
    keys = [place for place, packet in enumerate(packets) if packet.is_keyframe]
    assert max(later - earlier for earlier, later in zip(keys, [*keys[1:], len(packets)], strict=True)) <= 8
    # Most pictures are referred to by no other: one of four must be decoded, and the key frames.
    file = PacketReader(tmp_path / "out.mp4")
    file.codec.skip_frame = "NONREF"
    decoded = [frame for packet in [*file.demux(None), None] for frame in file.codec.decode(packet)]
    assert len(decoded) <= len(keys) + 60 / 4


@pytest.mark.parametrize("colour", [(255, 0, 0), (10, 200, 90), (255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_colours_stay(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    source = write_constant(tmp_path / "a.mp4", [colour] * 6)
    transcode(str(source), tmp_path / "out.mp4", Coding())
    with PyAVReader(tmp_path / "out.mp4") as video:
        (clip,) = video.read_clips([EveryFrames(0.0, 6, 1)])
    assert np.abs(np.stack(clip.pictures).astype(int) - colour).max() <= 3


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the real clips are not here")
@pytest.mark.parametrize(
    "name", ["bt709_full_range.mp4", "h264_10bits.mp4", "ssv2_1.webm", "mmaction_test.avi"]
)
def test_colours_of_real_clips_stay(tmp_path: Path, name: str) -> None:
    transcode(str(CLIPS / name), tmp_path / "out.mp4", Coding(short_side=4096, crf=10))
    with PyAVReader(CLIPS / name) as one, PyAVReader(tmp_path / "out.mp4") as two:
        (before,), (after,) = (video.read_clips([EveryFrames(0.0, 8, 3)]) for video in (one, two))
    rows, columns = after.pictures[0].shape[:2]
    difference = before.frames[:, :rows, :columns].float() - after.frames.float()
    # Of each colour alone, as a wrong range or matrix shifts it. The reader itself rounds pictures of 10 bits
    # and those of full range otherwise than others.
    least = {"h264_10bits.mp4": 1.5, "bt709_full_range.mp4": 1.2}.get(name, 0.3)
    assert difference.mean((0, 1, 2)).abs().max() < least
    assert difference.abs().mean() < 6


def test_a_truncated_video_is_none_and_nothing_is_left(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "a.mkv", 200, noise=60, options={"g": "10"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(VideoReadError, match=r"a\.mkv: .*(truncated|cannot be decoded|damaged)"):
        transcode(str(source), tmp_path / "out.mp4", Coding())
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_the_answer_of_a_task_is_a_row_of_the_manifest(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "a.mp4", 50)
    task = {"source": str(source), "out": str(tmp_path / "out.mp4"), "coding": {"short_side": 16}}
    found = prepare_video(task)
    assert (found["verdict"], found["frames"], found["height"], found["width"]) == ("ok", 50, 16, 32)
    assert found["reason"].startswith(f"50 frames transcoded from {source}; read ")
    source.write_bytes(b"no video")
    found = prepare_video(task)
    assert found["verdict"] == "broken"
    assert "holds text and no video" in found["reason"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"short_side": 255}, "short_side must be even and at least 16, got 255"),
        ({"short_side": 8}, "short_side must be even and at least 16, got 8"),
        ({"key_frames": 0}, "key_frames must be at least 1, got 0"),
        ({"crf": 52}, r"crf must lie in \[0, 51\], got 52"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        Coding(**arguments)


def test_frames_closer_than_the_clock_of_mp4_stay_in_order(tmp_path: Path) -> None:
    source = tmp_path / "dense.mp4"
    with av.open(str(source), "w", container_options={"video_track_timescale": "10000000"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 32
        stream.codec_context.time_base = Fraction(1, 10_000_000)
        for number, ticks in enumerate((0, 400_000, 400_020, 800_000)):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts, frame.time_base = ticks, Fraction(1, 10_000_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert transcode(str(source), tmp_path / "out.mp4", Coding()) == 4
    found, seconds = all_frames(tmp_path / "out.mp4", 4)
    assert found == [0, 1, 2, 3]
    assert seconds == pytest.approx([0, 0.04, 0.04, 0.08], abs=1e-4)


def test_what_is_suspect_of_the_source_is_so_of_the_file_made_of_it(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "a.ts", 60, options={"g": "20", "bf": "0"}, noise=60)
    content = source.read_bytes()
    # From the middle of the first group of pictures on.
    source.write_bytes(content[len(content) // 6 // 188 * 188 :])
    found = prepare_video({"source": str(source), "out": str(tmp_path / "out.mp4"), "coding": {}})
    assert found["verdict"] == "suspect"
    assert "frames transcoded from" in found["reason"]
