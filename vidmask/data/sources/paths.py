"""Millions of paths and labels in a few arrays, and the source that is made of them."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths

from vidmask.data.sources.base import Split, VideoSource


class VideoPaths(LabeledVideoPaths):
    """Paths and labels of videos, in one text and an array for each label.

    A list of tuples, as in PyTorchVideo's own class, takes some 400 bytes a video and has a reference count
    in each, so that every worker's share of it is copied as soon as the worker reads it: with a million
    videos a run's memory grows for an epoch. Three buffers stay shared, and are pickled at once.

    Args:
        folder: What relative paths are relative to.
        paths: The paths.
        labels: For each label name the class index of each video; empty if unlabelled.

    Raises:
        ValueError: If a label has not one index for each path.
    """

    def __init__(self, folder: str, paths: Sequence[str], labels: Mapping[str, Sequence[int]]) -> None:
        for name, indices in labels.items():
            if len(indices) != len(paths):
                raise ValueError(f"label {name!r} has {len(indices)} indices for {len(paths)} paths")
        encoded = [os.fsencode(path) for path in paths]
        self._path_prefix = folder
        self._text = b"".join(encoded)
        self._ends = np.cumsum([len(path) for path in encoded], dtype=np.int64)
        self._labels = {name: np.array(indices, np.int32) for name, indices in labels.items()}

    def __getitem__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, index: int
    ) -> tuple[str, dict]:
        """Return ``(path, {"label": {name: class index}})`` of a video."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"video {index} of {len(self)}")
        index %= len(self)
        begin = int(self._ends[index - 1]) if index else 0
        path = os.fsdecode(self._text[begin : int(self._ends[index])])
        labels = {name: int(indices[index]) for name, indices in self._labels.items()}
        return os.path.join(self._path_prefix, path), {"label": labels}  # noqa: PTH118

    def __len__(self) -> int:
        return len(self._ends)


class ListedSource(VideoSource):
    """A source whose files are there, and known as soon as it is made.

    Args:
        classes: For each label name the names of its classes.
        splits: The videos of each split.
    """

    def __init__(self, classes: Mapping[str, Sequence[str]], splits: Mapping[Split, VideoPaths]) -> None:
        self.classes: dict[str, tuple[str, ...]] = {name: tuple(names) for name, names in classes.items()}
        self._splits = dict(splits)

    def prepare(self) -> None:
        """Do nothing: the files are there."""

    def split(self, split: Split) -> LabeledVideoPaths | None:
        """Return the videos of a split, or None where the source has no such split."""
        return self._splits.get(split)
