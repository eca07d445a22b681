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
from vidmask.data.readers.packets import VideoReadError

SamplingName = Literal["dense", "segments"]

MOST_CLIPS = 10_000
"""Clips of a video that a clip sampler is asked for: one that goes on for ever is broken off there."""


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
        # The last clip ends with the last frame, which is on screen before the video ends.
        latest = self._latest(video)
        return self.starting_at(min(latest * share, max(latest - 0.5 * _frame_seconds(video), 0.0)))

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


def _frame_seconds(video: ClipReader) -> float:
    try:
        return 1 / video.frames_per_second
    except VideoReadError:
        return 0.0


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

    A drawn clip is any of those that the sampler gives in one pass over the video, with equal chance; with a
    random sampler that is the one that it draws. Clip v of an evaluation is that of the sampler's v-th call,
    which begins again after its last clip.

    Args:
        dense: What a clip is like from there on.
        clip_sampler: The sampler, which gives no more than ``MOST_CLIPS`` clips of a video. What it draws, it
            draws from Python's own generator.
    """

    dense: DenseSampling
    clip_sampler: Callable[..., Any]

    def drawn(self, video: ClipReader, chance: Generator) -> ClipRequest:
        """Draw one of the sampler's clips; see ``FrameSampling``."""
        starts = self._starts(video, MOST_CLIPS, chance.initial_seed())
        place = int(torch.randint(len(starts), (), generator=chance)) if len(starts) > 1 else 0
        return self.dense.starting_at(starts[place])

    def spread(self, video: ClipReader, view: int, num_views: int, chance: Generator) -> ClipRequest:
        """Return the sampler's clip of a view; see ``FrameSampling``."""
        starts = self._starts(video, view + 1, chance.initial_seed())
        return self.dense.starting_at(starts[view % len(starts)])

    def _starts(self, video: ClipReader, most: int, seed: int) -> list[float]:
        """Return where the clips of one pass start, or the first so many of them."""
        sampler = copy(self.clip_sampler)
        starts: list[float] = []
        end, is_last = 0.0, False
        # They draw from Python's own generator: it is the sample's for a moment, then the caller's again.
        caller = random.getstate()
        random.seed(seed)
        try:
            while not is_last and len(starts) < most:
                start, end, _, _, is_last = sampler(end, video.duration, {})
                # Those that draw several clips at once name all their starts.
                starts += map(float, start if isinstance(start, list) else [start])
                end, is_last = (each[-1] if isinstance(each, list) else each for each in (end, is_last))
        finally:
            random.setstate(caller)
        return starts


def sampling_of(source: Any, split: str, sampling: FrameSampling) -> FrameSampling:
    """Return how clips of a split are sampled: by the clip sampler that the source brings, if any.

    Args:
        source: The source, which may have a method ``clip_sampler``.
        split: The split.
        sampling: What a clip is like, and where it starts without one.

    Raises:
        ValueError: If there is one and the sampling leaves it no choice.
    """
    own = getattr(source, "clip_sampler", None)
    sampler = None if own is None else own(split)
    if sampler is None:
        return sampling
    if not isinstance(sampling, DenseSampling):
        raise ValueError("sampling 'segments' leaves the source's own clip sampler no choice: use 'dense'")
    return SamplerSampling(sampling, sampler)


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
            raise ValueError(
                "sampling 'segments' has no stride: leave out stride_frames and stride_seconds (on the "
                "command line --data.stride_seconds null)"
            )
        return SegmentSampling(frames)
    if stride_frames is None and stride_seconds is None:
        stride_frames = 4
    return DenseSampling(frames, stride_frames, stride_seconds)


def _uniform(chance: Generator) -> float:
    return float(torch.rand((), generator=chance, dtype=torch.float64))


def _check_frames(frames: int) -> None:
    if frames < 1:
        raise ValueError(f"frames must be at least 1, got {frames}")
