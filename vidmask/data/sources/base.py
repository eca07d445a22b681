"""What a source of videos is: it knows its files, their splits and their labels."""

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
