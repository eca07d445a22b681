"""Which files a check looks at: those of a source, and in a folder those that a source must pass over."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from vidmask.data.manifest import Record, SplitName, is_manifest, iterate_manifest
from vidmask.data.sources import SPLITS, VideoFolder, VideoSource, VideoTable, open_source
from vidmask.data.sources.files import VIDEO_SUFFIXES, find_videos, missing_paths
from vidmask.data.sources.folder import SPLIT_NAMES
from vidmask.data.sources.listing import read_listing
from vidmask.data.sources.numbering import Numbering
from vidmask.data.sources.opening import LISTS
from vidmask.data.sources.paths import VideoPaths
from vidmask.data.sources.table import split_of


class _Videos(Protocol):
    def __getitem__(self, index: int, /) -> tuple[str, Any]: ...

    def __len__(self) -> int: ...


class Part(NamedTuple):
    """Files of a split.

    Attributes:
        split: The split.
        videos: Path and labels of each, as sources give them.
        may_be_folders: Whether a folder among them is a video, in frames.
    """

    split: SplitName
    videos: _Videos
    may_be_folders: bool = True


class Candidate(NamedTuple):
    """A file to check; ``labels`` are class indices."""

    path: str
    split: SplitName
    labels: dict[str, int]
    may_be_folder: bool


class Candidates:
    """The files to check.

    Args:
        classes: For each label name the names of its classes.
        parts: The files.
        refusal: Why the source cannot be trained on as it is; empty if it can.
        others: How many files of other endings lie beside them.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str]],
        parts: Sequence[Part],
        refusal: str = "",
        others: Counter[str] | None = None,
    ) -> None:
        self._classes = classes
        self._parts = [part for part in parts if len(part.videos)]
        self.refusal = refusal
        self.others = Counter() if others is None else others

    def __len__(self) -> int:
        return sum(len(part.videos) for part in self._parts)

    def __iter__(self) -> Iterator[Candidate]:
        for part in self._parts:
            for index in range(len(part.videos)):
                path, info = part.videos[index]
                yield Candidate(path, part.split, info["label"], part.may_be_folders)

    def labels(self, candidate: Candidate) -> dict[str, str]:
        """Return the name of a file's class for each label."""
        return {name: self._classes[name][index] for name, index in candidate.labels.items()}

    def record(self, candidate: Candidate, found: Mapping[str, Any]) -> Record:
        """Return the row of a manifest for a file."""
        labels = self.labels(candidate)
        numbers = {name: (index, len(self._classes[name])) for name, index in candidate.labels.items()}
        return Record(path=candidate.path, split=candidate.split, labels=labels, numbers=numbers, **found)


def find_candidates(text: str) -> Candidates:
    """Return the files that a word on the command line names.

    Of a folder these are the videos that ``VideoFolder`` would train on and, without a label, what it passes
    over: links that lead nowhere, and folders, pipes and the like with a video's name. A folder that it
    refuses, because it is not tidy, is checked all the same. Of a list they are also the lines of which the
    file is not there; of a manifest all rows.

    Args:
        text: What ``open_source`` accepts.

    Raises:
        FileNotFoundError: If it names a file or folder that does not exist, or one that lacks something.
        ValueError: If it names nothing that can be opened.
    """
    # Of an empty word, open_source tells what is accepted; as a path it would be the working directory.
    path = Path(text).expanduser()
    if text.strip() and path.is_dir():
        return _of_folder(text, path)
    if is_manifest(path):
        return _of_manifest(path)
    if path.suffix.lower() in LISTS and path.is_file():
        return _of_list(path)
    source = open_source(text)
    source.prepare()
    return Candidates(source.classes, _parts(source))


def _parts(source: VideoSource) -> list[Part]:
    parts: list[Part] = []
    for split in SPLITS:
        videos = source.split(split)
        if videos is not None:
            parts.append(Part(split, videos))
    return parts


