"""The packets of a video file: what its header tells, and the packets that a clip needs."""

import re
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cached_property
from io import IOBase
from math import floor
from os import PathLike, fspath
from typing import BinaryIO

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from vidmask.data.readers.base import ClipRequest, EveryFrames
from vidmask.data.readers.refusals import no_container, no_regular_file, no_video
from vidmask.data.readers.timing import EveryFrame, FrameChoice, Instants, Seconds, Span

# Headers are rounded, so a video may end this much before its header says.
TRUNCATED_SECONDS = 0.5
_DURATION_TAG = re.compile(r"([0-9]+):([0-9]+):([0-9]+(?:\.[0-9]+)?)")


class VideoReadError(ValueError):
    """A file that is no video, or a video that cannot be decoded where a clip needs it."""


@contextmanager
def one_line(name: str, problem: str) -> Iterator[None]:
    """Turn the errors of FFmpeg and of the file system into one line that names the file."""
    try:
        yield
    except (FFmpegError, OSError) as error:
        raise VideoReadError(f"{name}: {problem}: {error.strerror or error}") from error


class PacketReader:
    """An open video file, of which the first video stream is read packet by packet.

    Args:
        file: Path, or a file opened for reading bytes.
        name: Name for messages; the path if None.

    Raises:
        VideoReadError: If the file is missing, is no video, or its header cannot be read.
    """

    def __init__(self, file: str | PathLike[str] | BinaryIO | IOBase, name: str | None = None) -> None:
        source = fspath(file) if isinstance(file, str | PathLike) else file
        self.name = name or str(source if isinstance(source, str) else getattr(source, "name", "file"))
        self._container = self._open(source)
        refusal = no_video(self._container)
        if refusal:
            self.close()
            raise VideoReadError(f"{self.name}: {refusal}")
        self.stream: VideoStream = self._container.streams.video[0]
        assert self.stream.time_base is not None
        self.codec = self.stream.codec_context
        # Of the codec, where that of the decoder may be the name of a library.
        self.codec_name: str = self.codec.codec.canonical_name
        self.time_base: Fraction = self.stream.time_base
        self.start_pts: int = self.stream.start_time or 0
        self.stream_index: int = self.stream.index
        self.container_name = self._container.format.name
        # AVI knows only the order of the frames; a tick is a frame.
        self.is_avi = self.container_name == "avi"
        self._untouched = True

    def _open(self, source: str | BinaryIO | IOBase) -> InputContainer:
        refusal = no_regular_file(source) if isinstance(source, str) else ""
        if refusal:
            raise VideoReadError(f"{self.name}: {refusal}")
        try:
            with one_line(self.name, "cannot be opened as a video"):
                # Tags need not be UTF-8, and say nothing of the pictures.
                return av.open(source, mode="r", metadata_errors="replace")
        except VideoReadError:
            told = no_container(source) if isinstance(source, str) else ""
            if not told:
                raise
            raise VideoReadError(f"{self.name}: {told}") from None

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def to_pts(self, seconds: Seconds, up: bool = False) -> int:
        """Return the tick at or before (``up``: at or after) a time from the first frame on."""
        # A thousandth of a tick absorbs the rounding of a time that was computed from a tick.
        ticks = float(seconds / self.time_base)
        return (-floor(-ticks + 1e-3) if up else floor(ticks + 1e-3)) + self.start_pts

    def to_seconds(self, pts: int) -> float:
        """Return the time of a tick in seconds from the first frame on."""
        return (pts - self.start_pts) * self.time_base.numerator / self.time_base.denominator

    def choice(self, request: ClipRequest) -> FrameChoice:
        """Return what a clip asks for, in ticks."""
        if isinstance(request, EveryFrames):
            return EveryFrame(self.to_pts(request.start_seconds), request.num_frames, request.stride_frames)
        return Instants(tuple(self.to_pts(instant) for instant in request.instants))

    @cached_property
    def duration(self) -> float:
        """Return the length in seconds: from the header, or from the packets where it says nothing."""
        with one_line(self.name, "cannot be read"):
            return float(self.duration_ticks() * self.time_base)

    def duration_ticks(self) -> int:
        """Return the length of the video, from the header or else from all packets."""
        promised = self._promised_ticks()
        if promised is not None:
            return promised
        if self._container.duration is not None:
            return round(Fraction(self._container.duration, av.time_base) / self.time_base)
        packets = self.around(Span(self.start_pts, 1 << 62))
        return (
            max(((packet.pts or 0) + (packet.duration or 0) for packet in packets), default=0)
            - self.start_pts
        )

    def frames_per_second(self) -> float:
        """Return the mean frame rate."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        if not rate:
            raise VideoReadError(f"{self.name}: tells no frame rate; give the stride in seconds")
        return float(rate)

    def around(self, choice: FrameChoice) -> list[Packet]:
        """Return the packets from a key frame at or before a clip to the clip's end, in decoding order."""
        packets: list[Packet] = []
        for position in self.positions(choice.first):
            packets.clear()
            times: list[int] = []
            for packet in self.demux(position):
                # A seek may land on the key frame after the clip's start.
                if not packets and position is not None and (packet.pts is None or packet.pts > choice.first):
                    break
                until = choice.until(times) if times else None
                if until is not None and packet.dts is not None and until < packet.dts:
                    break
                packets.append(packet)
                if packet.pts is not None and not packet.is_discard:
                    insort(times, packet.pts)
            else:
                self.check_end(choice, times, max((packet.duration or 0 for packet in packets), default=0))
            if packets:
                break
        return packets

    def end_of(self, choice: FrameChoice) -> int:
        """Return about when a clip ends, before any of its packets is read; its start if nothing tells."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        last = choice.until([])
        if last is not None:
            return last
        if not isinstance(choice, EveryFrame) or not rate:
            return choice.first
        return choice.first + round((choice.count - 1) * choice.stride / rate / self.time_base)

    def positions(self, first: int) -> Iterator[int | None]:
        """Yield where to seek for an instant: there, then ever further back, at last (None) the beginning."""
        back = 0
        # After a seek in an MPEG program stream FFmpeg tells times that are off by half a frame.
        while first - back > self.start_pts and self.container_name != "mpeg":
            yield first - back
            back = 2 * back or round(1 / self.time_base)
        yield None

    def demux(self, position: int | None) -> Iterator[Packet]:
        """Yield the packets from a key frame at about ``position`` on, or from the beginning."""
        if position is not None:
            self._container.seek(position, stream=self.stream)
        elif not self._untouched:
            self._container.seek(0)
        self._untouched = False
        at_key_frame = position is None
        for packet in self.packets():
            if packet.is_corrupt:
                raise VideoReadError(f"{self.name}: ends inside a frame: the file is truncated")
            # A transport stream is entered anywhere.
            at_key_frame = at_key_frame or packet.is_keyframe
            if packet.size and at_key_frame:
                yield packet

    def packets(self) -> Iterator[Packet]:
        """Yield every packet from where the file stands to its end, and an empty one that marks the end.

        Raises:
            VideoReadError: If a stream begins in the middle.
        """
        try:
            yield from self._container.demux(self.stream)
        except IndexError:
            # What PyAV makes of a packet of a stream that was not there when the file was opened.
            raise VideoReadError(f"{self.name}: is damaged: a stream begins in the middle") from None

    def check_end(self, choice: FrameChoice, times: list[int], frame_ticks: int) -> None:
        """Refuse to repeat the last frame where the header promises more than the file holds.

        Args:
            choice: What the clip needs.
            times: The times of the frames up to the end of the file.
            frame_ticks: How long the last of them is shown.

        Raises:
            VideoReadError: If the clip needs frames that the file should hold and does not.
        """
        promised = self._promised_ticks()
        until = choice.until(times)
        if not times or promised is None or (until is not None and until <= times[-1]):
            return
        missing = float((self.start_pts + promised - times[-1] - frame_ticks) * self.time_base)
        if missing > TRUNCATED_SECONDS:
            raise VideoReadError(
                f"{self.name}: ends {missing:.2f} s before the {float(promised * self.time_base):.2f} s that "
                "its header tells: the file is truncated"
            )

    def _promised_ticks(self) -> int | None:
        """Return the length that the header tells of the video stream itself."""
        if self.is_avi:
            # FFmpeg cuts the duration to the length of the file, but not the number of frames.
            return max(self.stream.frames, self.stream.duration or 0) or None
        if self.stream.duration is not None:
            return self.stream.duration
        # Matroska and WebM: a tag of the stream, else the length of the longest stream.
        tag = _DURATION_TAG.fullmatch(self.stream.metadata.get("DURATION", ""))
        if tag is not None:
            hours, minutes, seconds = (Fraction(part) for part in tag.groups())
            return self._from_first_frame((3600 * hours + 60 * minutes + seconds) / self.time_base)
        if len(self._container.streams) == 1 and self._container.duration is not None:
            return self._from_first_frame(Fraction(self._container.duration, av.time_base) / self.time_base)
        return None

    def _from_first_frame(self, end: Fraction) -> int:
        # Both are written as the time at which the last frame ends, not as a length.
        return max(round(end) - self.start_pts, 0)
