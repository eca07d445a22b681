"""Data sets that PyTorchVideo has made already."""

import logging
import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

from pytorchvideo.data import LabeledVideoDataset, SSv2
from pytorchvideo.data.clip_sampling import ClipSampler, RandomMultiClipSampler
from torch.utils.data import DistributedSampler, IterableDataset, RandomSampler, SequentialSampler

from vidmask.data.sources.base import Split
from vidmask.data.sources.files import missing_paths
from vidmask.data.sources.layouts import OnMissing, check_choice, tell_missing
from vidmask.data.sources.paths import ListedSource, VideoPaths

_LOG = logging.getLogger(__name__)

_SAMPLERS = (RandomSampler, SequentialSampler, DistributedSampler)

_MOST_CLASSES = 1_000_000


class PyTorchVideoDataset(ListedSource):
    """The videos, labels and clip samplers of ready data sets of PyTorchVideo.

    They may be made in Python, or in a recipe by the class or by a function that returns one, such as
    ``pytorchvideo.data.Kinetics``. Their lists and clip samplers are used: a clip starts where the sampler
    says and has as many frames, as far apart, as the data module says. In training it is any of the clips
    that the sampler cuts a video into, in evaluation the first of them. Sharding over ranks, shuffling,
    decoding and resuming are the data module's, as the data set's own give every rank the same videos and
    cannot be resumed: its ``video_sampler``, ``decoder`` and audio are not used, nor is its ``transform``.

    Of an ``SSv2``, which shows frames from all over a video whatever its clip sampler, the folders of frames
    and the labels are used; the data module's ``sampling: segments`` is what its ``frames_per_clip`` does.

    A label may be a class index, a class name, or a mapping of them by label name; -1 and None are no label.
    What else is known of a video (``meta_tags`` in HMDB51) is not used.

    Args:
        train: The training split, a ``LabeledVideoDataset`` or an ``SSv2``.
        val: The validation split.
        test: The test split.
        ignore_transform: Whether a transform may be there. Clips here are RGB in [0, 1], normalised in the
            encoder and augmented on the device: a transform that does so too would do it twice.
        on_missing: Whether videos that are not there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If videos are missing.
        ValueError: If a data set is empty, has a transform, labels in another form, or a sampler of several
            clips at once.
    """

    def __init__(
        self,
        train: IterableDataset,
        val: IterableDataset | None = None,
        test: IterableDataset | None = None,
        ignore_transform: bool = False,
        on_missing: OnMissing = "raise",
    ) -> None:
        check_choice("on_missing", on_missing, ("raise", "skip"))
        data_sets: dict[Split, IterableDataset | None] = {"train": train, "val": val, "test": test}
        self._clip_samplers: dict[Split, ClipSampler] = {}
        found: dict[Split, _Listed] = {}
        for split, data_set in data_sets.items():
            if data_set is None:
                continue
            if not isinstance(data_set, LabeledVideoDataset | SSv2):
                raise ValueError(
                    f"{split} must be a LabeledVideoDataset or an SSv2 of PyTorchVideo, got a "
                    f"{type(data_set).__name__}"
                )
            _check(split, data_set, ignore_transform)
            found[split] = _listed(split, data_set, on_missing)
            if isinstance(data_set, LabeledVideoDataset):
                # It may have been used before, and count on from there.
                sampler = self._clip_samplers[split] = copy(data_set._clip_sampler)
                sampler.reset()
        classes = _classes(found)
        splits: dict[Split, VideoPaths] = {}
        for split, listed in found.items():
            there = [place for place, path in enumerate(listed.paths) if path not in listed.missing]
            numbers = {}
            for name, values in listed.labels.items():
                # Of all classes, so that a missing video moves no number.
                index = {value: number for number, value in enumerate(classes[name])}
                numbers[name] = [index[str(values[place])] for place in there]
            splits[split] = VideoPaths("", [listed.paths[place] for place in there], numbers)
        super().__init__(classes, splits)

    def clip_sampler(self, split: Split) -> ClipSampler | None:
        """Return what says where the clips of a split start, or None where nothing does."""
        return self._clip_samplers.get(split)