def _of_folder(text: str, folder: Path) -> Candidates:
    found = find_videos(folder)
    passed_over = sorted([*found.broken, *_folders_named_like_videos(folder)])
    refusal = ""
    try:
        source = open_source(text)
    except ValueError as error:
        refusal = str(error)
        if not found.videos and not passed_over:
            raise
        try:
            VideoFolder(folder)
        except ValueError:
            source = None
        else:
            # It is a folder of videos, and more: the layout of a data set, which the error names.
            raise
    if source is None:
        classes, parts = _untidy(folder, found.videos)
    else:
        classes, parts = source.classes, _parts(source)
    by_split: dict[SplitName, list[str]] = {
        split: [name for name in passed_over if _place(name)[0] == split] for split in SPLITS
    }
    parts = [
        part
        for split in SPLITS
        for part in (
            *(part for part in parts if part.split == split),
            Part(split, VideoPaths(str(folder), by_split[split], {}), may_be_folders=False),
        )
    ]
    return Candidates(classes, parts, refusal, found.others)


def _folders_named_like_videos(folder: Path) -> list[str]:
    """Return the folders below one that have a video's ending and hold no video themselves."""
    found: list[str] = []
    for path, names, _ in os.walk(folder, followlinks=False):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in names:
            below = os.path.join(path, name)  # noqa: PTH118
            if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not find_videos(below).videos:  # noqa: PTH122
                found.append(os.path.relpath(below, folder))
    return found


def _untidy(folder: Path, names: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], list[Part]]:
    """Return the classes and files of a folder that ``VideoFolder`` refuses."""
    places = [(name, *_place(name)) for name in names]
    classes = tuple(sorted({label for _, _, label in places if label is not None}))
    index = {label: number for number, label in enumerate(classes)}
    parts: list[Part] = []
    for split in SPLITS:
        for labelled in (True, False):
            chosen = [
                (name, label) for name, of, label in places if of == split and (label is None) != labelled
            ]
            labels = {"class": [index[label] for _, label in chosen if label is not None]} if labelled else {}
            parts.append(Part(split, VideoPaths(str(folder), [name for name, _ in chosen], labels), False))
    return {"class": classes} if classes else {}, parts


def _place(name: str) -> tuple[SplitName, str | None]:
    """Return the split and the class that a path below a folder tells, as far as it does."""
    *folders, _ = name.split("/")
    split: SplitName = "train"
    if folders and folders[0].lower() in ("train", *SPLIT_NAMES):
        word = folders.pop(0).lower()
        split = "val" if word.startswith("val") else "test" if word == "test" else "train"
    return split, folders[0] if folders else None


class _Rows:
    """Rows of a manifest as videos."""

    def __init__(self, records: Sequence[Record], indices: Mapping[str, Mapping[str, int]]) -> None:
        self._rows = [
            (record.path, {name: indices[name][label] for name, label in record.labels.items()})
            for record in records
        ]

    def __getitem__(self, index: int, /) -> tuple[str, Any]:
        path, labels = self._rows[index]
        return path, {"label": labels}

    def __len__(self) -> int:
        return len(self._rows)


def _of_manifest(path: Path) -> Candidates:
    numbering = Numbering()
    records = list(iterate_manifest(path))
    try:
        for record in records:
            numbering.add(record)
        classes = numbering.classes()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    indices = {label: {name: place for place, name in enumerate(names)} for label, names in classes.items()}
    parts = [
        Part(rows[0].split, _Rows(rows, indices))
        for rows in (list(group) for _, group in groupby(records, key=lambda record: record.split))
    ]
    return Candidates(classes, parts)


def _of_list(path: Path) -> Candidates:
    listing = read_listing(path)
    folder = str(path.parent)
    missing = missing_paths(folder, [row.path for row in listing.rows])
    if len(missing) == len(listing.rows):
        # The list is read from the wrong folder, most likely; its error says so.
        VideoTable(path)
    source = VideoTable(path, on_missing="skip")
    gone = set(missing)
    lacking: list[Part] = []
    for split in SPLITS:
        paths = [row.path for row in listing.rows if row.path in gone and split_of(row.split) == split]
        lacking.append(Part(split, VideoPaths(folder, paths, {}), False))
    return Candidates(source.classes, [*_parts(source), *lacking])
