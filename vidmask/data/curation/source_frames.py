"""All frames of a video in order, from a file or from a folder of frames."""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from av.video.frame import VideoFrame

from vidmask.data.readers import EveryFrames, FrameFolderReader, VideoReadError
from vidmask.data.readers.decoding import FrameDecoder
from vidmask.data.readers.frames import FRAMES_PER_SECOND
from vidmask.data.readers.packets import PacketReader, one_line
from vidmask.data.readers.timing import Span
from vidmask.data.stages import NO_CLOCK

# Of a file that tells none, such as one of a single frame: each frame comes with its own time anyway.
_PLANNED_RATE = 25.0


class TimedFrame(NamedTuple):
    """A frame, the tick at which it appears, and how many ticks it is shown."""

    tick: int
    ticks: int
    frame: VideoFrame


class SourceFrames:
    """The frames of a video in the order and at the times that the readers tell, decoded one by one.

    Args:
        path: The file, or the folder.

    Raises:
        VideoReadError: If it cannot be opened.

    Attributes:
        path: As given.
        time_base: Seconds of a tick.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._folder = FrameFolderReader(path) if os.path.isdir(path) else None  # noqa: PTH112
        self._file = PacketReader(path) if self._folder is None else None
        self.time_base = Fraction(1, FRAMES_PER_SECOND) if self._file is None else self._file.time_base

    @property
    def rate(self) -> Fraction:
        """Return about how many frames a second has, for the encoder to plan by."""
        try:
            rate = float(FRAMES_PER_SECOND) if self._file is None else self._file.frames_per_second()
        except VideoReadError:
            rate = _PLANNED_RATE
        return max(Fraction(rate).limit_denominator(1001), Fraction(1, 1001))

    def __iter__(self) -> Iterator[TimedFrame]:
        """Yield every frame.

        Raises:
            VideoReadError: If a frame cannot be decoded, or the file ends before its header says.
        """
        if self._folder is not None:
            for number in range(round(self._folder.duration * FRAMES_PER_SECOND)):
                (clip,) = self._folder.read_clips([EveryFrames(Fraction(number, FRAMES_PER_SECOND), 1, 1)])
                yield TimedFrame(number, 1, VideoFrame.from_ndarray(clip.pictures[0], format="rgb24"))
        elif self._file is not None:
            with one_line(self.path, "cannot be decoded"):
                yield from self._of_file(self._file)

    def _of_file(self, file: PacketReader) -> Iterator[TimedFrame]:
        held: TimedFrame | None = None
        ticks = 0
        for time, frame in FrameDecoder(file, NO_CLOCK).timed_frames(None):
            if held is not None:
                ticks = time - held.tick
                yield held._replace(ticks=ticks)
            held = TimedFrame(time, 1 if file.is_avi else frame.duration, frame)
        if held is None:
            raise VideoReadError(f"{self.path}: holds no frame that can be decoded")
        file.check_end(Span(file.start_pts, 1 << 62), [held.tick], held.ticks)
        # Where nothing tells how long the last one is shown, it is as long as the one before.
        yield held._replace(ticks=held.ticks or ticks or round(1 / (self.rate * self.time_base)))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
