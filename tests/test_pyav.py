"""Every frame that the reader returns is the one asked for, and damaged files are refused."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.stream import VideoStream
from pytorchvideo.data.encoded_video import EncodedVideo
from videos import COLUMNS, FORMATS, ROWS, numbered_picture, numbers, write_format, write_numbered

from vidmask.data.readers import PyAVReader, VideoReadError
from vidmask.data.readers.decoding import FrameDecoder
from vidmask.data.readers.timing import EveryFrame


@pytest.fixture(scope="module", params=FORMATS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_format(request.param, tmp_path_factory.mktemp("formats"), 50)


@pytest.mark.parametrize("start", [0, 1, 9, 10, 11, 12, 13, 23, 30, 37])
def test_every_third_frame_is_the_right_one(video: Path, start: int) -> None:
    with PyAVReader(video) as reader:
        clip = reader.read(start / 25, 5, stride_frames=3)
    assert numbers(clip.frames) == [start, start + 3, start + 6, start + 9, start + 12]
    assert clip.seconds == pytest.approx([(start + 3 * step) / 25 for step in range(5)], abs=2e-3)


def test_frames_between_two_times_are_the_right_ones(video: Path) -> None:
    with PyAVReader(video) as reader:
        clip = reader.get_clip(0.398, 0.678)["video"]
    assert clip is not None
    assert numbers(clip.permute(1, 2, 3, 0)) == [10, 11, 12, 13, 14, 15, 16]


def test_one_reader_reads_many_clips_in_any_order(video: Path) -> None:
    with PyAVReader(video) as reader:
        for start in (40, 0, 17, 17, 5, 49, 0):
            assert numbers(reader.read(start / 25, 2, stride_frames=1).frames) == [start, min(start + 1, 49)]


def test_duration_and_rate_are_told(video: Path) -> None:
    with PyAVReader(video) as reader:
        assert reader.duration == pytest.approx(2.0, abs=0.09)
        assert reader.frames_per_second == pytest.approx(25)


def test_frames_past_the_end_repeat_the_last_one(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "short.mp4", 10)
    with PyAVReader(video) as reader:
        clip = reader.read(0.16, 5, stride_frames=3)
        assert numbers(clip.frames) == [4, 7, 9, 9, 9]
        assert clip.seconds == [0.16, 0.28, 0.36, 0.36, 0.36]
        assert numbers(reader.read(5.0, 2, stride_seconds=0.1).frames) == [9, 9]


def test_a_stride_in_seconds_takes_the_frame_on_screen(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "slow.mp4", 12, rate=6)
    with PyAVReader(video) as reader:
        # Frames change every 0.167 s: 0.1 s apart, some are on screen twice.
        assert numbers(reader.read(0.5, 8, stride_seconds=0.1).frames) == [3, 3, 4, 4, 5, 6, 6, 7]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_variable_frame_rate_is_read_by_presentation_time(tmp_path: Path, suffix: str) -> None:
    ticks = [0, 40, 80, 400, 440, 480, 1000, 1040, 1080, 1120, 1500, 1540]
    video = write_numbered(
        tmp_path / f"uneven{suffix}", len(ticks), ticks=ticks, options={"bf": "2", "g": "5"}
    )
    with PyAVReader(video) as reader:
        clip = reader.read(0.3, 5, stride_seconds=0.2)
        assert numbers(clip.frames) == [2, 5, 5, 5, 8]
        assert clip.seconds == pytest.approx([0.08, 0.48, 0.48, 0.48, 1.08])
        assert numbers(reader.read(0.3, 4, stride_frames=2).frames) == [2, 4, 6, 8]


def test_time_counts_from_the_first_frame(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "late.mkv", 12, ticks=[3000 + 40 * number for number in range(12)])
    with PyAVReader(video) as reader:
        clip = reader.read(0.2, 3, stride_frames=2)
    assert numbers(clip.frames) == [5, 7, 9]
    assert clip.seconds == pytest.approx([0.2, 0.28, 0.36])


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (-90, -1)])
def test_rotation_is_applied(tmp_path: Path, rotation: int, turns: int) -> None:
    if not hasattr(VideoStream, "set_display_rotation"):
        pytest.skip("this version of PyAV cannot write a rotation")
    video = write_numbered(tmp_path / "turned.mp4", 8, rotation=rotation)
    with PyAVReader(video) as reader:
        frames = reader.read(0.2, 1, stride_frames=1).frames
    assert numbers(torch.rot90(frames, -turns, (1, 2))) == [5]
    assert frames.shape == ((1, ROWS, COLUMNS, 3) if turns == 2 else (1, COLUMNS, ROWS, 3))


def test_only_the_frames_of_the_clip_are_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write_numbered(tmp_path / "a.mp4", 50, options={"bf": "2", "g": "250"})
    converted = []
    convert = FrameDecoder.to_rgb
    monkeypatch.setattr(
        FrameDecoder, "to_rgb", lambda self, frame: converted.append(frame.pts) or convert(self, frame)
    )
    with PyAVReader(video) as reader:
        reader.read(20 / 25, 4, stride_frames=5)
    assert len(converted) == 4


def test_pictures_shown_before_the_key_frame_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, options = FORMATS["h264 open GOP"]
    video = write_numbered(tmp_path / name, 50, **options)
    with PyAVReader(video) as reader:
        fed = []
        decode = reader._decoder.frames
        monkeypatch.setattr(
            reader._decoder,
            "frames",
            lambda packets, wanted: decode([fed.append(packet.pts) or packet for packet in packets], wanted),
        )
        assert numbers(reader.read(27 / 25, 3, stride_frames=1).frames) == [27, 28, 29]
        in_file = [packet.pts for packet in reader._file.around(EveryFrame(27 * 40, 3, 1))]
    assert min(in_file) < in_file[0]
    assert fed[0] == in_file[0] == min(fed)


def test_pixels_are_those_of_pytorchvideo(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "a.mp4", 40, options={"bf": "3", "g": "12"})
    theirs = EncodedVideo.from_path(str(video), decode_audio=False).get_clip(0.4, 1.2)["video"]
    with PyAVReader(video) as reader:
        ours = reader.get_clip(0.4, 1.2)["video"]
    assert ours is not None
    assert ours.dtype == torch.uint8
    assert torch.equal(ours.float(), theirs)


def test_an_open_file_is_read_like_a_path(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "a.mp4", 10)
    with PyAVReader(io.BytesIO(video.read_bytes()), video_name="memory") as reader:
        assert numbers(reader.read(0.2, 2, stride_frames=1).frames) == [5, 6]


def test_no_frame_between_two_times_gives_none(tmp_path: Path) -> None:
    with PyAVReader(write_numbered(tmp_path / "a.mp4", 10)) as reader:
        assert reader.get_clip(7, 8) == {"video": None, "audio": None}


def _audio_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "is empty: 0 bytes"),
        (b"no video at all, only text\n" * 50, "holds text and no video"),
        (bytes(5000), "begins with zeros, and is no video"),
        (b"\x00\x01\x02\xff" * 900, "cannot be opened as a video: Invalid data found"),
        ("cut moov", r"lacks a table of contents \(moov\) that can be read"),
        ("audio", "no video stream"),
    ],
)
def test_a_file_that_is_no_video_is_named_in_one_line(
    tmp_path: Path, content: bytes | str | None, reason: str
) -> None:
    path = tmp_path / "bad.mp4"
    if content == "cut moov":
        path.write_bytes(write_numbered(tmp_path / "a.mp4", 50).read_bytes()[:-200])
    elif content == "audio":
        _audio_only(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(VideoReadError, match=reason) as error:
        PyAVReader(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoReadError, match="cannot be opened as a video"):
        PyAVReader(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "codec", "container_options", "body"),
    [
        (".mp4", "libx264", {"movflags": "faststart"}, b"mdat"),
        (".mp4", "mpeg4", {"movflags": "faststart"}, b"mdat"),
        (".avi", "mpeg4", {}, b"movi"),
    ],
)
def test_a_truncated_file_gives_its_frames_or_an_error_but_never_others(
    tmp_path: Path, suffix: str, codec: str, container_options: dict[str, str], body: bytes
) -> None:
    whole = write_numbered(tmp_path / f"a{suffix}", 100, codec=codec, container_options=container_options)
    data = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: (data.index(body) + len(data)) // 2])
    with PyAVReader(cut) as reader:
        assert numbers(reader.read(0.4, 4, stride_frames=2).frames) == [10, 12, 14, 16]
        for start in (2.0, 3.0, 3.9):
            with pytest.raises(VideoReadError, match=f"{cut}: ends .* the file is truncated"):
                reader.read(start, 16, stride_frames=2)


DAMAGED = {
    "h264": ("a.mp4", {"codec": "libx264", "options": {"g": "250"}}),
    "mpeg4": ("a.avi", {"codec": "mpeg4", "options": {"g": "250"}}),
    "motion jpeg": ("a.mov", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
}


@pytest.mark.parametrize("codec", DAMAGED)
def test_damaged_data_is_an_error_and_not_a_patched_picture(tmp_path: Path, codec: str) -> None:
    name, options = DAMAGED[codec]
    video = write_numbered(tmp_path / name, 60, noise=60, **options)
    data = bytearray(video.read_bytes())
    for place in range(len(data) // 8, len(data) // 2, len(data) // 100):
        data[place : place + 5] = bytes(byte ^ 0x5A for byte in data[place : place + 5])
    video.write_bytes(data)
    for start in (0.8, 1.0):
        with PyAVReader(video) as reader, pytest.raises(VideoReadError, match=str(video)):
            reader.read(start, 4, stride_frames=1)


def test_exactly_one_stride_is_asked_for(tmp_path: Path) -> None:
    with PyAVReader(write_numbered(tmp_path / "a.mp4", 4)) as reader:
        with pytest.raises(ValueError, match="give one of"):
            reader.read(0, 2)
        with pytest.raises(ValueError, match="give one of"):
            reader.read(0, 2, stride_frames=1, stride_seconds=0.1)


def test_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="decode_audio must be False"):
        PyAVReader(tmp_path / "a.mp4", decode_audio=True)


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_a_stream_without_a_header_duration_is_measured(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    video = write_numbered(
        tmp_path / f"live{suffix}", 50, codec=codec, options={"g": "12"}, container_options={"live": "1"}
    )
    with PyAVReader(video) as reader:
        assert reader._file._container.duration is None
        assert reader.duration == pytest.approx(2.0, abs=0.05)
        assert numbers(reader.read(1.0, 3, stride_frames=5).frames) == [25, 30, 35]


def test_pictures_refreshed_bit_by_bit_are_read_from_where_they_are_whole(tmp_path: Path) -> None:
    options = {"x264-params": "intra-refresh=1:keyint=12", "bf": "0"}
    video = write_numbered(tmp_path / "refresh.mkv", 60, options=options)
    with PyAVReader(video) as reader:
        for start in (0, 20, 25, 40):
            assert numbers(reader.read(start / 25, 3, stride_frames=2).frames) == [
                start,
                start + 2,
                start + 4,
            ]


def write_with_longer_sound(path: Path, codec: str) -> None:
    """Write 10 numbered frames, 0.4 s, and 3.2 s of silence."""
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream(codec, rate=25), container.add_stream("aac", rate=16000)
        video.width, video.height, video.pix_fmt, audio.layout = COLUMNS, ROWS, "yuv420p", "mono"
        for number in range(10):
            container.mux(video.encode(av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")))
        for part in range(50):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, part * 1024
            container.mux(audio.encode(frame))
        container.mux(video.encode())
        container.mux(audio.encode())


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".flv", "libx264")])
def test_sound_longer_than_the_pictures_is_no_truncation(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"sound{suffix}"
    write_with_longer_sound(path, codec)
    with PyAVReader(path) as reader:
        # FLV tells no length of the pictures alone.
        assert reader.duration == pytest.approx(3.2 if suffix == ".flv" else 0.4, abs=0.1)
        assert numbers(reader.read(0.2, 4, stride_frames=2).frames) == [5, 7, 9, 9]


def test_a_video_of_one_frame_a_second_is_not_taken_for_truncated(tmp_path: Path) -> None:
    for suffix, codec in ((".mp4", "libx264"), (".avi", "mpeg4"), (".webm", "libvpx-vp9")):
        video = write_numbered(tmp_path / f"slow{suffix}", 5, codec=codec, rate=1)
        with PyAVReader(video) as reader:
            assert numbers(reader.read(3.0, 4, stride_frames=1).frames) == [3, 4, 4, 4]
