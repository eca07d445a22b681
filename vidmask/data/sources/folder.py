"""A folder of videos, with a folder for each class or none."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from vidmask.data.sources.base import SPLITS, Split
from vidmask.data.sources.files import VIDEO_SUFFIXES, find_videos
from vidmask.data.sources.paths import ListedSource, VideoPaths

__all__ = ["SPLIT_NAMES", "VIDEO_SUFFIXES", "VideoFolder"]

_LOG = logging.getLogger(__name__)

SPLIT_NAMES = ("train", "val", "valid", "validation", "test")
"""Names, in any case, of folders that hold a split and not a class."""


class VideoFolder(ListedSource):
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
        val_share: Share of the training videos of each class (of all, where unlabelled) that are held out as
            the validation split, where there is no other: at least one of two. A hash of the path below the
            root chooses them, so that a video more or less moves at most one other between the splits.

    Raises:
        FileNotFoundError: If a folder is missing.
        ValueError: If a folder holds no video, or mixes labelled and unlabelled ones, or if a folder is named
            as a split but is none, or if ``val_share`` is no share or there is a validation split already.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        val_root: str | PathLike[str] | None = None,
        test_root: str | PathLike[str] | None = None,
        val_share: float = 0.0,
    ) -> None:
        folder = _existing(Path(root).expanduser())
        folders: dict[Split, Path] = {"train": folder}
        if (folder / "train").is_dir():
            folders = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
        if val_root is not None:
            folders["val"] = _existing(Path(val_root).expanduser())
        if test_root is not None:
            folders["test"] = _existing(Path(test_root).expanduser())
        _refuse_other_splits(folder, folders)
        check_val_share(val_share, folders.get("val"))
        found: dict[Split, dict[str | None, list[str]]] = {
            split: _videos_by_class(path) for split, path in folders.items()
        }
        if val_share:
            prefix = "" if folders["train"] == folder else "train/"
            found |= _held_out(found["train"], prefix, val_share)
            folders["val"] = folders["train"]
        names = {name for classes in found.values() for name in classes}
        if None in names and len(names) > 1:
            where = ", ".join(map(str, folders.values()))
            raise ValueError(
                f"{where}: some videos lie in a class folder and some do not; put all into class folders, or "
                "all into one folder without"
            )
        ordered = sorted(name for name in names if name is not None)
        index = {name: place for place, name in enumerate(ordered)}
        splits: dict[Split, VideoPaths] = {}
        for split, classes in found.items():
            paths = [path for paths in classes.values() for path in paths]
            labels = [index[name] for name, paths in classes.items() if name is not None for _ in paths]
            splits[split] = VideoPaths(str(folders[split]), paths, {"class": labels} if ordered else {})
        super().__init__({"class": ordered} if ordered else {}, splits)


def hold_out(paths: Sequence[str], share: float, prefix: str = "") -> set[str]:
    """Return the share of the paths whose hashes are the smallest: at least one of two, and never all.

    Args:
        paths: They.
        share: Which share of them, in (0, 1).
        prefix: What stands before the paths for the hash.
    """
    number = max(1, min(round(share * len(paths)), len(paths) - 1)) if len(paths) > 1 else 0
    return set(sorted(paths, key=lambda path: (_hash(prefix + path), path))[:number])


def check_val_share(share: float, val_root: Path | None) -> None:
    """Refuse a share that is none, or that stands beside a validation split.

    Raises:
        ValueError: That it is so.
    """
    if not 0 <= share < 1:
        raise ValueError(f"val_share must be a share in [0, 1), got {share}")
    if share and val_root is not None:
        raise ValueError(f"val_share is {share}, but {val_root} is the validation split: give one of the two")


def _hash(path: str) -> bytes:
    return hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()


def _held_out(
    videos: Mapping[str | None, Sequence[str]], prefix: str, share: float
) -> dict[Split, dict[str | None, list[str]]]:
    train: dict[str | None, list[str]] = {}
    val: dict[str | None, list[str]] = {}
    for name, paths in videos.items():
        chosen = hold_out(paths, share, prefix)
        train[name] = [path for path in paths if path not in chosen]
        if chosen:
            val[name] = [path for path in paths if path in chosen]
    if not val:
        where = "there are no two videos" if set(videos) <= {None} else "no class has two videos"
        raise ValueError(
            f"val_share is {share}, but {where}, of which one can be held out; give 0, or more videos"
        )
    return {"train": train, "val": val}


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(
            f"{folder}: {what}; give a folder of videos, or of one folder of videos a class{_hint(folder)}"
        )
    return folder


def _hint(file: Path) -> str:
    """Return which source a list is for."""
    sources = {".parquet": "Manifest", ".csv": "VideoTable (or Manifest, if vidmask data check wrote it)"}
    sources |= {".tsv": "VideoTable", ".txt": "VideoTable, or UnlabelledVideos if it holds paths alone"}
    source = sources.get(file.suffix.lower()) if file.is_file() else None
    return "" if source is None else f"; for a list give the class_path {source}"


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


def _videos_by_class(folder: Path) -> dict[str | None, list[str]]:
    """Return the videos of each class in alphabetical order, under None where the folder has no classes."""
    found = find_videos(folder)
    found.tell_others(folder)
    videos: dict[str | None, list[str]] = {}
    for path in found.videos:
        name, separator, _ = path.partition("/")
        videos.setdefault(name if separator else None, []).append(path)
    if not videos:
        raise ValueError(
            f"{folder}: holds no video; expected files ending in {' '.join(VIDEO_SUFFIXES)}, in one folder a "
            "class or directly in it"
        )
    if None not in videos:
        with os.scandir(folder) as entries:
            empty = sorted(entry.name for entry in entries if entry.is_dir() and entry.name not in videos)
        empty = [name for name in empty if not name.startswith(".")]
        if empty:
            _LOG.warning("%s: no video in %s, so no class of that name", folder, ", ".join(empty))
    return videos
