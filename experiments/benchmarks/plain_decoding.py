"""Decode a file plainly from its beginning, and note where FFmpeg reports an error."""

import re
from fractions import Fraction
from typing import Any, NamedTuple

import av
import av.logging
from av.container import InputContainer
from av.error import FFmpegError


class Packets(NamedTuple):
    """The packets of a file in decoding order.

    Attributes:
        times: Time of each, in seconds.
        groups: Number of key frames up to each.
        leading: Whether each comes after the key frame of its group and is shown before it.
        referred_to: Whether other pictures may be made from that of each.
        flagged: Whether FFmpeg says by an error or a flag that it, or a picture of it, is damaged.
        logged: Whether FFmpeg logs an error at it.
    """

    times: list[float]
    groups: list[int]
    leading: list[bool]
    referred_to: list[bool]
    flagged: list[bool]
    logged: list[bool]

    def reports(self, seconds: float, reported: list[bool]) -> bool:
        """Tell whether an error is reported at a picture, or before it where it may depend on that."""
        place = min(range(len(self.times)), key=lambda index: abs(self.times[index] - seconds))
        group, is_leading = self.groups[place], self.leading[place]
        for index in range(place, -1, -1):
            same = self.groups[index] == group and (is_leading or not self.leading[index])
            before = is_leading and self.groups[index] == group - 1 and not self.leading[index]
            matters = self.referred_to[index] or index == place
            if reported[index] and matters and (same or before):
                return True
        return False


def decode_plainly(path: str) -> Packets:
    """Decode a file from its beginning to its end, whatever happens, and note what FFmpeg reports."""
    packets = Packets([], [], [], [], [], [])
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    with av.logging.Capture(local=False) as log:
        try:
            with av.open(path, metadata_errors="replace") as container:
                log.clear()
                _decode_plainly(container, packets, log)
        except (FFmpegError, IndexError):
            if packets.times:
                packets.flagged[-1] = True
    av.logging.set_level(None)
    return packets


def _decode_plainly(container: InputContainer, packets: Packets, log: list[Any]) -> None:
    stream = container.streams.video[0]
    if stream.codec_context is None:
        return
    stream.codec_context.thread_count = 1
    name = stream.codec_context.name
    # ISO/IEC 14496-15, section 5.3.3.1: the configuration record begins with its version, 1.
    has_lengths = (stream.codec_context.extradata or b"").startswith(b"\1")
    base, start = stream.time_base or Fraction(1), stream.start_time or 0
    now = key = 0.0
    group = 0
    places: dict[int | None, int] = {}
    for packet in container.demux(stream):
        ticks = packet.dts if container.format.name == "avi" else packet.pts
        now = now if ticks is None else float((ticks - start) * base)
        if packet.is_keyframe:
            key, group = now, group + 1
        places[packet.pts] = len(packets.times)
        packets.times.append(now)
        packets.groups.append(group)
        packets.leading.append(now < key)
        packets.referred_to.append(name != "h264" or _is_referred_to(bytes(packet), has_lengths))
        packets.flagged.append(packet.is_corrupt)
        packets.logged.append(False)
        try:
            frames = packet.decode()
        except FFmpegError:
            frames = []
            packets.flagged[-1] = True
        for frame in frames:
            if frame.is_corrupt:
                packets.flagged[places.get(frame.pts, -1)] = True
        packets.logged[-1] = bool(log)
        log.clear()


def _is_referred_to(data: bytes, has_lengths: bool) -> bool:
    """Tell whether an H.264 picture may be referred to (H.264, section 7.4.1: nal_ref_idc of its slices).

    Args:
        data: The packet.
        has_lengths: Whether its units are preceded by their lengths, and not by start codes.
    """
    starts: list[int] = []
    if not has_lengths:
        starts = [match.end() for match in re.finditer(b"\0\0\1", data)]
    else:
        place = 0
        while place + 4 < len(data):
            starts.append(place + 4)
            place += 4 + int.from_bytes(data[place : place + 4], "big")
    slices = [data[start] for start in starts if start < len(data) and data[start] & 0x1F in (1, 5)]
    return not slices or any(kind & 0x60 for kind in slices)
