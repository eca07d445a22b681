"""Pictures out of packets: damage is told, times and rotation are as the file means them."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from vidmask.data.readers.packets import PacketReader, VideoReadError
from vidmask.data.stages import StageClock


class FrameDecoder:
    """Decode packets of a file, with one thread.

    Args:
        file: The open file.
        clock: Measures where the time goes.
    """

    def __init__(self, file: PacketReader, clock: StageClock) -> None:
        self._file = file
        self._clock = clock
        self._codec = file.codec
        self._codec.thread_count = 1
        # Else most decoders patch up damaged data and hand out a wrong picture as a good one. That of H.264
        # marks such pictures, and with the option it would refuse open groups of pictures.
        if self._codec.name != "h264":
            self._codec.options = {"err_detect": "crccheck+explode"}
        # ISO/IEC 14496-15, section 5.3.3.1: the record begins with its version, 1; its fifth byte tells how
        # many bytes tell the length of a unit. Without a record units begin with a start code.
        record = self._codec.extradata or b""
        self._length_bytes = (record[4] & 3) + 1 if record[:1] == b"\1" and len(record) > 4 else 0
        self._reformatter = VideoReformatter()
        self._delay: int | None = None

    def timed_frames(self, position: int | None) -> Iterator[tuple[int, VideoFrame]]:
        """Yield every frame from the key frame at ``position`` on with its presentation time.

        Raises:
            VideoReadError: If the times do not ascend, or the file is damaged.
        """
        delay = self._decoder_delay() if self._file.is_avi else 0
        last: int | None = None
        packets = self._file.demux(position)
        # FFmpeg guesses presentation times for AVI, and swaps B-frames by it.
        for due, frame in self._in_order(packets) if self._file.is_avi else self._with_pts(packets):
            time = None if due is None else due - delay
            if time is None or (last is not None and time <= last):
                raise VideoReadError(f"{self._file.name}: gives no ascending presentation times")
            yield time, frame
            last = time

    def _with_pts(self, packets: Iterable[Packet]) -> Iterator[tuple[int | None, VideoFrame]]:
        for frame in self.frames(packets):
            yield frame.pts, frame

    def _in_order(self, packets: Iterable[Packet]) -> Iterator[tuple[int | None, VideoFrame]]:
        """Yield frames with the decoding time at which the decoder hands each out: one a tick."""
        fed: list[int] = []

        def noted(packets: Iterable[Packet]) -> Iterator[Packet]:
            for packet in packets:
                fed[:] = fed if packet.dts is None else [packet.dts]
                yield packet

        last: int | None = None
        for frame in self.frames(noted(packets)):
            if frame.dts is not None:
                last = frame.dts
            else:
                # At the end of the file the decoder hands out what it still holds.
                last = last + 1 if last is not None else max(fed, default=self._file.start_pts) + 1
            yield last, frame

    def _decoder_delay(self) -> int:
        """Return how many ticks after a frame is due the decoder hands it out, as seen on the first one."""
        if self._delay is not None:
            return self._delay
        packets = self._file.demux(None)
        first = next(packets, None)
        self._delay = 0
        if first is not None and first.dts is not None:
            due, _ = next(self._in_order(itertools.chain([first], packets)), (None, None))
            self._delay = 0 if due is None else due - first.dts
        return self._delay

    def frames(self, packets: Iterable[Packet], wanted: set[int] | None = None) -> Iterator[VideoFrame]:
        """Decode packets, then what the decoder still holds. Pictures not in ``wanted`` may be left out."""
        # A decoder that has handed out all it held takes no packet before this.
        self._codec.flush_buffers()
        for packet in itertools.chain(self._clock.each("seek", packets), [None]):
            # Not by the decoder's own skip_frame, with which it keeps silent about damage to the others too.
            if (
                packet is not None
                and wanted is not None
                and packet.pts not in wanted
                and self._is_spare(packet)
            ):
                continue
            with self._clock.stage("decode"):
                frames = self._codec.decode(packet)
            for frame in frames:
                if frame.is_corrupt:
                    seconds = self._file.to_seconds(frame.pts or 0)
                    raise VideoReadError(f"{self._file.name}: damaged at {seconds:.2f} s")
                yield frame

    def _is_spare(self, packet: Packet) -> bool:
        return self._codec.name == "h264" and is_spare(self._units(packet))

    def _units(self, packet: Packet) -> Iterator[int]:
        """Yield the first byte of each unit of an H.264 packet."""
        data = bytes(packet)
        if not self._length_bytes:
            place = data.find(b"\0\0\1")
            while 0 <= place < len(data) - 3:
                yield data[place + 3]
                place = data.find(b"\0\0\1", place + 3)
            return
        place = self._length_bytes
        while place < len(data):
            yield data[place]
            place += int.from_bytes(data[place - self._length_bytes : place], "big") + self._length_bytes

    def to_rgb(self, frame: VideoFrame) -> UInt8[np.ndarray, "r q 3"]:
        """Return a picture as RGB, turned as the file asks.

        Raises:
            VideoReadError: If it asks for something else than quarter turns.
        """
        with self._clock.stage("convert"):
            picture = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if frame.rotation % 90:
            raise VideoReadError(
                f"{self._file.name}: asks to be turned by {frame.rotation}°, which is no quarter turn"
            )
        return np.rot90(picture, frame.rotation // 90) if frame.rotation else picture


def is_spare(units: Iterable[int]) -> bool:
    """Tell whether an H.264 packet holds a picture that no other picture refers to.

    H.264, section 7.3.1: a unit's first byte tells nal_ref_idc, then its type, of which 1 to 5 are slices.
    """
    # Parameter sets (7, 8) are for the pictures that follow.
    kept = [unit for unit in units if unit & 0x1F in (1, 2, 3, 4, 5, 7, 8)]
    return bool(kept) and not any(unit & 0x60 for unit in kept)
