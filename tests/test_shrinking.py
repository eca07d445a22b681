"""Pictures are made smaller with their colours and their place as they were."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from torch import Tensor
from videos import write_numbered

from vidmask.data.curation.shrinking import Colours, Shrinker, colours
from vidmask.data.curation.transcoding import Coding, transcode
from vidmask.data.readers import EveryFrames, open_video

BARS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128), (250, 250, 250), (5, 5, 5)]


def bars(rows: int = 64) -> np.ndarray:
    return np.array([BARS], np.uint8).repeat(24, 1).repeat(rows, 0)


def first_frame(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(container.streams.video[0]))


def write_bars(path: Path, codec: str, pix_fmt: str, matrix: int = 2, value_range: int = 0) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options={"crf": "1"} if codec == "libx264" else {})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 144, 64, pix_fmt
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, value_range
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(bars(), format="rgb24")
            # With several threads FFmpeg's conversion to 10 bits differs from call to call.
            container.mux(stream.encode(VideoReformatter().reformat(frame, format=pix_fmt, threads=1)))
        container.mux(stream.encode())
    return path


def read_frames(*paths: Path) -> Iterator[Tensor]:
    for path in paths:
        video = open_video(str(path))
        yield video.read_clips([EveryFrames(0.0, 3, 1)])[0].frames.int()
        video.close()


def noise(rows: int, columns: int) -> av.VideoFrame:
    planes = np.random.default_rng(0).integers(16, 236, (rows * 3 // 2, columns), np.uint8)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def test_a_picture_that_keeps_its_size_keeps_every_value() -> None:
    frame = noise(48, 64)
    shrunk = Shrinker(lambda rows, columns: (rows, columns))(frame)
    assert np.array_equal(shrunk.to_ndarray(), frame.to_ndarray())
    assert shrunk.format.name == "yuv420p"


def test_an_odd_row_and_column_are_cut_off_and_nothing_is_resampled() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (33, 47), np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, format="gray8").reformat(format="yuvj420p")
    shrunk = Shrinker(Coding().size)(frame)
    assert (shrunk.height, shrunk.width) == (32, 46)
    # The luma of full range in the limited one.
    luma = shrunk.to_ndarray()[:32].astype(float)
    assert np.abs(luma - (16 + picture[:32, :46].astype(float) * 219 / 255)).max() <= 1


@pytest.mark.parametrize(("rows", "columns"), [(1, 40), (40, 1)])
def test_a_line_of_pixels_becomes_two(rows: int, columns: int) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((rows, columns, 3), 128, np.uint8), format="rgb24")
    shrunk = Shrinker(Coding().size)(frame)
    assert (shrunk.height, shrunk.width) == (max(rows, 2), max(columns, 2))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        ("ffv1", "gray", "a.mkv"),
        ("ffv1", "gray10le", "a.mkv"),
        ("ffv1", "yuv444p", "a.mkv"),
        ("prores_ks", "yuv422p10le", "a.mov"),
        ("ffv1", "yuva420p", "a.mkv"),
        ("ffv1", "bgr0", "a.mkv"),
        ("ffv1", "gbrp10le", "a.mkv"),
        ("png", "rgba", "a.mov"),
        ("mjpeg", "yuvj420p", "a.mov"),
        ("mjpeg", "yuvj422p", "a.avi"),
        ("libx264", "yuv420p", "a.ts"),
    ],
)
def test_every_kind_of_pixel_keeps_its_colour(tmp_path: Path, codec: str, pix_fmt: str, name: str) -> None:
    source = write_bars(tmp_path / name, codec, pix_fmt)
    transcode(str(source), tmp_path / "out.mp4", Coding(crf=1))
    before, after = read_frames(source, tmp_path / "out.mp4")
    # Within each bar, where its neighbour's chroma does not reach.
    assert (before - after)[:, :, 12::24].abs().max() <= 3


@pytest.mark.parametrize(("matrix", "value_range"), [(1, 1), (1, 2), (5, 2), (6, 1), (9, 1), (2, 0)])
def test_matrix_and_range_are_told(tmp_path: Path, matrix: int, value_range: int) -> None:
    source = write_bars(tmp_path / "a.mkv", "libx264", "yuv420p", matrix, value_range)
    transcode(str(source), tmp_path / "out.mp4", Coding(crf=1))
    before, after = read_frames(source, tmp_path / "out.mp4")
    assert (before - after)[:, :, 12::24].abs().max() <= 3
    frame = first_frame(tmp_path / "out.mp4")
    # A range that is not told is the limited one.
    assert int(frame.color_range) in (0, 1)
    assert (int(frame.colorspace), frame.format.name) == (matrix, "yuv420p")


def test_rgb_is_given_a_matrix() -> None:
    frame = av.VideoFrame.from_ndarray(bars(), format="rgb24")
    assert colours(frame).matrix == 6
    assert colours(noise(16, 16)) == Colours(2, 2, 2)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_turned_pictures_are_right_to_the_pixel(tmp_path: Path, rotation: int) -> None:
    source = write_numbered(tmp_path / "turned.mp4", 3, rotation=rotation)
    frame = first_frame(source)
    shrunk = Shrinker(Coding().size)(frame).to_ndarray()
    rows, columns = shrunk.shape[0] * 2 // 3, shrunk.shape[1]
    expected = np.rot90(frame.to_ndarray()[: frame.height], rotation // 90)
    assert np.array_equal(shrunk[:rows, :columns], expected)
