"""Clips of videos, one for each video: which frames, which box, and what is known of them."""

import operator
import random
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset

from vidmask.data.readers import PyAVReader, VideoReadError
from vidmask.data.transforms import centre_box, crop_and_resize, random_box
from vidmask.randomness import generator, sample_seed
from vidmask.tokens import ClipBatch


@runtime_checkable
class LabeledVideos(Protocol):
    """What a clip data set needs of PyTorchVideo's ``LabeledVideoPaths``."""

    def __getitem__(self, index: int) -> tuple[str, Any]: ...

    def __len__(self) -> int: ...


class ClipSample(NamedTuple):
    """One clip, before it joins a batch; the fields are those of ``ClipBatch``."""

    clip: UInt8[Tensor, "3 t h w"]
    labels: dict[str, int]
    video_index: int
    start_seconds: float
    view: int
    seed: int
    path: str


class SkippedSample(NamedTuple):
    """A sample that was due and could not be decoded."""

    path: str
    reason: str


class ClipDataset(Dataset):
    """A clip from each video.

    A video too short for a clip is read to its end and its last frame repeated, as PyTorchVideo-style
    loaders of the papers do (the index of a frame is clamped to the last one).

    In training (``training``) the start is uniform over all that let the clip end inside the video, and the
    box is that of a random resized crop, the same for all frames. In evaluation the views lie evenly
    between the first and the last start (one view: the centre) and the largest centred square is kept.
    Both are functions of (seed, epoch, index, view) alone.

    Args:
        videos: ``(path, {"label": {name: class index}})`` of each video. PyTorchVideo's own
            ``{"label": index}`` is taken as the label ``class``; -1 and None are no label.
        frames: Frames in a clip.
        size: Rows and columns of a clip, in pixels.
        stride_frames: Distance of two frames of the clip, in frames of the video.
        stride_seconds: The same in seconds. Exactly one of the two is given.
        training: Whether start and box are drawn, as in training.
        scale: Least and greatest share of the frame that the random box keeps.
        aspect: Least and greatest aspect ratio of the random box.
        num_views: Clips in evaluation that are spread over a video.
        clip_sampler: One of PyTorchVideo's clip samplers, which then says where a clip starts. View v is
            the clip of its v-th call for the video.
        seed: The run's seed.
        on_error: What a video that cannot be decoded does: ``"raise"`` ends the run, ``"skip"`` returns a
            ``SkippedSample`` that the batch counts.

    Raises:
        ValueError: If not exactly one stride is given, or a number is out of range.
    """

    def __init__(
        self,
        videos: LabeledVideos,
        frames: int,
        size: int,
        *,
        stride_frames: int | None = None,
        stride_seconds: float | None = None,
        training: bool = False,
        scale: tuple[float, float] = (0.5, 1.0),
        aspect: tuple[float, float] = (0.75, 4 / 3),
        num_views: int = 1,
        clip_sampler: Callable[..., Any] | None = None,
        seed: int = 0,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> None:
        if (stride_frames is None) == (stride_seconds is None):
            raise ValueError(
                f"give one of stride_frames and stride_seconds, got {stride_frames} and {stride_seconds}"
            )
        for name, value in (("frames", frames), ("size", size), ("num_views", num_views)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        for name, stride in (("stride_frames", stride_frames), ("stride_seconds", stride_seconds)):
            if stride is not None and stride <= 0:
                raise ValueError(f"{name} must be positive, got {stride}")
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"scale must be two ascending shares in (0, 1], got {tuple(scale)}")
        if not 0 < aspect[0] <= aspect[1]:
            raise ValueError(f"aspect must be two ascending positive ratios, got {tuple(aspect)}")
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
        self.videos = videos
        self.frames = frames
        self.size = size
        self.stride_frames = stride_frames
        self.stride_seconds = stride_seconds
        self.training = training
        self.scale = scale
        self.aspect = aspect
        self.num_views = num_views
        self.clip_sampler = clip_sampler
        self.seed = seed
        self.on_error = on_error

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key: int | tuple[int, ...]) -> ClipSample | SkippedSample:
        """Return the clip of a key ``(epoch, index)`` or ``(epoch, index, view)``; an index alone is epoch 0.

        Raises:
            VideoReadError: If the video cannot be decoded and ``on_error`` is ``"raise"``.
        """
        epoch, index, view = (0, key, 0) if isinstance(key, int) else (*key, 0)[:3]
        path, info = self.videos[index]
        seed = sample_seed(self.seed, epoch, index, view)
        try:
            clip, start_seconds = self._read(path, seed, view)
        except VideoReadError as error:
            if self.on_error == "raise":
                raise
            return SkippedSample(path, str(error))
        return ClipSample(clip, _labels(info["label"]), index, start_seconds, view, seed, path)

    def _read(self, path: str, seed: int, view: int) -> tuple[UInt8[Tensor, "3 t h w"], float]:
        with PyAVReader(path) as reader:
            stride = self.stride_seconds or (self.stride_frames or 1) / reader.frames_per_second
            # A start below this leaves the last frame inside the video.
            latest = max(reader.duration - (self.frames - 1) * stride, 0.0)
            if self.clip_sampler is not None:
                start = _sampled_start(self.clip_sampler, reader.duration, view, seed)
            elif self.training:
                start = latest * float(
                    torch.rand((), generator=generator(seed, "start"), dtype=torch.float64)
                )
            else:
                start = latest * (view + 0.5) / self.num_views
            decoded = reader.read(
                start,
                self.frames,
                stride_frames=self.stride_frames,
                stride_seconds=self.stride_seconds,
            )
        rows, columns = decoded.frames.shape[1:3]
        if self.training:
            box = random_box(rows, columns, self.scale, self.aspect, generator(seed, "box"))
        else:
            box = centre_box(rows, columns)
        return crop_and_resize(decoded.frames, box, self.size), decoded.seconds[0]


