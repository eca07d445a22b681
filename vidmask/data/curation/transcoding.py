"""Write a video anew so that clips of it decode fast, with the same pictures at the same times."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from vidmask.data.curation.contents import read_contents
from vidmask.data.curation.inspection import inspect, logged_errors, one_line_reason, status_of
from vidmask.data.curation.shrinking import Colours, Shrinker, colours
from vidmask.data.curation.source_frames import SourceFrames
from vidmask.data.readers import VideoReadError
from vidmask.data.readers.packets import PacketReader
from vidmask.data.words import counted
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


@dataclass(frozen=True)
class Coding:
    """How videos are written.

    Args:
        short_side: Most pixels of the shorter side; smaller videos lose an odd row or column at most.
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
        """Return rows and columns of what is written: even, and as near to the aspect as that allows.

        What is not shrunk loses an odd row or column rather than being resampled.
        """
        scale = self.short_side / min(rows, columns)
        if scale >= 1:
            return max(rows - rows % 2, 2), max(columns - columns % 2, 2)
        return max(2 * round(rows * scale / 2), 2), max(2 * round(columns * scale / 2), 2)


def transcode(source: str, out: Path, coding: Coding) -> int:
    """Write a video as H.264 (4:2:0) in MP4, without sound, and return its number of frames.

    A rotation is applied to the pixels; the first frame is at time 0 and the distances in time of all others
    are kept, so that a variable frame rate stays one. Colours are meant as in the source, but for their
    range, which is the limited one. The pixels' aspect ratio is as the readers show it.
    The file appears under its name only when it is whole and on the disk.

    Args:
        source: A video file, or a folder of frames.
        out: The file. Its folder must exist; a file of that name is replaced.
        coding: How it is written.

    Raises:
        VideoReadError: If the source cannot be decoded to its end.
        OSError: If the file cannot be written.
    """
    frames = SourceFrames(source)
    # A name that is as long as names may be leaves no room for what is added to it.
    unfinished = unfinished_path(out.with_name("video"))
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


def _encode(frames: SourceFrames, path: Path, coding: Coding) -> int:
    base = frames.time_base if frames.time_base.denominator <= _MOST_TICKS else Fraction(1, _OTHER_TICKS)
    shrinker = Shrinker(coding.size)
    number, first, last, end, stream, shape = 0, 0, -1, 0, None, (0, 0, 0)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        muxer = _Muxer(container)
        for tick, ticks, frame in frames:
            if frame.rotation % 90:
                raise VideoReadError(
                    f"{frames.path}: asks to be turned by {frame.rotation}°, which is no quarter turn"
                )
            picture = shrinker(frame)
            if stream is None:
                first, shape = tick, (frame.height, frame.width, frame.rotation)
                stream = _add_stream(container, frames.rate, base, picture, colours(frame), coding)
            if (frame.height, frame.width, frame.rotation) != shape:
                raise VideoReadError(f"{frames.path}: changes its picture size")
            start, end = (round((time - first) * frames.time_base / base) for time in (tick, tick + ticks))
            # Two frames of one time after rounding would be refused.
            last = max(start, last + 1)
            end = max(end, last + 1)
            picture.time_base, picture.pts, picture.duration = base, last, end - last
            # Else x264 makes a key frame of each that was one.
            picture.pict_type = PictureType.NONE
            muxer.mux(stream.encode(picture))
            number += 1
        if stream is None:
            raise VideoReadError(f"{frames.path}: holds no frame")
        muxer.mux(stream.encode())
        muxer.finish(end)
    return number


class _Muxer:
    """Write packets so that the file tells the length of the video.

    MP4 counts it along the packets in decoding order. With B-frames and a variable frame rate these end at
    another time than the pictures, unless the last packet lasts for what is lacking.
    """

    def __init__(self, container: OutputContainer) -> None:
        self._container = container
        self._held: Packet | None = None
        self._begin = 0

    def mux(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            if self._held is None:
                self._begin = packet.dts or 0
            else:
                self._container.mux(self._held)
            self._held = packet

    def finish(self, end: int) -> None:
        """Write the last packet of a video that ends at a tick."""
        assert self._held is not None
        self._held.duration = max(end + self._begin - (self._held.dts or 0), self._held.duration or 0, 1)
        self._container.mux(self._held)


def _add_stream(
    container: OutputContainer,
    rate: Fraction,
    base: Fraction,
    picture: VideoFrame,
    meant: Colours,
    coding: Coding,
) -> VideoStream:
    options = {"preset": _PRESET, "tune": "fastdecode", "crf": str(coding.crf), "bf": str(_B_FRAMES)}
    # Macroblock trees (mbtree) are sums of floats that depend on the processor, and with AVX-512 and B-frames
    # on memory that nothing has written to: a file would come out otherwise the next time.
    options["x264-params"] = "b-adapt=0:b-pyramid=none:mbtree=0"
    stream = container.add_stream("libx264", rate=rate, options=options)
    stream.height, stream.width, stream.pix_fmt = picture.height, picture.width, "yuv420p"
    context = stream.codec_context
    context.thread_count = 1
    context.gop_size = coding.key_frames
    context.time_base = base
    context.flags |= Flags.frame_duration
    context.color_range = ColorRange.MPEG
    context.colorspace, context.color_primaries, context.color_trc = meant
    return stream


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
    told = "; ".join([*problems, f"{counted(number, 'frame')} transcoded from {source}", found["reason"]])
    return found | {"verdict": verdict, "reason": one_line_reason(told, str(out)), "source": before}


def _contradictions(source: str, number: int) -> list[str]:
    """Return what makes a source suspect, although all that was decoded of it is well."""
    if os.path.isdir(source):  # noqa: PTH112
        return []
    contents = read_contents(source)
    lost = [f"{number} of {contents.frames} frames decoded"] if number != contents.frames else []
    return [*contents.problems, *lost]
