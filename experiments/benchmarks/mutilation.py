"""Videos of several codecs, and every way to mutilate a file."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

ORIGINALS = {
    "h264.mp4": ("libx264", {"bf": "2", "g": "12"}),
    "h264_one_key_frame.mp4": ("libx264", {"bf": "3", "g": "250"}),
    "h264_open_gop.mkv": ("libx264", {"x264-params": "open-gop=1:keyint=10:bframes=3:scenecut=0"}),
    "h264.ts": ("libx264", {"bf": "2", "g": "12"}),
    "hevc.mp4": ("libx265", {"x265-params": "keyint=12:bframes=3:pools=none:log-level=none"}),
    "vp9.webm": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "vp8.webm": ("libvpx", {"g": "12", "deadline": "realtime"}),
    "mpeg4.avi": ("mpeg4", {"g": "12", "qscale": "4"}),
    "mpeg2.mpg": ("mpeg2video", {"g": "12", "qscale": "4"}),
    "mjpeg.mov": ("mjpeg", {"qscale": "4"}),
    "av1.mp4": ("libsvtav1", {"g": "12", "preset": "12", "svtav1-params": "lp=1"}),
}
"""Codec and options of the videos that are made."""

ROWS, COLUMNS, FRAMES, RATE = 64, 96, 48, 24
SUFFIXES = (".mp4", ".webm", ".avi", ".mkv", ".mov", ".mpg", ".ts", ".wmv", ".flv")
Chance = np.random.Generator
Damage = Callable[[bytearray, Chance], bytearray]


def make_original(path: Path, codec: str, options: dict[str, str]) -> None:
    """Write a video of a texture that moves, with grain, so that every byte of the file matters."""
    texture = np.random.default_rng(1).integers(0, 256, (ROWS // 8, COLUMNS // 8, 3), np.uint8)
    texture = texture.repeat(8, 0).repeat(8, 1)
    # No random identifiers, no tables at the pace of the clock, one thread: each run damages the same bytes.
    container_options = {"fflags": "+bitexact"}
    if path.suffix == ".ts":
        container_options |= {"pat_period": "99", "sdt_period": "99"}
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        assert isinstance(stream, VideoStream)
        stream.codec_context.thread_count = 1
        stream.width, stream.height = COLUMNS, ROWS
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(FRAMES):
            grain = np.random.default_rng(number).integers(0, 32, (ROWS, COLUMNS, 1), np.uint8)
            picture = np.roll(texture, (number, 2 * number), (0, 1)) // 2 + grain
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _span(data: bytearray, chance: Chance) -> slice:
    start = int(chance.integers(len(data)))
    return slice(start, start + int(chance.integers(1, max(len(data) // 8, 2))))


def _flip(data: bytearray, chance: Chance, number: int, first: int = 0, end: int | None = None) -> bytearray:
    end = len(data) if end is None else min(end, len(data))
    for place in chance.integers(first, end, number):
        data[place] ^= int(chance.integers(1, 256))
    return data


def zero_chunk(data: bytearray, chance: Chance) -> bytearray:
    """Overwrite a part with zeros."""
    span = _span(data, chance)
    data[span] = bytes(len(data[span]))
    return data


def remove_chunk(data: bytearray, chance: Chance) -> bytearray:
    """Take out a part."""
    del data[_span(data, chance)]
    return data


def repeat_chunk(data: bytearray, chance: Chance) -> bytearray:
    """Write a part twice."""
    span = _span(data, chance)
    return data[: span.stop] + data[span] + data[span.stop :]


def swap_halves(data: bytearray, chance: Chance) -> bytearray:
    """Exchange what lies before and after a place."""
    place = int(chance.integers(1, len(data)))
    return data[place:] + data[:place]


DAMAGES: dict[str, Damage] = {
    "truncated": lambda data, chance: data[: int(chance.integers(1, len(data)))],
    "last bytes missing": lambda data, chance: data[: -int(chance.integers(1, min(400, len(data))))],
    "first bytes missing": lambda data, chance: data[int(chance.integers(1, len(data))) :],
    "one byte flipped": lambda data, chance: _flip(data, chance, 1),
    "bytes flipped": lambda data, chance: _flip(data, chance, int(chance.integers(2, 64))),
    "1 % of bytes flipped": lambda data, chance: _flip(data, chance, len(data) // 100 + 1),
    "header flipped": lambda data, chance: _flip(data, chance, 4, 0, 600),
    "end flipped": lambda data, chance: _flip(data, chance, 4, max(len(data) - 2000, 0)),
    "chunk zeroed": zero_chunk,
    "chunk removed": remove_chunk,
    "chunk repeated": repeat_chunk,
    "halves swapped": swap_halves,
    "garbage behind": lambda data, chance: data + chance.bytes(int(chance.integers(1, 9000))),
    "garbage": lambda data, chance: bytearray(chance.bytes(len(data))),
    "zeros": lambda data, _: bytearray(len(data)),
    "empty": lambda _, __: bytearray(),
    "text": lambda data, _: bytearray(b"not found\n" * (len(data) // 10 + 1)),
}
SPECIAL = ("header of another", "wrong ending", "picture", "folder", "dangling link")


def mutilate(kind: str, original: Path, other: Path, path: Path, chance: Chance) -> Path:
    """Make a mutilated copy and return where."""
    path = path.with_suffix(original.suffix)
    data = bytearray(original.read_bytes())
    if kind in DAMAGES:
        path.write_bytes(DAMAGES[kind](data, chance))
    elif kind == "header of another":
        length = int(chance.integers(8, 2000))
        path.write_bytes(other.read_bytes()[:length] + data[length:])
    elif kind == "wrong ending":
        path = path.with_suffix(str(chance.choice([name for name in SUFFIXES if name != original.suffix])))
        path.write_bytes(data)
    elif kind == "picture":
        with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
            stream = container.add_stream("mjpeg", rate=1)
            stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "yuvj420p"
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((ROWS, COLUMNS, 3), np.uint8), "rgb24"))
            )
            container.mux(stream.encode())
    elif kind == "folder":
        path.mkdir()
        (path / "notes.txt").write_text("a folder with a video's name\n")
    else:
        path.symlink_to("nowhere.mp4")
    return path
