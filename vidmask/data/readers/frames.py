"""Read the frames of a clip from a folder of pictures."""

import os
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vidmask.data.readers.base import ClipRequest, DecodedClip, EveryFrames
from vidmask.data.readers.packets import VideoReadError
from vidmask.data.readers.timing import EveryFrame, FrameChoice, Instants, Seconds
from vidmask.data.stages import NO_CLOCK, StageClock

FRAMES_PER_SECOND = 30
"""The rate that PyTorchVideo takes for folders of frames, such as those of Something-Something V2."""

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


class FrameFolderReader:
    """Read clips from a folder that holds each frame of a video as a picture.

    Frames are in the order of the numbers in their names, and all pictures of the folder belong to the video.
    A gap in the numbers is an error: a frame that was lost would shift all that follow.

    Args:
        folder: The folder.
        clock: Measures where the time goes.

    Raises:
        VideoReadError: If the folder cannot be listed, holds no picture, or lacks one.
    """

    def __init__(self, folder: str | os.PathLike[str], clock: StageClock = NO_CLOCK) -> None:
        self.name = os.fspath(folder)
        self._clock = clock
        with clock.stage("open"):
            try:
                self._pictures = pictures_in(folder)
            except OSError as error:
                raise VideoReadError(f"{self.name}: cannot be listed: {error.strerror}") from error
        if not self._pictures:
            raise VideoReadError(f"{self.name}: is a folder without pictures, and no video")
        self._refuse_gaps()

    @property
    def duration(self) -> float:
        """Return the length in seconds, at 30 frames a second."""
        return len(self._pictures) / FRAMES_PER_SECOND

    @property
    def frames_per_second(self) -> float:
        """Return 30."""
        return float(FRAMES_PER_SECOND)

    def read_clips(self, requests: Sequence[ClipRequest]) -> list[DecodedClip]:
        """Read several clips, each picture once; see ``ClipReader``."""
        times = list(range(len(self._pictures)))
        picked = [self._choice(request).pick(times) for request in requests]
        pictures = {
            frame: self._picture(frame) for frame in sorted({time for clip in picked for time in clip})
        }
        return [_clip(self.name, pictures, clip) for clip in picked]

    def close(self) -> None:
        """Do nothing: no file is open between two reads."""

    def _choice(self, request: ClipRequest) -> FrameChoice:
        if isinstance(request, EveryFrames):
            return EveryFrame(_frame_at(request.start_seconds), request.num_frames, request.stride_frames)
        return Instants(tuple(_frame_at(instant) for instant in request.instants))

    def _picture(self, frame: int) -> UInt8[np.ndarray, "r q 3"]:
        path = os.path.join(self.name, self._pictures[frame])  # noqa: PTH118
        try:
            with Image.open(path) as picture:
                with self._clock.stage("decode"):
                    picture.load()
                with self._clock.stage("convert"):
                    return np.asarray(picture.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            # Pillow has a SyntaxError for a broken PNG, a bomb for a wrong size, a ValueError for others.
            told = getattr(error, "strerror", None) or str(error).replace(repr(path), "the file")
            raise VideoReadError(f"{path}: cannot be decoded: {told}") from error

    def _refuse_gaps(self) -> None:
        numbers = [_number(name) for name in self._pictures]
        known = [number for number in numbers if number is not None]
        if len(known) < len(numbers):
            return
        for earlier, later in pairwise(known):
            if later != earlier + 1:
                raise VideoReadError(
                    f"{self.name}: lacks frames between number {earlier} and number {later}"
                    if later > earlier
                    else f"{self.name}: has two frames of number {later}"
                )


def pictures_in(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names of a folder's pictures in the order of their numbers, without hidden ones.

    Raises:
        OSError: If the folder cannot be listed.
    """
    names = (name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208
    pictures = (name for name in names if os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES)  # noqa: PTH122
    return sorted(pictures, key=_natural)


def _frame_at(seconds: Seconds) -> int:
    # As in files: a thousandth absorbs the rounding of a time that was computed from a frame.
    return int(seconds * FRAMES_PER_SECOND + 1e-3)


def _clip(name: str, pictures: dict[int, np.ndarray], frames: list[int]) -> DecodedClip:
    clip = [pictures[frame] for frame in frames]
    if len({picture.shape for picture in clip}) > 1:
        raise VideoReadError(f"{name}: changes its picture size inside the clip")
    return DecodedClip(clip, [frame / FRAMES_PER_SECOND for frame in frames])


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that puts 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _number(name: str) -> int | None:
    """Return the last number in a name."""
    found = re.findall(r"\d+", os.path.splitext(name)[0])  # noqa: PTH122
    return int(found[-1]) if found else None
