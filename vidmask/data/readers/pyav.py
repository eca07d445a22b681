"""Read the frames of a clip from a video file, and no others."""

from collections.abc import Iterator, Sequence
from io import IOBase
from os import PathLike
from types import TracebackType
from typing import BinaryIO

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from pytorchvideo.data.video import Video
from torch import Tensor

from vidmask.data.readers.base import ClipRequest, DecodedClip, EveryFrames, FramesAt
from vidmask.data.readers.decoding import FrameDecoder
from vidmask.data.readers.packets import PacketReader, VideoReadError, one_line
from vidmask.data.readers.planning import join_runs
from vidmask.data.readers.timing import FrameChoice, Seconds, Span
from vidmask.data.stages import NO_CLOCK, StageClock

# Codecs whose packets hold one shown picture each, so that the packets tell which frames there are.
_PICTURE_A_PACKET = frozenset({"h264", "hevc", "vp9", "av1", "libdav1d"})


class PyAVReader(Video):
    """Read clips from a video file with PyAV, behind PyTorchVideo's ``Video`` interface.

    A read seeks to the key frame before the clip, learns the presentation times from the packets, decodes
    with one thread up to the last frame wanted, and converts the wanted frames alone to RGB. H.264
    pictures that no other picture refers to are decoded only where wanted. Of clips that overlap every
    picture is decoded once, and is the same array in all. Frames are found by
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
        self._decoder = FrameDecoder(self._file, clock)
        self._planned = self._file.codec.name in _PICTURE_A_PACKET and not self._file.is_avi

    @property
    def name(self) -> str:
        """Return the name of the file, for messages."""
        return self._file.name

    @property
    def duration(self) -> float:
        """Return the length in seconds: from the header, or from the packets where it says nothing."""
        return self._file.duration

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
        return self._read([self._file.choice(request) for request in requests])

    def get_clip(self, start_sec: Seconds, end_sec: Seconds) -> dict[str, Tensor | None]:
        """Read every frame in ``[start_sec, end_sec)``, as PyTorchVideo defines it.

        Returns:
            ``{"video": uint8 [3 t h w], "audio": None}``; the video is None if no frame lies there.
        """
        span = Span(self._file.to_pts(start_sec, up=True), self._file.to_pts(end_sec, up=True))
        (clip,) = self._read([span])
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

    def _read(self, choices: Sequence[FrameChoice]) -> list[DecodedClip]:
        order = sorted(range(len(choices)), key=lambda place: choices[place].first)
        with one_line(self.name, "cannot be decoded"):
            found = self._decode_planned(choices, order) if self._planned else {}
            rest = [place for place in order if place not in found]
            for together in self._neighbours(choices, rest):
                clips = self._decode_all([choices[place] for place in together])
                found |= zip(together, clips, strict=True)
        return [found[place] for place in range(len(choices))]

    def _decode_planned(self, choices: Sequence[FrameChoice], order: Sequence[int]) -> dict[int, DecodedClip]:
        """Plan from the packets' times, and decode what the plan needs.

        Args:
            choices: What each clip shows.
            order: Places of the clips, by the time at which they start.

        Returns:
            The clips by place, without those whose packets mislead.
        """
        needed: dict[int, list[Packet]] = {}
        shown: dict[int, list[int]] = {}
        for place in order:
            with self._clock.stage("seek"):
                packets = self._file.around(choices[place])
            if all(packet.pts is not None for packet in packets) and (times := _shown(packets)):
                needed[place], shown[place] = packets, times
        found: dict[int, DecodedClip] = {}
        for run in join_runs(needed, [place for place in order if place in needed]):
            picked = {clip: choices[clip].pick(shown[clip]) for clip in run.clips}
            pictures = self._pictures(run.packets, {time for times in picked.values() for time in times})
            for clip, times in picked.items():
                if all(time in pictures for time in times):
                    found[clip] = self._clip(pictures, times)
        return found

    def _pictures(self, packets: Sequence[Packet], wanted: set[int]) -> dict[int, np.ndarray]:
        """Decode packets, which begin with a key frame, up to the last picture wanted."""
        timed = [(packet.pts or 0, packet) for packet in packets]
        # Pictures that come after the key frame but are shown before it may need what lies before it.
        timed = [(time, packet) for time, packet in timed if time >= timed[0][0]]
        needed = max((place + 1 for place, (time, _) in enumerate(timed) if time in wanted), default=0)
        pictures: dict[int, np.ndarray] = {}
        for frame in self._decoder.frames((packet for _, packet in timed[:needed]), wanted):
            if frame.pts is not None and frame.pts in wanted:
                pictures[frame.pts] = self._decoder.to_rgb(frame)
        return pictures

    def _neighbours(self, choices: Sequence[FrameChoice], order: Sequence[int]) -> Iterator[list[int]]:
        """Yield the places of clips that overlap, as far as the header tells."""
        together: list[int] = []
        end = 0
        for place in order:
            if together and choices[place].first > end:
                yield together
                together = []
            together.append(place)
            end = max(end, self._file.end_of(choices[place]))
        if together:
            yield together

    def _decode_all(self, choices: Sequence[FrameChoice]) -> list[DecodedClip]:
        """Decode everything around some clips and choose by the times of the decoded frames."""
        first = min(choice.first for choice in choices)
        held: dict[int, VideoFrame] = {}
        for position in self._file.positions(first):
            held.clear()
            ticks = 0
            for time, frame in self._decoder.timed_frames(position):
                if time <= first:
                    held.clear()
                held[time] = frame
                ticks = 1 if self._file.is_avi else frame.duration
                times = list(held)
                ends = [choice.until(times) for choice in choices]
                if all(end is not None and end < time for end in ends):
                    break
            else:
                for choice in choices:
                    self._file.check_end(choice, list(held), ticks)
            if held and min(held) <= first:
                break
        if not held:
            raise VideoReadError(f"{self.name}: holds no frame that can be decoded")
        picked = [choice.pick(list(held)) for choice in choices]
        pictures = {
            time: self._decoder.to_rgb(held[time]) for time in {time for times in picked for time in times}
        }
        return [self._clip(pictures, times) for times in picked]

    def _clip(self, pictures: dict[int, np.ndarray], times: list[int]) -> DecodedClip:
        if len({picture.shape for picture in pictures.values()}) > 1:
            raise VideoReadError(f"{self.name}: changes its picture size inside the clip")
        return DecodedClip(
            [pictures[time] for time in times], [self._file.to_seconds(time) for time in times]
        )


def _shown(packets: Sequence[Packet]) -> list[int]:
    """Return the times of the pictures that are shown, of packets that begin with a key frame."""
    begin = (packets[0].pts or 0) if packets else 0
    shown = (packet.pts or 0 for packet in packets if not packet.is_discard)
    return sorted(time for time in shown if time >= begin)
