"""A manifest as a source of videos: what a check found broken is left out."""

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from vidmask.choices import checked_choice
from vidmask.data.manifest import iterate_manifest, manifest_sha256
from vidmask.data.sources.base import SPLITS, Split
from vidmask.data.sources.files import missing_paths, named
from vidmask.data.sources.folder import check_val_share, hold_out
from vidmask.data.sources.layouts import OnMissing, check_choice, tell_missing
from vidmask.data.sources.numbering import Numbering
from vidmask.data.sources.paths import ListedSource, VideoPaths

_LOG = logging.getLogger(__name__)

SuspectChoice = Literal["keep", "leave_out"]

_Video = tuple[str, dict[str, int]]

# Files whose length is compared with the manifest's: on a network's disk each takes a millisecond.
_LOOKED_AT = 256


class Manifest(ListedSource):
    """The videos of a manifest that ``vidmask data check`` wrote, without the broken ones.

    Splits, their order and the numbers of the classes are those of the source that was checked, so that
    nothing but the broken videos distinguishes training from the one and from the other. A class of which
    no video is left keeps its number; one of which the manifest has no row is called ``class <number>``. In
    a manifest without numbers classes are numbered alphabetically over all splits together, broken videos
    included.

    Args:
        root: The manifest, ending in .csv or .parquet.
        suspect: Whether suspect videos, which can be read although something contradicts, are kept.
        val_share: Share of the training videos of each class that are held out as the validation split,
            where there is no other. A hash of the path below the folder that all lie in chooses them.
        on_missing: Whether videos that are no longer there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If the manifest, or a video of it, is missing.
        ValueError: If it is no manifest, damaged, or leaves no video, if labels contradict each other, or if
            ``val_share`` is no share or there is a validation split already.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        suspect: SuspectChoice = "keep",
        val_share: float = 0.0,
        on_missing: OnMissing = "raise",
    ) -> None:
        checked_choice("suspect", suspect, SuspectChoice)
        check_choice("on_missing", on_missing, ("raise", "skip"))
        self._path = Path(root).expanduser().absolute()
        if not self._path.is_file():
            what = "is a folder" if self._path.is_dir() else "does not exist"
            raise FileNotFoundError(f"{self._path}: {what}; give a manifest, which vidmask data check writes")
        self._sha256 = manifest_sha256(self._path)
        self._left_out: Counter[str] = Counter()
        numbering = Numbering()
        found: dict[Split, list[_Video]] = {}
        lengths: dict[str, int] = {}
        for number, record in enumerate(iterate_manifest(self._path), 2):
            try:
                labels = numbering.add(record)
            except ValueError as error:
                raise ValueError(f"{self._path}: row {number}: {error}") from None
            if record.verdict == "broken" or (record.verdict == "suspect" and suspect == "leave_out"):
                self._left_out[record.verdict] += 1
            else:
                found.setdefault(record.split, []).append((record.path, labels))
                if record.size_bytes is not None:
                    lengths[record.path] = record.size_bytes
        self._tell_left_out()
        if not found:
            raise ValueError(f"{self._path}: leaves no video of {self._left_out.total()}")
        try:
            classes = numbering.classes()
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from None
        self._leave_out_missing(found, on_missing)
        self._tell_changed(lengths)
        if val_share or "val" not in found:
            check_val_share(val_share, self._path if "val" in found else None)
        if val_share:
            found |= self._held_out(found.get("train", []), val_share)
        splits: dict[Split, VideoPaths] = {
            split: self._paths(split, found[split], numbering) for split in SPLITS if split in found
        }
        self._videos = sum(map(len, splits.values()))
        super().__init__(classes, splits)

    def record(self) -> dict[str, Any]:
        """Return what tells this manifest from others: path, hash, and how many videos it left."""
        return {
            "path": str(self._path),
            "sha256": self._sha256,
            "videos": self._videos,
            "left_out": dict(self._left_out),
        }

    def _tell_left_out(self) -> None:
        if self._left_out:
            told = " and ".join(f"{number} {verdict}" for verdict, number in sorted(self._left_out.items()))
            _LOG.warning("%s: videos left out: %s; its column reason says why", self._path, told)

    def _leave_out_missing(self, found: dict[Split, list[_Video]], on_missing: OnMissing) -> None:
        paths = [path for videos in found.values() for path, _ in videos]
        missing = missing_paths("", paths)
        tell_missing(missing, len(paths), self._path, on_missing)
        if missing:
            self._left_out["missing"] = len(missing)
            gone = set(missing)
            for split, videos in found.items():
                found[split] = [video for video in videos if video[0] not in gone]

    def _tell_changed(self, lengths: Mapping[str, int]) -> None:
        """Warn if files are no longer as long as they were: what the manifest says of them is not true."""
        step = max(len(lengths) // _LOOKED_AT, 1)
        looked_at = list(lengths.items())[::step]
        changed = [path for path, length in looked_at if _length(path) not in (None, length)]
        if changed:
            _LOG.warning(
                "%s: files have changed since they were checked; of %d looked at, another length has %s; "
                "check them again",
                self._path,
                len(looked_at),
                named(changed, "video"),
            )

    def _held_out(self, train: list[_Video], share: float) -> dict[Split, list[_Video]]:
        folder = os.path.commonpath([os.path.dirname(path) for path, _ in train]) if train else ""  # noqa: PTH120
        by_label: dict[tuple[int, ...], dict[str, str]] = {}
        for path, labels in train:
            by_label.setdefault(tuple(labels.values()), {})[os.path.relpath(path, folder)] = path
        chosen = {names[name] for names in by_label.values() for name in hold_out(list(names), share)}
        if not chosen:
            raise ValueError(
                f"val_share is {share}, but no class has two videos, of which one can be held out"
            )
        return {
            "train": [video for video in train if video[0] not in chosen],
            "val": [video for video in train if video[0] in chosen],
        }

    def _paths(self, split: Split, videos: list[_Video], numbering: Numbering) -> VideoPaths:
        names = videos[0][1].keys() if videos else {}.keys()
        for path, labels in videos:
            if labels.keys() != names:
                raise ValueError(
                    f"{self._path}: of the split {split}, {path} has {_labels(labels)} and {videos[0][0]} "
                    f"{_labels(names)}; in a split all videos have the same labels or none"
                )
        numbers = {name: [numbering.index(name, labels[name]) for _, labels in videos] for name in names}
        return VideoPaths("", [path for path, _ in videos], numbers)


def _labels(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no label"


def _length(path: str) -> int | None:
    """Return the length of a file, or None where there is none: a folder of frames has many."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
