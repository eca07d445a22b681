"""What a video file holds, as its packets tell: without decoding, and against what its header says."""

import contextlib
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from statistics import median

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from vidmask.data.readers.packets import TRUNCATED_SECONDS, PacketReader, VideoReadError, one_line

# What FFmpeg takes a file for whose name ends like this.
_CONTAINERS = {
    (".mp4", ".m4v", ".mov", ".3gp"): {"mov,mp4,m4a,3gp,3g2,mj2"},
    (".webm", ".mkv"): {"matroska,webm"},
    (".avi",): {"avi"},
    (".mpg", ".mpeg"): {"mpeg", "mpegvideo", "mpegts"},
    (".wmv",): {"asf"},
    (".flv",): {"flv", "live_flv"},
    (".ts",): {"mpegts"},
}


@dataclass(frozen=True)
class Contents:
    """What the header and the packets of a file tell.

    Attributes:
        container: FFmpeg's name of the container.
        codec: FFmpeg's name of the codec, whichever decoder reads it.
        fps: Mean frame rate that the header tells, or else that of the frames.
        frames: Frames in the file.
        seconds: Time of each frame in ascending order, as readers count: from the stream's beginning on; None
            if some packets tell none.
        duration_seconds: From the first frame to the end of the last; None if that is not known.
        key_frame_interval: Greatest distance of a key frame from the next one or from the end, in frames.
        rotation: Degrees counter-clockwise; None if no frame can be decoded.
        problems: What contradicts, in words.
        notes: What a user may want to know.
    """

    container: str
    codec: str
    fps: float | None
    frames: int
    seconds: list[float] | None
    duration_seconds: float | None
    key_frame_interval: int | None
    rotation: int | None
    problems: list[str]
    notes: list[str]


def read_contents(path: str | PathLike[str]) -> Contents:
    """Read every packet of the first video stream.

    Raises:
        VideoReadError: If the file is no video or cannot be read to its end.
    """
    file = PacketReader(path)
    try:
        with one_line(file.name, "cannot be read"):
            return _contents(file)
    finally:
        file.close()


def _contents(file: PacketReader) -> Contents:
    name, kind = file.name, file.container_name
    file.codec.thread_count = 1
    tally = _Tally(file)
    for packet in file.packets():
        tally.add(packet)
    if not tally.frames:
        raise VideoReadError(f"{name}: holds no frame")
    problems, notes = tally.contradictions(name)
    accepted = next(
        (kinds for suffixes, kinds in _CONTAINERS.items() if name.lower().endswith(suffixes)), None
    )
    if accepted is not None and kind not in accepted:
        problems.insert(0, f"holds {kind}, though its name ends in {name[name.rindex('.') :]}")
    return Contents(
        container=kind,
        codec=file.codec_name,
        fps=tally.fps(),
        frames=tally.frames,
        seconds=tally.seconds(),
        duration_seconds=tally.duration(),
        key_frame_interval=tally.key_frame_interval(),
        rotation=None if tally.picture is None else tally.picture.rotation,
        problems=problems,
        notes=notes,
    )


