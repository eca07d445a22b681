"""Write a video anew so that clips of it decode fast, with the same pictures at the same times."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from vidmask.data.curation.contents import read_contents
from vidmask.data.curation.inspection import inspect, logged_errors, one_line_reason, status_of
from vidmask.data.readers import EveryFrames, FrameFolderReader, VideoReadError
from vidmask.data.readers.decoding import FrameDecoder
from vidmask.data.readers.frames import FRAMES_PER_SECOND
from vidmask.data.readers.packets import PacketReader, one_line
from vidmask.data.readers.timing import Span
from vidmask.data.stages import NO_CLOCK
from vidmask.data.writers import is_whole, unfinished_path

# Three B-frames between two others, which no picture refers to: PyAVReader decodes of them only those that a
# clip takes, half of all pictures at a stride of 4. Without CABAC and deblocking (fastdecode) each takes half
# the time.
_PRESET, _B_FRAMES = "fast", 3
# MP4 counts time in whole parts of a second, at most so many.
_MOST_TICKS = 1_000_000
_OTHER_TICKS = 90_000

# Errors that the next video would meet too; any other is the video's own.
_OF_THE_DISK = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.EFBIG)
)

_Picture = UInt8[np.ndarray, "r q 3"]


@dataclass(frozen=True)
class Coding:
    """How videos are written.

    Args:
        short_side: Most pixels of the shorter side; smaller videos keep their size, to the next even number.
        key_frames: Every so many-th frame at least can be decoded by itself.
        crf: x264's constant rate factor: 18 is hard to tell from the original, 23 is half as large.

    Raises:
        ValueError: If a number is out of range.
    """

    short_side: int = 256
    key_frames: int = 16
    crf: int = 20

    def __post_init__(self) -> None:
        if self.short_side < 16 or self.short_side % 2:
            raise ValueError(f"short_side must be even and at least 16, got {self.short_side}")
        if self.key_frames < 1:
            raise ValueError(f"key_frames must be at least 1, got {self.key_frames}")
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf must lie in [0, 51], got {self.crf}")

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        """Return rows and columns of what is written: even, and as near to the aspect as that allows."""
        scale = min(self.short_side / min(rows, columns), 1.0)
        return max(2 * round(rows * scale / 2), 2), max(2 * round(columns * scale / 2), 2)


class _Frames:
    """The frames of a video file in the order and at the times that the readers tell.

    Attributes:
        time_base: Seconds of a tick.
        frames_per_second: Mean frame rate.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._folder = FrameFolderReader(path) if os.path.isdir(path) else None  # noqa: PTH112
        self._file = PacketReader(path) if self._folder is None else None
        self.time_base = Fraction(1, FRAMES_PER_SECOND) if self._file is None else self._file.time_base

    @property
    def frames_per_second(self) -> float:
        return float(FRAMES_PER_SECOND) if self._file is None else self._file.frames_per_second()

    def __iter__(self) -> Iterator[tuple[int, _Picture]]:
        """Yield tick and picture of every frame.

        Raises:
            VideoReadError: If a frame cannot be decoded, or the file ends before its header says.
        """
        if self._folder is not None:
            for frame in range(round(self._folder.duration * FRAMES_PER_SECOND)):
                (clip,) = self._folder.read_clips([EveryFrames(Fraction(frame, FRAMES_PER_SECOND), 1, 1)])
                yield frame, clip.pictures[0]
        elif self._file is not None:
            with one_line(self.path, "cannot be decoded"):
                yield from self._of_file(self._file)

    def _of_file(self, file: PacketReader) -> Iterator[tuple[int, _Picture]]:
        decoder = FrameDecoder(file, NO_CLOCK)
        times: list[int] = []
        ticks = 0
        for time, frame in decoder.timed_frames(None):
            times.append(time)
            ticks = 1 if file.is_avi else frame.duration
            yield time, decoder.to_rgb(frame)
        if not times:
            raise VideoReadError(f"{self.path}: holds no frame that can be decoded")
        file.check_end(Span(file.start_pts, 1 << 62), times, ticks)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def transcode(source: str, out: Path, coding: Coding) -> int:
    """Write a video as H.264 (4:2:0) in MP4, without sound, and return its number of frames.

    A rotation is applied to the pixels; the first frame is at time 0 and the distances in time of all others
    are kept, so that a variable frame rate stays one. The pixels' aspect ratio is as the readers show it.
    The file appears under its name only when it is whole and on the disk.

    Args:
        source: A video file, or a folder of frames.
        out: The file. Its folder must exist; a file of that name is replaced.
        coding: How it is written.

    Raises:
        VideoReadError: If the source cannot be decoded to its end.
        OSError: If the file cannot be written.
    """
    frames = _Frames(source)
    unfinished = unfinished_path(out)
    try:
        try:
            number = _encode(frames, unfinished, coding)
        except FFmpegError as error:
            # Those of reading are a VideoReadError already.
            if error.errno in _OF_THE_DISK:
                raise OSError(error.errno, error.strerror, str(out)) from error
            raise VideoReadError(f"{source}: cannot be encoded: {error.strerror}") from error
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        # The errors of a full disk may be lost where FFmpeg closes a file.
        if not is_whole(unfinished) or _count(unfinished) != number:
            raise OSError(None, "was not written whole; is the disk full?", str(out))
        unfinished.replace(out)
    finally:
        frames.close()
        unfinished.unlink(missing_ok=True)
    return number


