"""Videos whose every frame tells its own number, in black and white blocks that survive compression."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from jaxtyping import UInt8
from torch import Tensor

ROWS, COLUMNS = 32, 64

FORMATS = {
    "h264 with B-frames": (
        "a.mp4",
        {"codec": "libx264", "options": {"bf": "3", "g": "12", "b-pyramid": "normal"}},
    ),
    "h264 of one key frame": ("a.mp4", {"codec": "libx264", "options": {"bf": "2", "g": "250"}}),
    "h264 open GOP": (
        "a.mkv",
        {
            "codec": "libx264",
            "options": {"bf": "3", "g": "10", "x264-params": "open-gop=1:b-pyramid=strict:scenecut=0"},
            "noise": 60,
        },
    ),
    "h264 in a transport stream": ("a.ts", {"codec": "libx264", "options": {"bf": "2", "g": "10"}}),
    "h264 of 10 bits": ("a.mp4", {"codec": "libx264", "pix_fmt": "yuv420p10le", "options": {"g": "10"}}),
    "hevc": ("a.mp4", {"codec": "libx265", "options": {"x265-params": "keyint=12:bframes=3:log-level=none"}}),
    "mpeg4 in AVI": ("a.avi", {"codec": "mpeg4", "options": {"g": "10", "qscale": "2"}}),
    "mpeg4 in AVI with B-frames": ("a.avi", {"codec": "mpeg4", "options": {"g": "12"}, "max_b_frames": 2}),
    "mpeg4 in MP4 with B-frames": ("a.mp4", {"codec": "mpeg4", "options": {"g": "12"}, "max_b_frames": 2}),
    "mpeg2": ("a.mpg", {"codec": "mpeg2video", "options": {"g": "12"}, "max_b_frames": 2}),
    "vp9 in WebM": (
        "a.webm",
        {"codec": "libvpx-vp9", "options": {"g": "12", "deadline": "realtime", "cpu-used": "8"}},
    ),
    "vp8 in WebM with hidden frames": (
        "a.webm",
        {"codec": "libvpx", "options": {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "10", "b": "1M"}},
    ),
    "av1": ("a.mp4", {"codec": "libsvtav1", "options": {"g": "12", "preset": "12", "crf": "5"}}),
    "motion jpeg": ("a.mov", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
}
"""Name and options of a video for each kind of codec, container and group of pictures."""


def numbered_picture(number: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """Return a picture of eight blocks, two rows of four, that are the bits of ``number``."""
    bits = np.array([number >> bit & 1 for bit in range(8)], np.uint8).reshape(2, 4)
    grey = (bits * 255).repeat(rows // 2, 0).repeat(columns // 4, 1)
    return np.stack([grey] * 3, -1)


def numbers(frames: UInt8[Tensor, "t r q 3"]) -> list[int]:
    """Read the numbers back."""
    rows, columns = frames.shape[1:3]
    blocks = (
        frames.float().mean(-1).reshape(len(frames), 2, rows // 2, 4, columns // 4).mean((2, 4)).flatten(1)
    )
    return [sum(int(value > 127) << bit for bit, value in enumerate(row)) for row in blocks]


def write_numbered(
    path: Path,
    num_frames: int,
    *,
    codec: str = "libx264",
    rate: int = 25,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    ticks: Sequence[int] | None = None,
    rotation: int = 0,
    max_b_frames: int | None = None,
    noise: int = 0,
) -> Path:
    """Write a video of numbered frames.

    Args:
        path: Where; the suffix tells the container.
        num_frames: Frames, numbered from 0.
        codec: Encoder.
        rate: Frames per second.
        pix_fmt: Pixel format.
        options: Options of the encoder.
        container_options: Options of the container.
        ticks: Presentation time of each frame in milliseconds; evenly spaced if None.
        rotation: Counter-clockwise rotation in degrees that a player shall apply.
        max_b_frames: B-frames in a row, for encoders that take it as a number.
        noise: Greatest grey value that is added to the black and taken from the white, so that frames take
            up room in the file.
    """
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, pix_fmt
        if max_b_frames is not None:
            stream.codec_context.max_b_frames = max_b_frames
        if rotation:
            stream.set_display_rotation(rotation)
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        chance = np.random.default_rng(0)
        for number in range(num_frames):
            grain = chance.integers(0, noise + 1, (ROWS, COLUMNS, 1), np.uint8)
            picture = np.abs(numbered_picture(number).astype(np.int16) - grain).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if ticks is not None:
                frame.pts, frame.time_base = ticks[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_format(kind: str, folder: Path, num_frames: int) -> Path:
    """Write a numbered video of one of the ``FORMATS``; skip the test where there is no encoder for it."""
    name, options = FORMATS[kind]
    if options["codec"] not in av.codecs_available:
        pytest.skip(f"this build of PyAV has no encoder {options['codec']}")
    return write_numbered(folder / name, num_frames, **options)
