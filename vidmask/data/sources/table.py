"""A list of videos with their labels and splits, as a text file."""

import logging
from collections.abc import Mapping, Sequence
from os import PathLike, path
from pathlib import Path
from typing import NamedTuple

from vidmask.data.sources.base import SPLITS, Split
from vidmask.data.sources.files import missing_paths, named
from vidmask.data.sources.layouts import OnMissing, check_choice, tell_missing
from vidmask.data.sources.listing import PATH, SPLIT, Listing, Row, read_lines, read_listing
from vidmask.data.sources.paths import ListedSource, VideoPaths

_LOG = logging.getLogger(__name__)

_SPLIT_WORDS: dict[str, Split] = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_SPLIT_WORDS |= dict.fromkeys(("val", "valid", "validate", "validation"), "val")

_NO_LABEL = ("", "-1")
_MOST_CLASSES = 1_000_000


class _Part(NamedTuple):
    """The rows of a split, and the folder that their paths are relative to."""

    listing: Listing
    rows: list[Row]
    folder: str

    def where(self, row: Row) -> str:
        return f"{self.listing.file}, line {row.line}"


class VideoTable(ListedSource):
    """Videos from a list: a line for each, with its path, its label and its split.

    With a header, ``path,label,split`` for example, separated by commas, tabs, semicolons or spaces; of these
    only ``path`` must be there. Without one, the usual ``path label`` lines of VideoMAE, mae_st, SlowFast and
    PyTorchVideo, with a space or a comma between. A path may also be a folder of frames.

    The column ``label`` (or ``class``) gives the label ``class``. Whole numbers are class indices from 0;
    names are numbered alphabetically over all splits together. Nothing, or -1, is no label; in a split all
    videos have one or none has. A line that is written twice counts twice, with a warning.

    Args:
        root: The list of all splits, where it has a column ``split``, or of the training split.
        val_root: The list of the validation split, where it is another file.
        test_root: The list of the test split, likewise.
        labels: The columns that hold labels, which go by the columns' names then.
        videos_root: The folder that relative paths are relative to; that of each list if None.
        class_names: A text file with the name of each class in a line, in index order, for a single label.
        on_missing: Whether videos that are not there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If a list, or a video, is missing.
        ValueError: If a line is malformed, if labels are mixed or contradict each other, or if a video is in
            the training split and in another.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        val_root: str | PathLike[str] | None = None,
        test_root: str | PathLike[str] | None = None,
        labels: Sequence[str] | None = None,
        videos_root: str | PathLike[str] | None = None,
        class_names: str | PathLike[str] | None = None,
        on_missing: OnMissing = "raise",
    ) -> None:
        check_choice("on_missing", on_missing, ("raise", "skip"))
        files: dict[Split, str | PathLike[str] | None] = {"train": root, "val": val_root, "test": test_root}
        listings: dict[Split, Listing] = {
            split: read_listing(Path(file).expanduser(), labels)
            for split, file in files.items()
            if file is not None
        }
        listed = _by_split(listings, videos_root)
        # Classes are those of the whole list, so that a missing video moves no number.
        parts: dict[Split, _Part] = {split: _there(part, on_missing) for split, part in listed.items()}
        columns = max((listing.label_columns for listing in listings.values()), key=len)
        for listing in listings.values():
            _tell_unused_columns(listing)
            if listing.label_columns not in ((), columns):
                raise ValueError(
                    f"{listing.file}: has the label {listing.label_columns[0]}, another list {columns[0]}"
                )
        if class_names is not None and len(columns) != 1:
            raise ValueError(f"class_names is for one label, and the list has {len(columns)}")
        classes: dict[str, tuple[str, ...]] = {}
        indices: dict[Split, dict[str, list[int]]] = {split: {} for split in parts}
        for place, column in enumerate(columns):
            labelled: dict[Split, _Part] = {
                split: part for split, part in listed.items() if _is_labelled(part, place)
            }
            if labelled:
                name = column if labels is not None else "class"
                names = classes[name] = _classes(list(labelled.values()), place, class_names)
                index = {name: number for number, name in enumerate(names)}
                for split in labelled:
                    part = parts[split]
                    indices[split][name] = [_index(part, row, place, index) for row in part.rows]
        for split, part in parts.items():
            _tell_repeated(part, split)
        splits: dict[Split, VideoPaths] = {
            split: VideoPaths(part.folder, [row.path for row in part.rows], indices[split])
            for split, part in parts.items()
        }
        _refuse_shared(splits)
        super().__init__(classes, splits)


def _tell_unused_columns(listing: Listing) -> None:
    used = (PATH, SPLIT, *(name.lower() for name in listing.label_columns))
    unused = [name for name in listing.columns if name not in used]
    if unused:
        _LOG.warning(
            "%s: takes no notice of the columns %s; give labels among them as labels",
            listing.file,
            ", ".join(unused),
        )


def _by_split(
    listings: Mapping[Split, Listing], videos_root: str | PathLike[str] | None
) -> dict[Split, _Part]:
    if videos_root is not None and not Path(videos_root).expanduser().is_dir():
        raise FileNotFoundError(f"videos_root: there is no folder {videos_root}")
    found: dict[Split, _Part] = {}
    for of_file, listing in listings.items():
        folder = listing.file.parent if videos_root is None else Path(videos_root).expanduser()
        for row in listing.rows:
            split = of_file
            if SPLIT in listing.columns:
                split = split_of(row.split)
                where = f"{listing.file}, line {row.line}"
                if split is None:
                    raise ValueError(f"{where}: the split must be train, val or test, got {row.split!r}")
                if split != of_file and (of_file != "train" or split in listings):
                    # Either a list of one split holds another, or another list is given for that.
                    raise ValueError(
                        f"{where}: is in the split {split}, and the list is given for {of_file}"
                        + (f" beside {split}_root" if split in listings and split != "train" else "")
                    )
            found.setdefault(split, _Part(listing, [], str(folder))).rows.append(row)
    return {split: found[split] for split in SPLITS if split in found}


def split_of(word: str) -> Split | None:
    """Return the split that a list means; a list without splits is that of training."""
    return _SPLIT_WORDS.get(word.lower()) if word else "train"


def _there(part: _Part, on_missing: OnMissing) -> _Part:
    """Return the rows whose videos are there."""
    missing = missing_paths(part.folder, [row.path for row in part.rows])
    if not missing:
        return part
    gone = set(missing)
    first = next(row for row in part.rows if row.path in gone)
    hint = f", the first in line {first.line}; paths count from {part.folder} (videos_root says otherwise)"
    if not part.listing.columns and first is part.listing.rows[0]:
        hint += "; if that is a header, it lacks the column path"
    tell_missing(missing, len(part.rows), part.listing.file, on_missing, hint)
    return part._replace(rows=[row for row in part.rows if row.path not in gone])


def _is_labelled(part: _Part, place: int) -> bool:
    """Say whether the rows of a split have a label; some with and some without are refused."""
    has = [len(row.labels) > place and row.labels[place] not in _NO_LABEL for row in part.rows]
    if any(has) and not all(has):
        raise ValueError(
            f"{part.where(part.rows[has.index(False)])}: has no {part.listing.label_columns[place]}, like "
            f"{has.count(False)} of {len(has)} videos; in a split all have one or none has"
        )
    return any(has)


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdigit()


def _classes(parts: Sequence[_Part], place: int, class_names: str | PathLike[str] | None) -> tuple[str, ...]:
    values = {row.labels[place] for part in parts for row in part.rows}
    numbers = {value for value in values if _is_number(value)}
    if numbers and numbers != values:
        part, row = next(
            (part, row) for part in parts for row in part.rows if row.labels[place] not in numbers
        )
        raise ValueError(
            f"{part.where(row)}: the label {row.labels[place]!r} is no class index (from 0, or -1 for none), "
            "and others are; expected indices in all lines or names in all"
        )
    first: dict[int, str] = {}
    for label in sorted(numbers):
        if first.setdefault(int(label), label) != label:
            file = parts[0].listing.file
            raise ValueError(f"{file}: writes one class index as {first[int(label)]} and as {label}")
    if class_names is not None:
        lines = read_lines(Path(class_names).expanduser())
        names = tuple(line.strip() for line in lines if line.strip())
        if len(set(names)) < len(names):
            raise ValueError(f"{class_names}: names a class twice")
        return names
    if not numbers:
        return tuple(sorted(values))
    greatest = max(map(int, numbers))
    if greatest >= _MOST_CLASSES:
        raise ValueError(f"{parts[0].listing.file}: the label {greatest} is no class index")
    return tuple(map(str, range(greatest + 1)))


def _index(part: _Part, row: Row, place: int, index: Mapping[str, int]) -> int:
    label = row.labels[place]
    number = int(label) if _is_number(label) else index.get(label, -1)
    if not 0 <= number < len(index):
        raise ValueError(f"{part.where(row)}: the label {label!r} is none of the {len(index)} classes")
    return number


def _tell_repeated(part: _Part, split: Split) -> None:
    """Tell of videos that are in a split more than once, and refuse those with several labels."""
    first: dict[str, Row] = {}
    repeated: list[str] = []
    for row in part.rows:
        other = first.setdefault(path.normpath(row.path), row)
        if other is not row:
            repeated.append(row.path)
            if other.labels != row.labels:
                raise ValueError(
                    f"{part.where(row)}: {row.path} has the labels {', '.join(row.labels)}, and in line "
                    f"{other.line} {', '.join(other.labels)}"
                )
    if repeated:
        _LOG.warning(
            "%s: of the split %s, %s written before; a video counts as often as it is written",
            part.listing.file,
            split,
            named(repeated, "line"),
        )


def _refuse_shared(splits: Mapping[Split, VideoPaths]) -> None:
    """Refuse videos that are in the training split and in another."""
    names = {
        split: [path.normpath(videos[index][0]) for index in range(len(videos))]
        for split, videos in splits.items()
        if len(splits) > 1
    }
    trained = set(names.pop("train", ()))
    for split, paths in names.items():
        shared = [name for name in paths if name in trained]
        if shared:
            raise ValueError(f"the splits train and {split} share {named(shared, 'video')}")
