"""What a source of videos is: it knows its files, their splits and their labels."""

import hashlib
import os
from typing import Literal, Protocol, runtime_checkable

from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths

Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")


@runtime_checkable
class VideoSource(Protocol):
    """A data set of video files.

    Attributes:
        classes: For each label name the names of its classes, in index order; empty if unlabelled.
    """

    classes: dict[str, tuple[str, ...]]

    def prepare(self) -> None:
        """Make or check the files. Called once per machine, before any training; may take long."""
        ...

    def split(self, split: Split) -> LabeledVideoPaths | None:
        """Return the videos of a split, or None where the source has no such split.

        Each item is ``(path, {"label": labels})`` with ``labels`` a dict from label name to class index.
        """
        ...


def fingerprint(source: VideoSource) -> str:
    """Return a hash of the videos that a run trains on: which, in which order, with which labels.

    Equal hashes mean that the n-th video is the same in both, wherever the data set lies: paths count from
    the folder that all videos lie in. What is in the files does not count. A million videos take a few
    seconds.

    Args:
        source: The source.

    Returns:
        SHA-256 in hexadecimal; that of nothing without a training split.
    """
    digest = hashlib.sha256()
    videos = source.split("train")
    paths: list[str] = []
    labels: list[str] = []
    for index in range(0 if videos is None else len(videos)):
        assert videos is not None
        path, info = videos[index]
        paths.append(path)
        # PyTorchVideo annotates the information as an integer; it is a dict.
        labels.append(repr(info["label"]))  # pyright: ignore[reportIndexIssue]
    if paths:
        # What the first and the last in alphabetical order begin with, all begin with.
        shared = os.path.commonprefix([min(paths), max(paths)])  # noqa: RUF071
        folder_length = shared.rfind(os.sep) + 1
        for path, label in zip(paths, labels, strict=True):
            line = f"{path[folder_length:]}\0{label}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
