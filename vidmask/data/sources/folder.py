"""A folder of videos, with a folder for each class or none."""

import logging
import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths

from vidmask.data.sources.base import SPLITS, Split, VideoSource

_LOG = logging.getLogger(__name__)

SPLIT_NAMES = ("train", "val", "valid", "validation", "test")
"""Names, in any case, of folders that hold a split and not a class."""

VIDEO_SUFFIXES = (
    ".mp4",
    ".webm",
    ".mkv",
    ".avi",
    ".mov",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".3gp",
    ".ts",
)


class VideoFolder(VideoSource):
    """Video files in a folder for each class, or in one flat folder.

    ``root/<class>/…/video.mp4`` gives the label ``class``; a folder with videos directly in it is
    unlabelled. If the root has a folder ``train``, then ``train``, ``val`` and ``test`` in it are the
    splits; else the whole root is the training split. Classes are numbered alphabetically over all splits
    together. Links are followed; names that start with a dot are left out. Folders named ``val``, ``valid``,
    ``validation`` or ``test`` are never taken for classes of the root.

    Args:
        root: The folder.
        val_root: Folder of the validation split, where it is not ``root/val``.
        test_root: Folder of the test split, where it is not ``root/test``.

    Raises:
        FileNotFoundError: If a folder is missing.
        ValueError: If a folder holds no video, or mixes labelled and unlabelled ones, or if a folder is named
            as a split but is none.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        val_root: str | PathLike[str] | None = None,
        test_root: str | PathLike[str] | None = None,
    ) -> None:
        folder = _existing(Path(root))
        folders: dict[Split, Path] = {"train": folder}
        if (folder / "train").is_dir():
            folders = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
        if val_root is not None:
            folders["val"] = _existing(Path(val_root))
        if test_root is not None:
            folders["test"] = _existing(Path(test_root))
        _refuse_other_splits(folder, folders)
        found = {split: _videos_by_class(path) for split, path in folders.items()}
        names = {name for classes in found.values() for name in classes}
        if None in names and len(names) > 1:
            where = ", ".join(map(str, folders.values()))
            raise ValueError(
                f"{where}: some videos lie in a class folder and some do not; put all into class folders, or "
                "all into one folder without"
            )
        ordered = sorted(name for name in names if name is not None)
        self.classes: dict[str, tuple[str, ...]] = {"class": tuple(ordered)} if ordered else {}
        index = {name: place for place, name in enumerate(ordered)}
        self._splits = {
            split: [
                (str(path), {} if name is None else {"class": index[name]})
                for name, paths in classes.items()
                for path in paths
            ]
            for split, classes in found.items()
        }

    def prepare(self) -> None:
        """Do nothing: the files are there."""

    def split(self, split: Split) -> LabeledVideoPaths | None:
        """Return the videos of a split, or None where there is no such folder."""
        videos = self._splits.get(split)
        # PyTorchVideo writes an integer where it takes any label.
        return None if videos is None else LabeledVideoPaths(videos)  # pyright: ignore[reportArgumentType]


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(
            f"{folder}: {what}; give a folder of videos, or of one folder of videos a class"
        )
    return folder


def _refuse_other_splits(root: Path, folders: dict[Split, Path]) -> None:
    """Refuse a folder that is named as a split and would be a class, or be ignored."""
    used = [] if folders["train"] == root else list(folders.values())
    for folder in sorted(root.iterdir()):
        if (
            folder.name.lower() in SPLIT_NAMES
            and folder.is_dir()
            and not any(folder.samefile(other) for other in used)
        ):
            raise ValueError(
                f"{folder}: is named as a split but would be none; expected the folder {root / 'train'} and "
                "beside it val and test, or other folders as val_root and test_root"
            )


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, through links too; a link that leads back up is not followed."""
    for directory, names, files in os.walk(folder, followlinks=True):
        path = Path(directory)
        if path.is_symlink() and any(path.samefile(above) for above in path.parents):
            names.clear()
            continue
        yield from (path / name for name in files)


def _videos_by_class(folder: Path) -> dict[str | None, list[Path]]:
    """Return the videos of each class in alphabetical order, under None where the folder has no classes."""
    videos: dict[str | None, list[Path]] = {}
    for path in sorted(_files(folder)):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.suffix.lower() in VIDEO_SUFFIXES and not hidden and path.is_file():
            videos.setdefault(parts[0] if len(parts) > 1 else None, []).append(path)
    if not videos:
        raise ValueError(
            f"{folder}: holds no video; expected files ending in {' '.join(VIDEO_SUFFIXES)}, in one folder a "
            "class or directly in it"
        )
    if None not in videos:
        empty = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in videos)
        empty = [name for name in empty if not name.startswith(".")]
        if empty:
            _LOG.warning("%s: no video in %s, so no class of that name", folder, ", ".join(empty))
    return videos
