"""What a reader of videos is asked for, and what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from vidmask.data.readers.timing import Seconds


@dataclass(frozen=True)
class EveryFrames:
    """Ask for the frame on screen at an instant, and every so many-th frame of the video after it.

    Args:
        start_seconds: Time of the first frame, from the beginning of the video.
        num_frames: Frames in the clip.
        stride_frames: Distance of two frames, in frames of the video.
    """

    start_seconds: Seconds
    num_frames: int
    stride_frames: int


@dataclass(frozen=True)
class FramesAt:
    """Ask for the frames on screen at given instants.

    Args:
        instants: Seconds from the beginning of the video, ascending.
    """

    instants: tuple[Seconds, ...]


ClipRequest = EveryFrames | FramesAt
"""Past the end of a video its last frame is repeated."""


class DecodedClip(NamedTuple):
    """The frames of one clip, and the time of each in seconds from the video's first frame.

    Attributes:
        pictures: RGB, uint8 ``[r q 3]`` each. A frame that is taken twice is the same array, and arrays may
            be views: they are not to be written to.
        seconds: The times.
    """

    pictures: list[np.ndarray]
    seconds: list[float]

    @property
    def frames(self) -> UInt8[Tensor, "t h w 3"]:
        """Return the frames as one tensor, which is a copy."""
        empty = np.empty((0, 0, 0, 3), np.uint8)
        return torch.from_numpy(np.stack(self.pictures) if self.pictures else empty)


@runtime_checkable
class ClipReader(Protocol):
    """An open video of which clips can be read."""

    @property
    def name(self) -> str:
        """Return the name of the file, for messages."""
        ...

    @property
    def duration(self) -> float:
        """Return the length in seconds."""
        ...

    @property
    def frames_per_second(self) -> float:
        """Return the mean frame rate."""
        ...

    def read_clips(self, requests: Sequence[ClipRequest]) -> list[DecodedClip]:
        """Read several clips of the video, each picture decoded once where clips overlap.

        Raises:
            VideoReadError: If a frame cannot be decoded, or the file ends before its header says.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...
