"""Clips of videos: which frames, which box, and what is known of them."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset, default_collate, get_worker_info

from vidmask.data.frame_sampling import FrameSampling
from vidmask.data.readers import ClipReader, ReaderName, VideoReadError, open_video
from vidmask.data.readers.base import DecodedClip
from vidmask.data.stages import NO_CLOCK, StageClock
from vidmask.data.time_limit import TimeLimit
from vidmask.data.transforms import Box, crop_and_resize, random_box, spread_box
from vidmask.randomness import generator, sample_seed
from vidmask.tokens import ClipBatch

Key = int | tuple[int, int]
"""Index of a video in epoch 0, or ``(epoch, index)``."""


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
    box: Box


class SkippedSample(NamedTuple):
    """A sample that was due and could not be decoded."""

    path: str
    reason: str


class ClipDataset(Dataset):
    """The clips of each video that are due: all from one opening of the file.

    A video too short for a clip is read to its end and its last frame repeated, as PyTorchVideo-style
    loaders of the papers do (the index of a frame is clamped to the last one).

    In training (``training``) there are ``repeats`` clips of a video, each with its own start and the box of
    a random resized crop, the same for all frames. In evaluation there are ``num_clips`` clips spread over
    the video and ``num_crops`` squares of each, spread along the long side. All are functions of (seed,
    epoch, index, view) alone, a view being one of the repeats, or ``clip * num_crops + crop``.

    Args:
        videos: ``(path, {"label": {name: class index}})`` of each video. PyTorchVideo's own
            ``{"label": index}`` is taken as the label ``class``; -1 and None are no label.
        sampling: Which frames of a video a clip shows.
        size: Rows and columns of a clip, in pixels.
        training: Whether start and box are drawn, as in training.
        scale: Least and greatest share of the frame that the random box keeps.
        aspect: Least and greatest aspect ratio of the random box.
        repeats: Clips of a video in training (MAE-ST's repeated sampling, arXiv 2205.09113, section 3).
        num_clips: Clips of a video in evaluation.
        num_crops: Squares of each of these.
        seed: The run's seed.
        on_error: What a video that cannot be decoded does: ``"raise"`` ends the run, ``"skip"`` returns a
            ``SkippedSample`` for each clip that was due, which the batch counts.
        advice: What is added to the error that ends the run.
        reader: Which decoder reads the files.
        timeout_seconds: The longest that the clips of one video may take to be read; a video that takes
            longer cannot be decoded. None waits for ever.
        clock: Measures where the time goes.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        videos: LabeledVideos,
        sampling: FrameSampling,
        size: int,
        *,
        training: bool = False,
        scale: tuple[float, float] = (0.5, 1.0),
        aspect: tuple[float, float] = (0.75, 4 / 3),
        repeats: int = 1,
        num_clips: int = 1,
        num_crops: int = 1,
        seed: int = 0,
        on_error: Literal["raise", "skip"] = "raise",
        advice: str = "",
        reader: ReaderName = "pyav",
        timeout_seconds: int | float | None = None,
        clock: StageClock = NO_CLOCK,
    ) -> None:
        for name, value in (
            ("size", size),
            ("repeats", repeats),
            ("num_clips", num_clips),
            ("num_crops", num_crops),
        ):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"scale must be two ascending shares in (0, 1], got {tuple(scale)}")
        if not 0 < aspect[0] <= aspect[1]:
            raise ValueError(f"aspect must be two ascending positive ratios, got {tuple(aspect)}")
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
        self.videos = videos
        self.sampling = sampling
        self.size = size
        self.training = training
        self.scale = scale
        self.aspect = aspect
        self.repeats = repeats
        self.num_clips = num_clips
        self.num_crops = num_crops
        self.seed = seed
        self.on_error = on_error
        self.advice = advice
        self.reader: ReaderName = reader
        self.clock = clock
        self._within_time = TimeLimit(timeout_seconds)

    def __len__(self) -> int:
        return len(self.videos)

    @property
    def num_views(self) -> int:
        """Return the clips that one video gives."""
        return self.repeats if self.training else self.num_clips * self.num_crops

    def __getitem__(self, key: Key) -> list[ClipSample | SkippedSample]:
        """Return the clips of a video.

        Raises:
            VideoReadError: If the video cannot be decoded and ``on_error`` is ``"raise"``.
        """
        epoch, index = (0, key) if isinstance(key, int) else key
        path, info = self.videos[index]
        seeds = [sample_seed(self.seed, epoch, index, view) for view in range(self.num_views)]
        try:
            decoded = self._read(path, seeds)
        except VideoReadError as error:
            if self.on_error == "raise":
                raise VideoReadError(f"{error}{self.advice}") from error
            return [SkippedSample(path, str(error))] * self.num_views
        labels = class_indices(info["label"])
        samples = []
        for view, seed in enumerate(seeds):
            clip = decoded[view if self.training else view // self.num_crops]
            rows, columns = clip.pictures[0].shape[:2]
            box = self._box(rows, columns, view, seed)
            with self.clock.stage("crop"):
                pixels = crop_and_resize(clip.pictures, box, self.size)
            samples.append(ClipSample(pixels, labels, index, clip.seconds[0], view, seed, path, box))
        return samples

    def _read(self, path: str, seeds: Sequence[int]) -> list[DecodedClip]:
        try:
            return self._within_time(lambda: self._read_clips(path, seeds))
        except TimeoutError as error:
            raise VideoReadError(f"{path}: cannot be decoded: {error}") from error

    def _read_clips(self, path: str, seeds: Sequence[int]) -> list[DecodedClip]:
        video = open_video(path, self.reader, self.clock)
        try:
            return video.read_clips(self._requests(video, seeds))
        finally:
            video.close()

    def _requests(self, video: ClipReader, seeds: Sequence[int]) -> list[Any]:
        if self.training:
            return [self.sampling.drawn(video, generator(seed, "start")) for seed in seeds]
        return [
            self.sampling.spread(
                video, clip, self.num_clips, generator(seeds[clip * self.num_crops], "start")
            )
            for clip in range(self.num_clips)
        ]

    def _box(self, rows: int, columns: int, view: int, seed: int) -> Box:
        if self.training:
            return random_box(rows, columns, self.scale, self.aspect, generator(seed, "box"))
        return spread_box(rows, columns, view % self.num_crops, self.num_crops)


def class_indices(label: Any) -> dict[str, int]:
    """Return the labels by name; PyTorchVideo numbers the classes of one label, -1 being none of them."""
    if label is None or label == -1:
        return {}
    return dict(label) if isinstance(label, Mapping) else {"class": operator.index(label)}


def collate(loads: Sequence[Sequence[ClipSample | SkippedSample]], *, allow_empty: bool = False) -> ClipBatch:
    """Stack the clips of several videos to a batch; the skipped ones are left out of it, and listed in it.

    Args:
        loads: The clips of each video.
        allow_empty: Whether a batch may have no clips at all. Where several ranks train in step, one of them
            cannot leave out a batch.

    Raises:
        VideoReadError: If every clip was skipped and the batch must not be empty.
        ValueError: If some clips have labels that others have not.
    """
    samples = [sample for load in loads for sample in load]
    clips = [sample for sample in samples if isinstance(sample, ClipSample)]
    skipped = [(sample.path, sample.reason) for sample in samples if isinstance(sample, SkippedSample)]
    if not clips and not allow_empty:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in skipped[:3]))
        raise VideoReadError(f"none of the {len(skipped)} clips of a batch can be read: {reasons}")
    names = [sample.labels.keys() for sample in clips]
    if any(other != names[0] for other in names):
        odd = next(sample for sample in clips if sample.labels.keys() != names[0])
        raise ValueError(
            f"{odd.path}: has the labels {sorted(odd.labels)} and {clips[0].path} {sorted(names[0])}; "
            "expected the same labels for all videos"
        )
    return ClipBatch(
        clips=_stack([sample.clip for sample in clips]),
        labels={
            name: torch.tensor([sample.labels[name] for sample in clips])
            for name in (clips[0].labels if clips else ())
        },
        video_index=torch.tensor([sample.video_index for sample in clips], dtype=torch.int64),
        start_seconds=torch.tensor([sample.start_seconds for sample in clips], dtype=torch.float32),
        view=torch.tensor([sample.view for sample in clips], dtype=torch.int64),
        seeds=[sample.seed for sample in clips],
        paths=[sample.path for sample in clips],
        skipped=skipped,
        boxes=torch.tensor([sample.box for sample in clips], dtype=torch.int64).view(-1, 4),
    )


def _stack(clips: Sequence[UInt8[Tensor, "3 t h w"]]) -> UInt8[Tensor, "b 3 t h w"]:
    if not clips:
        return torch.empty(0, 3, 0, 0, 0, dtype=torch.uint8)
    if get_worker_info() is not None:
        # This stacks them where the training process reads them, which saves a copy of the batch.
        return default_collate(list(clips))
    # NumPy copies without waking torch's thread pool, which costs more than the copy.
    return torch.from_numpy(np.stack([clip.numpy() for clip in clips]))
