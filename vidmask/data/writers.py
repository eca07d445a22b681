"""Write a clip as an H.264 MP4 file, whole or not at all, and tell a whole file from a truncated one."""

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

# A key frame every 16 frames and no B-frames: a clip that starts anywhere decodes few frames in vain.
# No look-ahead (zerolatency), which gains nothing on 40 frames and makes a file depend on one thread only.
_KEY_FRAME_INTERVAL = 16
_ENCODER_OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "crf": "18"}

_UNFINISHED = ".unfinished"


def write_video(path: Path, frames: UInt8[np.ndarray, "t h w 3"], fps: Fraction) -> None:
    """Encode RGB frames as H.264 (4:2:0) in MP4.

    The file appears under its name only when it is whole, also if the process is killed.

    Args:
        path: The file. Its folder must exist; a file of that name is replaced.
        frames: The frames; height and width must be even.
        fps: Frames a second.
    """
    unfinished = unfinished_path(path)
    try:
        with av.open(str(unfinished), "w", format="mp4", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=fps, options=_ENCODER_OPTIONS)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            stream.codec_context.gop_size = _KEY_FRAME_INTERVAL
            reformatter = VideoReformatter()
            for frame in frames:
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                container.mux(stream.encode(reformatter.reformat(picture, format="yuv420p")))
            container.mux(stream.encode())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Tell whether an MP4 file ends where its own table of contents says.

    The file is a row of boxes, each opened by its length in bytes (ISO/IEC 14496-12, section 4.2). Reads
    a few bytes and decodes nothing.
    """
    if not path.is_file():
        return False
    length, place, kinds = path.stat().st_size, 0, set()
    with path.open("rb") as file:
        while place + 8 <= length:
            file.seek(place)
            header = file.read(8)
            size = int.from_bytes(header[:4], "big")
            if size == 1:
                # A box of more than 4 GB tells its length after its kind.
                size = int.from_bytes(file.read(8), "big")
            if size < 8:
                return False
            kinds.add(header[4:])
            place += size
    return place == length and {b"moov", b"mdat"} <= kinds


def unfinished_path(path: Path) -> Path:
    """Return a hidden name beside a file that no other process uses, to write under until it is whole."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{_UNFINISHED}")


def unfinished_paths(folder: Path) -> Iterator[Path]:
    """Yield what is being written in a folder and its folders, or was when a process was killed."""
    yield from folder.rglob(f".*{_UNFINISHED}")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the block another name to write to, which becomes the file's own once the block has ended well.

    Args:
        path: The file; one of that name is replaced.

    Raises:
        OSError: If it cannot be written, naming the file.
    """
    unfinished = unfinished_path(path)
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise OSError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8 to a file, whole or not at all; see ``whole_file``."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def check_writable(path: Path) -> None:
    """Try whether a file can be made, before the work whose result it is to hold.

    Raises:
        OSError: If it cannot be. A file that is there stays as it is.
    """
    unfinished = unfinished_path(path)
    try:
        unfinished.touch()
        unfinished.unlink()
    except OSError as error:
        raise OSError(f"{path}: cannot be written: {error.strerror}") from error