def _encode(frames: _Frames, path: Path, coding: Coding) -> int:
    base = frames.time_base
    if base.denominator > _MOST_TICKS:
        base = Fraction(1, _OTHER_TICKS)
    rate = Fraction(frames.frames_per_second).limit_denominator(1001)
    options = {"preset": _PRESET, "tune": "fastdecode", "crf": str(coding.crf), "bf": str(_B_FRAMES)}
    options["x264-params"] = "b-adapt=0:b-pyramid=none"
    number, first, last, stream, shape = 0, 0, -1, None, ()
    reformatter = VideoReformatter()
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        for tick, picture in frames:
            if stream is None:
                first, shape = tick, picture.shape
                stream = container.add_stream("libx264", rate=rate, options=options)
                stream.height, stream.width = coding.size(*shape[:2])
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
                stream.codec_context.gop_size = coding.key_frames
                stream.codec_context.time_base = base
            if picture.shape != shape:
                raise VideoReadError(f"{frames.path}: changes its picture size")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = reformatter.reformat(
                frame, stream.width, stream.height, "yuv420p", interpolation="BICUBIC", threads=1
            )
            # Two frames of one time after rounding would be refused.
            last = max(round((tick - first) * frames.time_base / base), last + 1)
            frame.pts, frame.time_base = last, base
            container.mux(stream.encode(frame))
            number += 1
        if stream is None:
            raise VideoReadError(f"{frames.path}: holds no frame")
        container.mux(stream.encode())
    return number


def _count(path: Path) -> int:
    file = PacketReader(path)
    try:
        return sum(1 for packet in file.demux(None) if packet.size)
    finally:
        file.close()


def prepare_video(task: dict[str, Any]) -> dict[str, Any]:
    """Write a video anew, check what was written, and return what a manifest tells of it.

    Args:
        task: ``source`` and ``out``, paths; ``coding``, the arguments of ``Coding``.

    Returns:
        The fields of a ``Record`` but for path, split and labels, and ``source``: length and time of the
        source as it was read. Of a video that cannot be decoded to its end they say that it is broken, and no
        file is written. What is suspect of the source is so of the file made of it.

    Raises:
        OSError: If the file cannot be written.
    """
    source, out = task["source"], Path(task["out"])
    before = status_of(source)
    try:
        with logged_errors() as logged:
            number = transcode(source, out, Coding(**task["coding"]))
        problems = [f"FFmpeg reports: {line}" for line in logged[:1]] + _contradictions(source, number)
    except (VideoReadError, OSError) as error:
        if not isinstance(error, VideoReadError) and error.filename != source:
            raise
        return {"verdict": "broken", "reason": one_line_reason(str(error), source)}
    if status_of(source) != before:
        out.unlink(missing_ok=True)
        return {"verdict": "broken", "reason": "was written to, or vanished, while it was prepared"}
    found = inspect({"path": str(out), "full": False, "may_be_folder": False})
    verdict = "suspect" if problems and found["verdict"] == "ok" else found["verdict"]
    told = "; ".join([*problems, f"{number} frames transcoded from {source}", found["reason"]])
    return found | {"verdict": verdict, "reason": one_line_reason(told, str(out)), "source": before}


def _contradictions(source: str, number: int) -> list[str]:
    """Return what makes a source suspect, although all that was decoded of it is well."""
    if os.path.isdir(source):  # noqa: PTH112
        return []
    contents = read_contents(source)
    lost = [f"{number} of {contents.frames} frames decoded"] if number != contents.frames else []
    return [*contents.problems, *lost]