class _Tally:
    """Counts over the packets of a stream."""

    def __init__(self, file: PacketReader) -> None:
        self.frames = 0
        self.picture: VideoFrame | None = None
        self._file = file
        self._stream = file.stream
        self._base = file.time_base
        self._times: list[int] = []
        self._unshown = self._corrupt = self._backward = 0
        self._key_frames: list[int] = []
        self._last_dts: int | None = None
        self._latest = self._last_duration = 0
        self._seconds: list[float] | None = None

    def add(self, packet: Packet) -> None:
        self._corrupt += packet.is_corrupt
        if self.picture is None:
            self._try_to_decode(packet)
        if packet.dts is not None and packet.size:
            self._backward += self._last_dts is not None and packet.dts <= self._last_dts
            self._last_dts = packet.dts
        if not packet.size and packet.pts is None and packet.dts is None:
            # The end of the file.
            return
        if packet.is_keyframe:
            self._key_frames.append(self.frames + self._unshown)
        if not packet.size or packet.is_discard or self._is_hidden(packet):
            self._unshown += 1
            return
        # AVI knows only the order of the frames, and FFmpeg guesses presentation times from it.
        time = packet.dts if self._file.is_avi else packet.pts
        if time is not None:
            if not self._times or time > self._latest:
                self._latest, self._last_duration = time, packet.duration or 0
            self._times.append(time)
        self.frames += 1

    def _try_to_decode(self, packet: Packet) -> None:
        # The reader, who decodes as in training, says what it thinks of any damage.
        with contextlib.suppress(FFmpegError):
            self.picture = next(iter(packet.decode()), None)  # pyright: ignore[reportAttributeAccessIssue]

    def _is_hidden(self, packet: Packet) -> bool:
        # RFC 6386, section 9.1: the bit show_frame. Other codecs pack hidden frames with shown ones.
        return self._file.codec_name == "vp8" and not bytes(packet)[0] & 0x10

    def seconds(self) -> list[float] | None:
        if len(self._times) < self.frames:
            return None
        if self._seconds is None:
            start, base = self._stream.start_time or 0, self._base
            times = sorted(set(self._times))
            self._seconds = [(time - start) * base.numerator / base.denominator for time in times]
        return self._seconds

    def duration(self) -> float | None:
        seconds = self.seconds()
        if seconds is None:
            return None
        own = float(self._last_duration * self._base)
        gaps = [later - earlier for earlier, later in pairwise(seconds)]
        return seconds[-1] - seconds[0] + (own or (median(gaps) if gaps else 0.0))

    def fps(self) -> float | None:
        rate = self._stream.average_rate or self._stream.guessed_rate
        duration = self.duration()
        if rate:
            return float(rate)
        return self.frames / duration if duration else None

    def key_frame_interval(self) -> int | None:
        places = [*self._key_frames, self.frames + self._unshown]
        return max((later - earlier for earlier, later in pairwise(places)), default=None)

    def contradictions(self, name: str) -> tuple[list[str], list[str]]:
        """Return problems and notes.

        Raises:
            VideoReadError: If a packet is cut off.
        """
        if self._corrupt:
            raise VideoReadError(f"{name}: {self._corrupt} of {self.frames} packets are cut off or damaged")
        problems, notes = [], []
        if not self._key_frames:
            problems.append("marks no key frame")
        elif self._key_frames[0]:
            problems.append(f"begins with {self._key_frames[0]} frames that need an earlier one")
        duplicates = len(self._times) - len(set(self._times))
        if duplicates:
            problems.append(f"{duplicates} of {self.frames} frames have the time of another")
        if self._backward:
            problems.append(f"decoding times go back {self._backward} times")
        self._compare_with_header(problems, notes)
        seconds = self.seconds()
        if seconds is None:
            notes.append(f"{self.frames - len(self._times)} of {self.frames} packets tell no time")
        else:
            notes += _variable_rate(seconds, float(self._base))
        return problems, notes

    def _compare_with_header(self, problems: list[str], notes: list[str]) -> None:
        duration = self.duration()
        told = None if self._stream.duration is None else float(self._stream.duration * self._base)
        excess = 0.0 if told is None or duration is None else duration - told
        if told is not None and duration is not None and abs(excess) > TRUNCATED_SECONDS:
            # Streams for broadcast have no header that would tell it.
            teller = (
                "FFmpeg estimates" if self._file.container_name.startswith("mpeg") else "the header tells"
            )
            problems.append(f"{teller} {told:.2f} s, the frames last {duration:.2f} s")
        missing = self._stream.frames - self.frames - self._unshown
        if not self._stream.frames or not missing:
            return
        frame_seconds = (duration or 0.0) / self.frames
        if missing > 0 and told is not None and abs(excess) < 1.5 * frame_seconds:
            # The frames are as many as the header's duration asks for: an edit list leaves out the others.
            notes.append(f"an edit list leaves out {missing} of {self._stream.frames} frames")
        else:
            problems.append(f"the header tells {self._stream.frames} frames, the file holds {self.frames}")


def _variable_rate(seconds: list[float], tick: float) -> list[str]:
    """Say so where frames lie unevenly, by more than the rounding to ticks."""
    gaps = [later - earlier for earlier, later in pairwise(seconds)]
    if not gaps:
        return []
    usual, least, most = median(gaps), min(gaps), max(gaps)
    if least > 0.75 * usual - 1.5 * tick and most < 1.25 * usual + 1.5 * tick:
        return []
    return [f"variable frame rate: frames lie {least:.3f} to {most:.3f} s apart"]
