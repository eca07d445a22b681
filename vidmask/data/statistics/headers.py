"""What a video's header tells, without decoding more than its first frame."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass

from vidmask.data.readers import FramesAt, VideoReadError, open_video
from vidmask.data.readers.frames import pictures_in
from vidmask.data.readers.packets import PacketReader, one_line

# A decoder hands out its first frame after at most 16 others (H.264, section A.4.2); more for broken ones.
_MOST_PACKETS = 64


@dataclass(frozen=True, slots=True)
class Header:
    """What is told of a video; None is what is not.

    Attributes:
        duration_seconds: Length.
        fps: Mean frame rate.
        width: Columns as displayed, after the rotation.
        height: Rows as displayed, after the rotation.
        codec: FFmpeg's name of the codec; of a folder of frames their ending.
        size_bytes: Length of the file, or of all frames together.
    """

    duration_seconds: float | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str = ""
    size_bytes: int | None = None


def read_header(path: str) -> Header:
    """Read the header of a video, and its first frame: the header alone does not tell a rotation.

    Args:
        path: The file, or a folder of frames.

    Raises:
        VideoReadError: If it is no video, or its first frame cannot be decoded.
        OSError: If it is not there, or may not be read.
    """
    if os.path.isdir(path):  # noqa: PTH112
        return _read_folder(path)
    size_bytes = os.stat(path).st_size  # noqa: PTH116
    file = PacketReader(path)
    try:
        # Before the first frame is decoded: a length that no header tells is found in the packets.
        duration = file.duration
        width, height = _displayed_size(file)
        return Header(duration, _told(file.frames_per_second), width, height, file.codec_name, size_bytes)
    finally:
        file.close()


def _displayed_size(file: PacketReader) -> tuple[int, int]:
    file.codec.thread_count = 1
    with one_line(file.name, "cannot be decoded"):
        for packet in itertools.chain(itertools.islice(file.demux(None), _MOST_PACKETS), [None]):
            for frame in file.codec.decode(packet):
                turned = frame.rotation % 180 != 0
                return (frame.height, frame.width) if turned else (frame.width, frame.height)
    raise VideoReadError(f"{file.name}: holds no frame that can be decoded")


def _told(rate: Callable[[], float]) -> float | None:
    try:
        return rate()
    except VideoReadError:
        return None


def _read_folder(path: str) -> Header:
    video = open_video(path)
    try:
        (clip,) = video.read_clips([FramesAt((0.0,))])
        height, width = clip.pictures[0].shape[:2]
        duration, rate = video.duration, _told(lambda: video.frames_per_second)
    finally:
        video.close()
    pictures = pictures_in(path)
    codec = os.path.splitext(pictures[0])[1].lower().lstrip(".")  # noqa: PTH122
    size = sum(os.stat(os.path.join(path, name)).st_size for name in pictures)  # noqa: PTH116, PTH118
    return Header(duration, rate, width, height, codec, size)
