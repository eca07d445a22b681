"""Read the frames of a clip from a video file, and no others."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from io import IOBase
from os import PathLike
from types import TracebackType
from typing import BinaryIO

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from pytorchvideo.data.video import Video
from torch import Tensor

from vidmask.data.readers.base import ClipRequest, DecodedClip, EveryFrames, FramesAt
from vidmask.data.readers.packets import PacketReader, Seconds, VideoReadError, one_line
from vidmask.data.readers.timing import EveryFrame, FrameChoice, Instants, Span
from vidmask.data.stages import NO_CLOCK, StageClock

# Codecs whose packets hold one shown picture each, so that the packets tell which frames there are.
_PICTURE_A_PACKET = frozenset({"h264", "hevc", "vp9", "av1", "libdav1d"})


class PyAVReader(Video):
    """Read clips from a video file with PyAV, behind PyTorchVideo's ``Video`` interface.

    A read seeks to the key frame before the clip, learns the presentation times from the packets, decodes
    with one thread up to the last frame wanted, and converts the wanted frames alone to RGB. H.264
    pictures that no other picture refers to are decoded only where wanted. Frames are found by
    presentation time, so that B-frames, a first time other than zero and a variable frame rate are read
    right. A rotation that the file asks for is applied.

    Damage that the decoder notices is an error. Codecs differ in what they can notice: H.264 and MPEG-4
    find almost all of it, HEVC, VP8 and VP9 little.

    Deviation: PyTorchVideo's ``get_clip`` returns float32; this one returns the same values as uint8. Of
    an AVI with B-frames PyTorchVideo swaps frames; this one does not.

    Args:
        file: Path, or a file opened for reading bytes.
        video_name: Name for messages; the path if None.
        decode_audio: PyTorchVideo's argument; sound is not read, so only False is accepted.
        clock: Measures where the time goes.

    Raises:
        VideoReadError: If the file is missing, is no video, or its header cannot be read.
    """

    def __init__(
        self,
        file: str | PathLike[str] | BinaryIO | IOBase,
        video_name: str | None = None,
        decode_audio: bool = False,
        clock: StageClock = NO_CLOCK,
    ) -> None:
        if decode_audio:
            raise ValueError("PyAVReader reads no sound: decode_audio must be False")
        self._clock = clock
        with clock.stage("open"):
            self._file = PacketReader(file, video_name)
        self._codec = self._file.codec
        self._codec.thread_count = 1
        # Else most decoders patch up damaged data and hand out a wrong picture as a good one. That of H.264
        # marks such pictures, and with the option it would refuse open groups of pictures.
        if self._codec.name != "h264":
            self._codec.options = {"err_detect": "crccheck+explode"}
        self._planned = self._codec.name in _PICTURE_A_PACKET and not self._file.is_avi
        self._reformatter = VideoReformatter()
        self._delay: int | None = None
        self._duration: float | None = None

    @property
    def name(self) -> str:
        """Return the name of the file, for messages."""
        return self._file.name

    @property
    def duration(self) -> float:
        """Return the length in seconds: from the header, or from the packets where it says nothing."""
        if self._duration is None:
            with one_line(self.name, "cannot be read"):
                self._duration = float(self._file.duration_ticks() * self._file.time_base)
        return self._duration

    @property
    def frames_per_second(self) -> float:
        """Return the mean frame rate.

        Raises:
            VideoReadError: If the file does not tell one.
        """
        return self._file.frames_per_second()

    def read(
        self,
        start_seconds: Seconds,
        num_frames: int,
        *,
        stride_frames: int | None = None,
        stride_seconds: Seconds | None = None,
    ) -> DecodedClip:
        """Read one clip: the frame on screen at ``start_seconds``, and those that follow at the stride.

        With a stride in frames every so many-th frame is taken; with a stride in seconds the frame on
        screen at each instant. Past the end of the video its last frame is repeated.

        Args:
            start_seconds: Time of the first frame, from the beginning of the video.
            num_frames: Frames in the clip.
            stride_frames: Distance of two frames, in frames of the video.
            stride_seconds: Distance of two frames, in seconds. Exactly one stride is given.

        Raises:
            VideoReadError: If the frames cannot be decoded, or the file ends before its header says.
        """
        if stride_frames is not None and stride_seconds is None:
            return self.read_clips([EveryFrames(start_seconds, num_frames, stride_frames)])[0]
        if stride_frames is None and stride_seconds is not None:
            instants = tuple(start_seconds + index * stride_seconds for index in range(num_frames))
            return self.read_clips([FramesAt(instants)])[0]
        raise ValueError(
            f"give one of stride_frames and stride_seconds, got {stride_frames} and {stride_seconds}"
        )

    def read_clips(self, requests: Sequence[ClipRequest]) -> list[DecodedClip]:
        """Read several clips; see ``ClipReader``."""
        return [self._read(self._choice(request)) for request in requests]

    def get_clip(self, start_sec: Seconds, end_sec: Seconds) -> dict[str, Tensor | None]:
        """Read every frame in ``[start_sec, end_sec)``, as PyTorchVideo defines it.

        Returns:
            ``{"video": uint8 [3 t h w], "audio": None}``; the video is None if no frame lies there.
        """
        clip = self._read(Span(self._file.to_pts(start_sec, up=True), self._file.to_pts(end_sec, up=True)))
        return {"video": clip.frames.permute(3, 0, 1, 2) if clip.seconds else None, "audio": None}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "PyAVReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _choice(self, request: ClipRequest) -> FrameChoice:
        if isinstance(request, EveryFrames):
            first = self._file.to_pts(request.start_seconds)
            return EveryFrame(first, request.num_frames, request.stride_frames)
        return Instants(tuple(self._file.to_pts(instant) for instant in request.instants))

    def _read(self, choice: FrameChoice) -> DecodedClip:
        with one_line(self.name, "cannot be decoded"):
            clip = self._decode_planned(choice) if self._planned else None
            return clip or self._decode_all(choice)

    def _decode_planned(self, choice: FrameChoice) -> DecodedClip | None:
        """Plan from the packets' times and decode what the plan needs; None if the packets mislead."""
        packets = self._file.around(choice)
        timed = [(packet.pts, packet) for packet in packets if packet.pts is not None]
        if not timed or len(timed) < len(packets):
            return None
        # Pictures that come after the key frame but are shown before it may need what lies before it.
        timed = [(time, packet) for time, packet in timed if time >= timed[0][0]]
        picked = choice.pick(sorted(time for time, packet in timed if not packet.is_discard))
        wanted = set(picked)
        needed = max((place + 1 for place, (time, _) in enumerate(timed) if time in wanted), default=0)
        pictures: dict[int, np.ndarray] = {}
        for frame in self._frames((packet for _, packet in timed[:needed]), wanted):
            if frame.pts is not None and frame.pts in wanted:
                pictures[frame.pts] = self._to_rgb(frame)
        return self._clip(pictures, picked) if len(pictures) == len(wanted) else None

    def _decode_all(self, choice: FrameChoice) -> DecodedClip:
        """Decode everything around the clip and choose by the times of the decoded frames."""
        held: dict[int, VideoFrame] = {}
        for position in self._file.positions(choice.first):
            held.clear()
            ticks = 0
            for time, frame in self._timed_frames(position):
                if time <= choice.first:
                    held.clear()
                held[time] = frame
                ticks = 1 if self._file.is_avi else frame.duration
                until = choice.until(list(held))
                if until is not None and until < time:
                    break
            else:
                self._file.check_end(choice, list(held), ticks)
            if held and min(held) <= choice.first:
                break
        if not held:
            raise VideoReadError(f"{self.name}: holds no frame that can be decoded")
        picked = choice.pick(list(held))
        return self._clip({time: self._to_rgb(held[time]) for time in set(picked)}, picked)

    def _timed_frames(self, position: int | None) -> Iterator[tuple[int, VideoFrame]]:
        """Yield every frame from the key frame at ``position`` on with its presentation time."""
        delay = self._decoder_delay() if self._file.is_avi else 0
        last: int | None = None
        for frame in self._frames(self._file.demux(position)):
            # FFmpeg guesses presentation times for AVI, and swaps B-frames by it.
            if not self._file.is_avi:
                time = frame.pts
            elif frame.dts is not None:
                time = frame.dts - delay
            else:
                time = self._file.start_pts if last is None else last + 1
            if time is None or (last is not None and time <= last):
                raise VideoReadError(f"{self.name}: gives no ascending presentation times")
            yield time, frame
            last = time

    def _decoder_delay(self) -> int:
        """Return how many ticks after a frame is due the decoder hands it out, as seen on the first one."""
        if self._delay is not None:
            return self._delay
        packets = self._file.demux(None)
        first = next(packets, None)
        frame = None if first is None else next(self._frames(itertools.chain([first], packets)), None)
        self._delay = 0
        if first is not None and first.dts is not None and frame is not None and frame.dts is not None:
            self._delay = frame.dts - first.dts
        return self._delay

    def _frames(self, packets: Iterable[Packet], wanted: set[int] | None = None) -> Iterator[VideoFrame]:
        """Decode packets, then what the decoder still holds. Pictures not in ``wanted`` may be left out."""
        self._codec.skip_frame = "DEFAULT"
        for packet in itertools.chain(packets, [None]):
            if wanted is not None and packet is not None and self._codec.name == "h264":
                self._codec.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
            for frame in self._codec.decode(packet):
                if frame.is_corrupt:
                    seconds = self._file.to_seconds(frame.pts or 0)
                    raise VideoReadError(f"{self.name}: damaged at {seconds:.2f} s")
                yield frame

    def _to_rgb(self, frame: VideoFrame) -> np.ndarray:
        picture = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if frame.rotation % 90:
            raise VideoReadError(
                f"{self.name}: asks to be turned by {frame.rotation}°, which is no quarter turn"
            )
        return np.rot90(picture, frame.rotation // 90) if frame.rotation else picture

    def _clip(self, pictures: dict[int, np.ndarray], times: list[int]) -> DecodedClip:
        if len({picture.shape for picture in pictures.values()}) > 1:
            raise VideoReadError(f"{self.name}: changes its picture size inside the clip")
        return DecodedClip(
            [pictures[time] for time in times], [self._file.to_seconds(time) for time in times]
        )
