"""Which instants of a video a clip shows: dense, or one in each of equal segments."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Generator

from vidmask.choices import checked_choice
from vidmask.data.readers.base import ClipReader, ClipRequest, EveryFrames, FramesAt

SamplingName = Literal["dense", "segments"]


class FrameSampling(ABC):
    """Choose the frames of a clip."""

    @abstractmethod
    def drawn(self, video: ClipReader, chance: Generator) -> ClipRequest:
        """Draw a clip of a video, as in training."""

    @abstractmethod
    def spread(self, video: ClipReader, view: int, num_views: int, chance: Generator) -> ClipRequest:
        """Return one of several clips that lie evenly over a video, as in evaluation.

        Only what is drawn in evaluation too, such as by a random clip sampler, takes ``chance``.
        """


@dataclass(frozen=True)
class DenseSampling(FrameSampling):
    """Take frames at an even distance, from a start that lets the clip end inside the video.

    A drawn start is uniform over all such starts. Several clips start evenly from the first possible start to
    the last, as in VideoMAE's test; a single one starts half-way.

    ::

        stride 2, 3 frames:   video  . . . . . . . . . .
                              clip     x   x   x

    Args:
        frames: Frames in a clip.
        stride_frames: Distance of two frames, in frames of the video.
        stride_seconds: The same in seconds, so that the frame rate does not matter: 16×4 at 30 frames a
            second is 4/30. Exactly one of the two is given.

    Raises:
        ValueError: If not exactly one stride is given, or a number is out of range.

    Source: MAE-ST (arXiv 2205.09113), section 4: 16×4 clips.
    """

    frames: int
    stride_frames: int | None = None
    stride_seconds: int | float | None = None

    def __post_init__(self) -> None:
        if (self.stride_frames is None) == (self.stride_seconds is None):
            raise ValueError(
                f"give one of stride_frames and stride_seconds, got {self.stride_frames} and "
                f"{self.stride_seconds}"
            )
        _check_frames(self.frames)
        for name in ("stride_frames", "stride_seconds"):
            stride = getattr(self, name)
            if stride is not None and stride <= 0:
                raise ValueError(f"{name} must be positive, got {stride}")

    def drawn(self, video: ClipReader, chance: Generator) -> ClipRequest:
        """Draw the start; see ``FrameSampling``."""
        return self.starting_at(self._latest(video) * _uniform(chance))

    def spread(self, video: ClipReader, view: int, num_views: int, chance: Generator) -> ClipRequest:
        """Return an even start; see ``FrameSampling``."""
        share = 0.5 if num_views == 1 else view / (num_views - 1)
        return self.starting_at(self._latest(video) * share)

    def starting_at(self, seconds: float) -> ClipRequest:
        """Return the clip that starts at a time."""
        if self.stride_frames is not None:
            return EveryFrames(seconds, self.frames, self.stride_frames)
        stride = self.stride_seconds or 0.0
        return FramesAt(tuple(seconds + step * stride for step in range(self.frames)))

    def _latest(self, video: ClipReader) -> float:
        """Return the time below which a start leaves the last frame inside the video."""
        stride = self.stride_seconds or (self.stride_frames or 1) / video.frames_per_second
        return max(video.duration - (self.frames - 1) * stride, 0.0)


@dataclass(frozen=True)
class SegmentSampling(FrameSampling):
    """Cut the video into as many equal segments as a clip has frames, and take one frame of each.

    A drawn clip has a random instant in each segment. Clip v of n takes the instant at (v + ½)/n of each, so
    a single one takes the middles.

    ::

        3 frames:   video  . . . . | . . . . | . . . .
                    clip     x         x         x

    Deviation: VideoMAE's test takes the beginnings and the middles of the segments for its two clips; here
    they lie symmetrically, at ¼ and ¾.

    Args:
        frames: Frames in a clip, and segments.

    Raises:
        ValueError: If there are none.

    Source: TSN (arXiv 1608.00859), section 3.1; VideoMAE (arXiv 2203.12602), section 4.
    """

    frames: int

    def __post_init__(self) -> None:
        _check_frames(self.frames)

    def drawn(self, video: ClipReader, chance: Generator) -> ClipRequest:
        """Draw an instant in each segment; see ``FrameSampling``."""
        return self._at(video, torch.rand(self.frames, generator=chance, dtype=torch.float64).tolist())

    def spread(self, video: ClipReader, view: int, num_views: int, chance: Generator) -> ClipRequest:
        """Return the same place in each segment; see ``FrameSampling``."""
        return self._at(video, [(view + 0.5) / num_views] * self.frames)

    def _at(self, video: ClipReader, shares: list[float]) -> ClipRequest:
        length = video.duration / self.frames
        return FramesAt(tuple((segment + share) * length for segment, share in enumerate(shares)))


@dataclass(frozen=True)
class SamplerSampling(FrameSampling):
    """Let one of PyTorchVideo's clip samplers say where a clip starts.

    Clip v of an evaluation is the clip of the sampler's v-th call for the video.

    Args:
        dense: What a clip is like from there on.
        clip_sampler: The sampler.
    """

    dense: DenseSampling
    clip_sampler: Callable[..., Any]

    def drawn(self, video: ClipReader, chance: Generator) -> ClipRequest:
        """Draw from the sampler; see ``FrameSampling``."""
        return self._call(video, 0, chance.initial_seed())

    def spread(self, video: ClipReader, view: int, num_views: int, chance: Generator) -> ClipRequest:
        """Return the sampler's clip of a view; see ``FrameSampling``."""
        return self._call(video, view, chance.initial_seed())

    def _call(self, video: ClipReader, view: int, seed: int) -> ClipRequest:
        sampler = copy(self.clip_sampler)
        # They draw from Python's own generator: it is the sample's for a moment, then the caller's again.
        caller = random.getstate()
        random.seed(seed)
        try:
            clip = sampler(0.0, video.duration, {})
            for _ in range(view):
                clip = sampler(clip.clip_end_sec, video.duration, {})
        finally:
            random.setstate(caller)
        start = clip.clip_start_sec
        # Those that draw several clips at once name all their starts.
        return self.dense.starting_at(float(start[0] if isinstance(start, list) else start))


def frame_sampling(
    name: SamplingName,
    frames: int,
    stride_frames: int | None = None,
    stride_seconds: int | float | None = None,
) -> DenseSampling | SegmentSampling:
    """Return the sampling of a name; dense without a stride takes every fourth frame.

    Raises:
        ValueError: If segments are given a stride, or a number is out of range.
    """
    if checked_choice("sampling", name, SamplingName) == "segments":
        if stride_frames is not None or stride_seconds is not None:
            raise ValueError("sampling 'segments' has no stride: leave out stride_frames and stride_seconds")
        return SegmentSampling(frames)
    if stride_frames is None and stride_seconds is None:
        stride_frames = 4
    return DenseSampling(frames, stride_frames, stride_seconds)


def _uniform(chance: Generator) -> float:
    return float(torch.rand((), generator=chance, dtype=torch.float64))


def _check_frames(frames: int) -> None:
    if frames < 1:
        raise ValueError(f"frames must be at least 1, got {frames}")
