"""Data sets that PyTorchVideo has made already."""

import logging
import operator
from collections.abc import Mapping
from typing import Any

from pytorchvideo.data.clip_sampling import ClipSampler, RandomMultiClipSampler
from pytorchvideo.data.labeled_video_dataset import LabeledVideoDataset
from torch.utils.data import DistributedSampler, RandomSampler, SequentialSampler

from vidmask.data.sources.base import Split
from vidmask.data.sources.files import missing_paths
from vidmask.data.sources.layouts import OnMissing, check_choice, tell_missing
from vidmask.data.sources.paths import ListedSource, VideoPaths

_LOG = logging.getLogger(__name__)

_SAMPLERS = (RandomSampler, SequentialSampler, DistributedSampler)

_Labels = dict[str, int | str]


class PyTorchVideoDataset(ListedSource):
    """The videos, labels and clip samplers of ready ``LabeledVideoDataset``s of PyTorchVideo.

    They may be made in Python, or in a recipe by the class or by a function that returns one, such as
    ``pytorchvideo.data.Kinetics``. Their lists and clip samplers are used: a clip starts where the sampler
    says and has as many frames, as far apart, as the data module says. Sharding over ranks, shuffling,
    decoding and resuming are the data module's, as the data set's own give every rank the same videos and
    cannot be resumed: its ``video_sampler`` and ``decoder`` are not used, nor is its ``transform``.

    A label may be a class index, a class name, or a mapping of them by label name; -1 and None are no label.
    What else is known of a video (``meta_tags`` in HMDB51) is not used.

    Args:
        train: The training split.
        val: The validation split.
        test: The test split.
        ignore_transform: Whether a transform may be there. Clips here are RGB in [0, 1], normalised in the
            encoder and augmented on the device: a transform that does so too would do it twice.
        on_missing: Whether videos that are not there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If videos are missing.
        ValueError: If a data set has a transform, labels in another form, or a sampler of several clips.
    """

    def __init__(
        self,
        train: LabeledVideoDataset,
        val: LabeledVideoDataset | None = None,
        test: LabeledVideoDataset | None = None,
        ignore_transform: bool = False,
        on_missing: OnMissing = "raise",
    ) -> None:
        check_choice("on_missing", on_missing, ("raise", "skip"))
        data_sets: dict[Split, LabeledVideoDataset | None] = {"train": train, "val": val, "test": test}
        given: dict[Split, LabeledVideoDataset] = {
            split: data_set for split, data_set in data_sets.items() if data_set is not None
        }
        for split, data_set in given.items():
            _check(split, data_set, ignore_transform)
        self._clip_samplers = {split: data_set._clip_sampler for split, data_set in given.items()}
        found: dict[Split, tuple[list[str], dict[str, list[int | str]]]] = {
            split: _videos(split, data_set, on_missing) for split, data_set in given.items()
        }
        classes = _classes({name for _, labels in found.values() for name in labels}, found)
        splits: dict[Split, VideoPaths] = {}
        for split, (paths, labels) in found.items():
            numbers = {}
            for name, values in labels.items():
                index = {value: number for number, value in enumerate(classes[name])}
                numbers[name] = [index[str(value)] for value in values]
            splits[split] = VideoPaths("", paths, numbers)
        super().__init__(classes, splits)

    def clip_sampler(self, split: Split) -> ClipSampler | None:
        """Return what says where the clips of a split start, or None where there is no such split."""
        return self._clip_samplers.get(split)


def _check(split: Split, data_set: LabeledVideoDataset, ignore_transform: bool) -> None:
    if data_set._transform is not None and not ignore_transform:
        raise ValueError(
            f"{split}: the data set has a transform, which would not be applied: clips here are RGB in "
            "[0, 1], augmented on the device and normalised in the encoder; take it out, or say "
            "ignore_transform=True"
        )
    if isinstance(data_set._clip_sampler, RandomMultiClipSampler):
        raise ValueError(
            f"{split}: the clip sampler {type(data_set._clip_sampler).__name__} draws several clips at once; "
            "give a RandomClipSampler, and the number of clips to the data module"
        )
    if not isinstance(data_set.video_sampler, _SAMPLERS):
        _LOG.warning(
            "%s: the video sampler %s is not used: every video comes once in an epoch",
            split,
            type(data_set.video_sampler).__name__,
        )


def _videos(
    split: Split, data_set: LabeledVideoDataset, on_missing: OnMissing
) -> tuple[list[str], dict[str, list[int | str]]]:
    """Return the paths of a data set, and the values of each of its labels."""
    listed = data_set._labeled_videos
    videos = [(str(path), _labels(path, info)) for path, info in map(listed.__getitem__, range(len(listed)))]
    if not videos:
        raise ValueError(f"{split}: the data set has no videos")
    paths = [path for path, _ in videos]
    missing = missing_paths("", paths)
    tell_missing(missing, len(paths), f"the data set of {split}", on_missing)
    gone = set(missing)
    videos = [(path, labels) for path, labels in videos if path not in gone]
    names = videos[0][1].keys()
    for path, labels in videos:
        if labels.keys() != names:
            raise ValueError(
                f"{split}: {path} has the labels {sorted(labels)} and {videos[0][0]} {sorted(names)}; "
                "expected the same labels for all videos"
            )
    return [path for path, _ in videos], {name: [labels[name] for _, labels in videos] for name in names}


def _labels(path: str, info: Any) -> _Labels:
    """Return the labels of a video by name."""
    label = info.get("label") if isinstance(info, Mapping) else info
    by_name = label if isinstance(label, Mapping) else {"class": label}
    found: _Labels = {}
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
        if number < -1:
            raise ValueError(f"{path}: the label {number} is no class index")
        if number >= 0:
            found[str(name)] = number
    return found


def _classes(
    names: set[str], found: Mapping[Split, tuple[list[str], dict[str, list[int | str]]]]
) -> dict[str, tuple[str, ...]]:
    classes: dict[str, tuple[str, ...]] = {}
    for name in sorted(names):
        values = {value for _, labels in found.values() for value in labels.get(name, ())}
        numbers = [value for value in values if isinstance(value, int)]
        if numbers and len(numbers) < len(values):
            raise ValueError(f"the label {name!r} is a number in some videos and a name in others")
        classes[name] = (
            tuple(map(str, range(max(numbers) + 1))) if numbers else tuple(sorted(map(str, values)))
        )
    return classes
