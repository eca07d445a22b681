"""The batches of a run: a source's videos as clips, for training, evaluation and probes."""

import os
from copy import copy
from functools import partial
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule
from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths
from torch.utils.data import DataLoader

from vidmask.data.augmentation import ClipAugmentation, flip_and_others
from vidmask.data.clips import ClipDataset, LabeledVideos, collate
from vidmask.data.frame_sampling import SamplingName, frame_sampling, sampling_of
from vidmask.data.identity import check_identity, identity
from vidmask.data.readers import ReaderName, check_reader
from vidmask.data.sampling import ClipLoader, EpochSampler
from vidmask.data.skip_limit import SkipLimit, check_share
from vidmask.data.sources import SPLITS, Split, VideoSource
from vidmask.data.transforms import to_float
from vidmask.data.workers import num_workers_of, worker_options
from vidmask.randomness import generator
from vidmask.tokens import ClipBatch

OnError = Literal["raise", "skip"]


class VideoDataModule(LightningDataModule):
    """Clips of a source's videos, in batches.

    Workers decode, crop and resize to uint8; the device makes floats in [0, 1], flips and augments. Every
    random choice about a sample is a function of (seed, pass over the videos, video, repeat), so that the
    number of workers or ranks changes no clip.

    Args:
        source: Where the videos come from. On the command line ``--data.root DIR`` is short for
            ``--data.source.root DIR``.
        frames: Frames in a clip. Set by the encoder when the command line builds both.
        size: Rows and columns of a clip, in pixels. Set by the encoder likewise.
        stride_frames: Distance of two frames of a clip, in frames of the video.
        stride_seconds: The same in seconds, for videos of mixed frame rates: 16×4 at 30 frames a second is
            0.1333. Give one of the two; with neither it is 4 frames.
        sampling: ``dense`` takes frames at that distance. ``segments`` cuts a video into as many parts as a
            clip has frames and takes one of each, as is usual on Something-Something; it has no stride.
        repeats: Clips of each training video that is opened (MAE-ST: 4), each with its own start, crop, flip
            and mask. An epoch keeps its number of clips, and so opens fewer videos: R epochs are one pass.
        batch_size: Training clips in a batch of one rank, repeats included.
        eval_batch_size: Clips in a batch of evaluation; as in training if None.
        test_clips: Clips of a video in ``vidmask test`` and ``predict``, spread evenly over it.
        test_crops: Squares of each of these, spread evenly along the long side.
        test_split: Split that ``vidmask test`` scores: ``val`` where the papers report validation videos, as
            on Kinetics and Something-Something.
        predict_splits: Splits of which ``vidmask predict`` writes the features; those that the source has.
        scale: Least and greatest share of the frame that the random crop of training keeps.
        aspect: Least and greatest aspect ratio of that crop.
        flip: Probability that a training clip is mirrored. 0 by default: a mirror swaps right with left,
            so it is wrong wherever motion is a label.
        augmentations: What is done to training clips on the device after the flip, in this order. Two of a
            class need different ``choice``s.
        reader: Which decoder reads the files: ``pyav``, or ``torchcodec`` where it is installed.
        seed: Where all choices start; the run's ``seed_everything`` if None, and 0 without one.
        num_workers: Processes that decode, for each rank; 0 decodes in the training process. None takes one
            for each processor of the rank's share but two, eight at most: on a CPU with two processors that
            are busy with training, workers slow the step down by more than they save.
        prefetch_factor: Batches that each worker holds ready.
        pin_memory: Whether batches are put into pinned memory, where there is an accelerator.
        persistent_workers: Whether workers live on between epochs.
        on_error_fit: A training video that cannot be decoded is skipped and counted, or ends the run; it is
            left out likewise where a probe or ``predict`` reads the training split. A batch without a single
            video that can be decoded trains nothing.
        on_error_eval: The same for evaluation, and for other splits in ``predict``.
        max_skipped_share: Greatest share of the training videos that may be skipped; above it the run stops.
        timeout_seconds: The longest that reading the clips of one video may take; a video that takes longer
            cannot be decoded. null waits for ever.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        source: VideoSource,
        frames: int = 16,
        size: int = 224,
        stride_frames: int | None = None,
        stride_seconds: float | None = None,
        sampling: SamplingName = "dense",
        repeats: int = 1,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        test_clips: int = 1,
        test_crops: int = 1,
        test_split: Split = "test",
        predict_splits: tuple[Split, ...] = SPLITS,
        scale: tuple[float, float] = (0.5, 1.0),
        aspect: tuple[float, float] = (0.75, 4 / 3),
        flip: float = 0.0,
        augmentations: list[ClipAugmentation] | None = None,
        reader: ReaderName = "pyav",
        seed: int | None = None,
        num_workers: int | None = None,
        prefetch_factor: int = 4,
        pin_memory: bool = True,
        persistent_workers: bool = True,
        on_error_fit: OnError = "skip",
        on_error_eval: OnError = "raise",
        max_skipped_share: float = 0.05,
        timeout_seconds: float | None = 60.0,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("eval_batch_size", 1 if eval_batch_size is None else eval_batch_size, 1),
            ("num_workers", 0 if num_workers is None else num_workers, 0),
            ("prefetch_factor", prefetch_factor, 1),
            ("repeats", repeats, 1),
            ("test_clips", test_clips, 1),
            ("test_crops", test_crops, 1),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if batch_size % repeats:
            raise ValueError(
                f"batch_size counts clips, so repeats must divide it, got a batch_size of {batch_size} and "
                f"repeats {repeats}"
            )
        if test_split not in SPLITS:
            raise ValueError(f"test_split must be one of {', '.join(SPLITS)}, got {test_split!r}")
        self.test_split: Split = test_split
        if not predict_splits or not set(predict_splits) <= set(SPLITS):
            raise ValueError(
                f"predict_splits must be one or more of {', '.join(SPLITS)}, got {list(predict_splits)}"
            )
        if len(set(predict_splits)) < len(predict_splits):
            raise ValueError(f"predict_splits has a split twice: {', '.join(predict_splits)}")
        self.predict_splits: tuple[Split, ...] = tuple(predict_splits)
        self.max_skipped_share = check_share(max_skipped_share)
        self.source = source
        self.frames = frames
        self.size = size
        self.sampling = frame_sampling(sampling, frames, stride_frames, stride_seconds)
        self.repeats = repeats
        self.test_clips = test_clips
        self.test_crops = test_crops
        self.augmentations = flip_and_others(flip, augmentations or ())
        self.reader: ReaderName = check_reader(reader)
        self.timeout_seconds = timeout_seconds
        self.batch_size = batch_size
        self.eval_batch_size = batch_size if eval_batch_size is None else eval_batch_size
        self.scale = scale
        self.aspect = aspect
        self.flip = flip
        self.seed = int(os.environ.get("PL_GLOBAL_SEED", 0)) if seed is None else seed
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.persistent_workers = persistent_workers
        self.on_error_fit: OnError = on_error_fit
        self.on_error_eval: OnError = on_error_eval
        self._datasets: dict[tuple[Split, bool], ClipDataset | None] = {}
        self._skip_limit: SkipLimit | None = None
        self._identity: dict[str, Any] | None = None
        self.accept_other_videos = False
        # Wrong clip arguments are refused here, before the first video is looked for.
        self._clips(LabeledVideoPaths([]), "train", training=True)

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Return for each label the names of its classes; empty for unlabelled videos."""
        return self.source.classes

    def prepare_data(self) -> None:
        """Make or check the files, once per machine."""
        self.source.prepare()

    def dataset(self, split: Split, *, training: bool = False) -> ClipDataset | None:
        """Return the clips of a split, or None where the source has no such split.

        Args:
            split: Part of the source.
            training: Whether start and box are drawn as in training, or the centre is taken.
        """
        key = (split, training)
        if key not in self._datasets:
            videos = self.source.split(split)
            self._datasets[key] = None if videos is None else self._clips(videos, split, training=training)
        return self._datasets[key]

    def training_clips(self) -> ClipDataset:
        """Return the clips that are trained on.

        Raises:
            ValueError: If the source has no training split.
        """
        clips = self.dataset("train", training=True)
        if clips is None:
            raise ValueError("the source has no training split")
        return clips

    def num_train_batches(self, num_ranks: int = 1) -> int:
        """Return the training batches of an epoch on each of so many ranks."""
        return len(self.training_clips()) // (self.batch_size * num_ranks)

    def train_dataloader(self) -> ClipLoader:
        """Return the loader of training batches, which a checkpoint can stop and resume in mid-epoch."""
        clips = self.training_clips()
        rank, num_ranks = self._ranks()
        if self.num_train_batches(num_ranks) == 0:
            raise ValueError(
                f"{len(clips)} training videos fill no batch of {self.batch_size} clips on {num_ranks} "
                f"rank(s); give a batch_size of at most {len(clips) // num_ranks}"
            )
        sampler = EpochSampler(
            clips,
            self.batch_size,
            shuffle=True,
            drop_last=True,
            num_replicas=num_ranks,
            rank=rank,
            seed=self.seed,
            repeats=self.repeats,
        )
        self._skip_limit = SkipLimit(self.max_skipped_share, len(clips))
        options = self._options(clips)
        return ClipLoader(
            clips, batch_size=sampler.videos_per_batch, sampler=sampler, drop_last=True, **options
        )

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Return the loader of the validation split; an empty list where there is none to fit beside.

        Raises:
            ValueError: If the source has no validation split, and the run only validates.
        """
        loader = self._evaluation_loader(self.dataset("val"))
        if loader is None and self.trainer is not None and self.trainer.state.fn == "validate":
            raise ValueError(
                "the source has no validation split: name one to validate on"
                " (of a VideoFolder by val_root, or by the folders train and val in its root)"
            )
        return [] if loader is None else loader

    def test_dataloader(self) -> DataLoader:
        """Return the loader of the split that is tested.

        Raises:
            ValueError: If the source has no such split.
        """
        clips = self.dataset(self.test_split)
        if clips is not None:
            clips = copy(clips)
            clips.num_clips, clips.num_crops = self.test_clips, self.test_crops
        loader = self._evaluation_loader(clips)
        if loader is None:
            if self.test_split != "test":
                raise ValueError(f"the source has no split {self.test_split}, which data.test_split names")
            raise ValueError(
                "the source has no test split: name one to test on (of a VideoFolder by test_root, or by the "
                "folders train and test in its root), or take another by data.test_split"
            )
        return loader

    @property
    def predicted_splits(self) -> tuple[Split, ...]:
        """Return those of ``predict_splits`` that the source has."""
        return tuple(split for split in self.predict_splits if self.dataset(split) is not None)

    def predict_dataloader(self) -> list[DataLoader]:
        """Return a loader for each of ``predicted_splits``, in this order, without shuffling.

        The views of a video are those of a test. Where videos are skipped, a batch may have no clips.

        Raises:
            ValueError: If the source has none of them.
        """
        loaders = []
        for split in self.predicted_splits:
            clips = self._unaugmented(split)
            assert clips is not None
            clips.num_clips, clips.num_crops = self.test_clips, self.test_crops
            loader = self._evaluation_loader(clips, passed_once=True)
            assert loader is not None
            loaders.append(loader)
        if not loaders:
            raise ValueError(
                f"data.predict_splits asks for {', '.join(self.predict_splits)}, of which the source has none"
            )
        return loaders

    def probe_loader(self, split: Split, num_videos: int | None = None) -> DataLoader | None:
        """Return a loader of one fixed clip of each video, the centre one, for the features of a probe.

        Args:
            split: Part of the source.
            num_videos: How many videos, drawn once from the seed; all of them if None.

        Returns:
            The loader, whose batches every rank sees alike, or None where there is no such split. Training
            videos that cannot be decoded are skipped or end the run as in training. Where they are skipped,
            a batch may have no clips.
        """
        clips = self._unaugmented(split)
        if clips is None:
            return None
        places = torch.arange(len(clips))
        if num_videos is not None and num_videos < len(clips):
            order = torch.randperm(len(clips), generator=generator(self.seed, f"probe {split}"))
            places = order[:num_videos].sort().values
        options = self._options(clips)
        options.pop("persistent_workers", None)
        keys = [(0, index) for index in places.tolist()]
        return DataLoader(clips, batch_size=self.eval_batch_size, sampler=keys, **options)

    def on_after_batch_transfer(self, batch: ClipBatch, dataloader_idx: int) -> ClipBatch:
        """Make float clips in [0, 1] on the device, flipped and augmented in training if so configured.

        Raises:
            TooManySkippedError: If more training videos cannot be decoded than may be lost.
        """
        training = self.trainer is not None and self.trainer.training
        if training and self._skip_limit is not None:
            self._skip_limit.count(len(batch.clips), batch.skipped)
        batch = batch._replace(clips=to_float(batch.clips))
        if not training or len(batch.clips) == 0:
            return batch
        for augment in self.augmentations:
            batch = batch._replace(clips=augment(batch.clips, batch.seeds))
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Return which videos are trained on, for a checkpoint."""
        if self._identity is None:
            self._identity = identity(self.source)
        return self._identity

    def identity_if_known(self) -> dict[str, Any]:
        """Return which videos are trained on, or nothing where the source has yet to make them."""
        try:
            return self.state_dict()
        except FileNotFoundError:
            return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Check that the videos are those of the checkpoint.

        Raises:
            ValueError: If they are others and ``accept_other_videos`` is not set.
        """
        if not self.accept_other_videos:
            check_identity(self.state_dict(), state_dict)

    def _clips(self, videos: LabeledVideos, split: Split, *, training: bool) -> ClipDataset:
        return ClipDataset(
            videos,
            sampling_of(self.source, split, self.sampling),
            self.size,
            training=training,
            scale=self.scale,
            aspect=self.aspect,
            repeats=self.repeats if training else 1,
            seed=self.seed,
            on_error=self.on_error_fit if training else self.on_error_eval,
            advice=_advice(split, "on_error_fit" if training else "on_error_eval"),
            reader=self.reader,
            timeout_seconds=self.timeout_seconds,
        )

    def _unaugmented(self, split: Split) -> ClipDataset | None:
        """Return a copy of a split's clips for features; training videos are skipped as in training."""
        clips = copy(self.dataset(split))
        if clips is not None and split == "train":
            clips.on_error, clips.advice = self.on_error_fit, _advice(split, "on_error_fit")
        return clips

    def _evaluation_loader(
        self, clips: ClipDataset | None, *, passed_once: bool = False
    ) -> DataLoader | None:
        if clips is None:
            return None
        rank, num_ranks = self._ranks()
        batch_size = max(self.eval_batch_size // clips.num_views, 1)
        sampler = EpochSampler(
            clips, batch_size, shuffle=False, drop_last=False, num_replicas=num_ranks, rank=rank
        )
        options = self._options(clips)
        if passed_once:
            # Workers of one split need not wait beside those of the next.
            options.pop("persistent_workers", None)
        return DataLoader(clips, batch_size=batch_size, sampler=sampler, **options)

    def _ranks(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _options(self, clips: ClipDataset) -> dict[str, Any]:
        ranks_here = 1 if self.trainer is None else self.trainer.num_devices
        number = num_workers_of(ranks_here) if self.num_workers is None else self.num_workers
        options = worker_options(
            number, self.prefetch_factor, pin=self.pin_memory, persistent=self.persistent_workers
        )
        # Of several ranks in step none can leave out a batch.
        return options | {"collate_fn": partial(collate, allow_empty=clips.on_error == "skip")}


def _advice(split: Split, option: str) -> str:
    kind = {"train": "training", "val": "validation", "test": "test"}[split]
    return (
        f"; this {kind} video ends the run: pass over it by --data.{option} skip, or leave it out by a "
        "manifest (vidmask data check)"
    )