def _labels(label: Any) -> dict[str, int]:
    """Return the labels by name; PyTorchVideo numbers the classes of one label, -1 being none of them."""
    if label is None or label == -1:
        return {}
    return dict(label) if isinstance(label, Mapping) else {"class": operator.index(label)}


def _sampled_start(clip_sampler: Callable[..., Any], duration: float, view: int, seed: int) -> float:
    """Return the start in seconds that a clip sampler of PyTorchVideo gives for a view."""
    sampler = copy(clip_sampler)
    # They draw from Python's own generator: it is the sample's for a moment, then the caller's again.
    caller = random.getstate()
    random.seed(generator(seed, "start").initial_seed())
    try:
        clip = sampler(0.0, duration, {})
        for _ in range(view):
            clip = sampler(clip.clip_end_sec, duration, {})
    finally:
        random.setstate(caller)
    return float(clip.clip_start_sec)


def collate(samples: Sequence[ClipSample | SkippedSample]) -> ClipBatch:
    """Stack samples to a batch; the skipped ones are left out of it and listed in ``skipped``.

    Raises:
        VideoReadError: If every sample was skipped.
        ValueError: If some samples have labels that others have not.
    """
    clips = [sample for sample in samples if isinstance(sample, ClipSample)]
    skipped = [(sample.path, sample.reason) for sample in samples if isinstance(sample, SkippedSample)]
    if not clips:
        reasons = "; ".join(reason for _, reason in skipped[:3])
        raise VideoReadError(f"none of the {len(skipped)} videos of a batch can be read: {reasons}")
    names = [sample.labels.keys() for sample in clips]
    if any(other != names[0] for other in names):
        odd = next(sample for sample in clips if sample.labels.keys() != names[0])
        raise ValueError(
            f"{odd.path}: has the labels {sorted(odd.labels)} and {clips[0].path} {sorted(names[0])}; "
            "expected the same labels for all videos"
        )
    return ClipBatch(
        clips=torch.stack([sample.clip for sample in clips]),
        labels={name: torch.tensor([sample.labels[name] for sample in clips]) for name in clips[0].labels},
        video_index=torch.tensor([sample.video_index for sample in clips]),
        start_seconds=torch.tensor([sample.start_seconds for sample in clips], dtype=torch.float32),
        view=torch.tensor([sample.view for sample in clips]),
        seeds=[sample.seed for sample in clips],
        paths=[sample.path for sample in clips],
        skipped=skipped,
    )