class _Listed(NamedTuple):
    """The videos of a split, for each label name the value of each video, and those that are not there."""

    paths: list[str]
    labels: dict[str, list[int | str]]
    missing: set[str]


def _check(split: Split, data_set: LabeledVideoDataset | SSv2, ignore_transform: bool) -> None:
    if data_set._transform is not None and not ignore_transform:
        raise ValueError(
            f"{split}: the data set has a transform, which would not be applied: clips here are RGB in "
            "[0, 1], augmented on the device and normalised in the encoder; take it out, or say "
            "ignore_transform=True"
        )
    if isinstance(data_set._clip_sampler, RandomMultiClipSampler):
        raise ValueError(
            f"{split}: the clip sampler {type(data_set._clip_sampler).__name__} draws several clips at once; "
            "give a RandomClipSampler, and the number of clips to the data module as repeats"
        )
    if not isinstance(data_set.video_sampler, _SAMPLERS):
        _LOG.warning(
            "%s: the video sampler %s is not used: every video comes once in an epoch",
            split,
            type(data_set.video_sampler).__name__,
        )
    if isinstance(data_set, SSv2) and data_set._frame_filter is not None:
        _LOG.warning("%s: frames_per_clip is not used; give the data module sampling: segments", split)


def _listed(split: Split, data_set: LabeledVideoDataset | SSv2, on_missing: OnMissing) -> _Listed:
    videos = [(path, _labels(path, info)) for path, info in _items(data_set)]
    if not videos:
        raise ValueError(f"{split}: the data set has no videos")
    missing = missing_paths("", [path for path, _ in videos])
    tell_missing(missing, len(videos), f"the data set of {split}", on_missing)
    first, names = videos[0][0], videos[0][1].keys()
    for path, labels in videos:
        if labels.keys() != names:
            raise ValueError(
                f"{split}: {path} has the labels {sorted(labels)} and {first} {sorted(names)}; expected the "
                "same labels for all videos"
            )
    return _Listed(
        [path for path, _ in videos],
        {name: [labels[name] for _, labels in videos] for name in names},
        set(missing),
    )


def _items(data_set: LabeledVideoDataset | SSv2) -> Iterator[tuple[str, Any]]:
    """Yield each video and what is known of it; of frames the folder that they lie in."""
    if isinstance(data_set, LabeledVideoDataset):
        for index in range(len(data_set._labeled_videos)):
            path, info = data_set._labeled_videos[index]
            yield str(path), info
        return
    for frames, label in zip(data_set._path_to_videos, data_set._labels, strict=True):
        folders = {os.path.dirname(frame) for frame in frames}  # noqa: PTH120
        if len(folders) > 1:
            raise ValueError(
                f"{frames[0]}: the frames of this video lie in {len(folders)} folders; expected one for each"
            )
        yield folders.pop(), label


def _labels(path: str, info: Any) -> dict[str, int | str]:
    """Return the labels of a video by name."""
    label = info.get("label") if isinstance(info, Mapping) else info
    by_name = label if isinstance(label, Mapping) else {"class": label}
    found: dict[str, int | str] = {}
    for name, value in by_name.items():
        if isinstance(value, str):
            found[str(name)] = value
            continue
        try:
            number = -1 if value is None else operator.index(value)
        except TypeError:
            raise ValueError(
                f"{path}: the label {value!r} is neither a class index nor a class name"
            ) from None
        if not -1 <= number < _MOST_CLASSES:
            raise ValueError(f"{path}: the label {number} is no class index")
        if number >= 0:
            found[str(name)] = number
    return found


def _classes(found: Mapping[Split, _Listed]) -> dict[str, tuple[str, ...]]:
    classes: dict[str, tuple[str, ...]] = {}
    for name in sorted({name for listed in found.values() for name in listed.labels}):
        values = {value for listed in found.values() for value in listed.labels.get(name, ())}
        numbers = [value for value in values if isinstance(value, int)]
        if numbers and len(numbers) < len(values):
            raise ValueError(f"the label {name!r} is a number in some videos and a name in others")
        classes[name] = _numbered(numbers) if numbers else tuple(sorted(map(str, values)))
    return classes


def _numbered(numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(map(str, range(max(numbers) + 1)))
