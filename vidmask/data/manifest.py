"""A manifest: a table of the videos of a data set, with what a check found out about each."""

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from vidmask.data.tables import (
    Kind,
    OtherTableError,
    check_pyarrow,
    is_text,
    read_csv,
    read_parquet,
    write_csv,
    write_parquet,
)
from vidmask.data.writers import whole_file

Verdict = Literal["ok", "broken", "suspect"]
# Not that of the sources: one of them reads manifests.
SplitName = Literal["train", "val", "test"]

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Record:
    """A video and what was found out about it; None and an empty text are what could not be.

    Attributes:
        path: The file, or the folder of frames.
        split: Its split.
        labels: The name of its class for each label; empty if unlabelled.
        verdict: ``"ok"``; ``"broken"``: training on it would fail or see wrong pictures; ``"suspect"``: it
            can be read, but something contradicts.
        reason: Why, in one line; for a good video what was read of it.
        size_bytes: Length of the file.
        modified_ns: When it was last written, in nanoseconds since 1970.
        codec: FFmpeg's name of the codec; of a folder of frames the ending of the pictures.
        fps: Mean frame rate.
        frames: Frames that the file holds, whatever its header tells.
        frames_read: How many of them the check decoded.
        duration_seconds: From the first frame on to the end of the last.
        width: Columns as displayed, after the rotation.
        height: Rows as displayed, after the rotation.
        rotation: Degrees by which a player turns the picture counter-clockwise.
        key_frame_interval: Greatest distance of a key frame from the next one, or from the end, in frames.
        sha256: Hash of the file, in hexadecimal.
        reader: Name and version of the decoder that came to the verdict: decoders differ on variable frame
            rates. Empty if none did, such as where the file is missing or took too long.
        numbers: For each label the index of the class and the number of classes that the source gave, so that
            training from the manifest numbers them alike, whatever their order; empty if alphabetical.
    """

    path: str
    split: SplitName
    labels: dict[str, str]
    verdict: Verdict
    reason: str
    size_bytes: int | None = None
    modified_ns: int | None = None
    codec: str = ""
    fps: float | None = None
    frames: int | None = None
    frames_read: int | None = None
    duration_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    key_frame_interval: int | None = None
    sha256: str = ""
    reader: str = ""
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)


_LABEL, _INDEX, _CLASSES = "label_", "index_", "classes_"
_REQUIRED = ("path", "split", "verdict", "reason")
_COLUMNS = tuple(field.name for field in fields(Record) if field.name not in ("labels", "numbers"))
_TEXTS = frozenset({*_REQUIRED, "codec", "sha256", "reader"})
_DECIMALS = frozenset({"fps", "duration_seconds"})
_MOST_CLASSES = 1_000_000


def write_manifest(path: str | os.PathLike[str], records: Sequence[Record]) -> None:
    """Write a manifest, whole or not at all.

    A label has the column ``label_<name>`` with the class's name, and where its number is known
    ``index_<name>`` and ``classes_<name>``, the number of classes: rows may be taken out of a manifest
    without moving the numbers of the others. Paths below the manifest's folder are written relative to it,
    so that both can be moved together. Names of files and classes need not be UTF-8: a CSV file has their
    bytes as they are, and a Parquet file has a column of bytes in place of text where any is no text.

    Args:
        path: The file, ending in .csv or .parquet; one of that name is replaced.
        records: The videos.

    Raises:
        ValueError: If the ending is another, or pyarrow is not installed.
        OSError: If it cannot be written.
    """
    path = Path(path)
    suffix = check_suffix(path)
    # In the order of the source: a run's fingerprint depends on it.
    labels = list(dict.fromkeys(name for record in records for name in record.labels))
    numbered = {name for record in records for name in record.numbers}
    columns = [*_COLUMNS[:2], *(_LABEL + name for name in labels)]
    columns += [prefix + name for name in labels if name in numbered for prefix in (_INDEX, _CLASSES)]
    columns += _COLUMNS[2:]
    folder = os.path.abspath(path.parent)  # noqa: PTH100
    rows = (_row(record, columns, folder) for record in records)
    with whole_file(path) as unfinished:
        if suffix == ".csv":
            texts = (text for record in records for text in (record.path, *record.labels.values()))
            write_csv(unfinished, columns, rows, quote_all=any("\r" in text for text in texts))
        else:
            write_parquet(unfinished, {column: _kind(column) for column in columns}, rows, _no_texts(records))


def read_manifest(path: str | os.PathLike[str]) -> list[Record]:
    """Return the videos of a manifest.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no manifest, or damaged, with the row, the header being row 1.
    """
    return list(iterate_manifest(path))


def iterate_manifest(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield the videos of a manifest one by one; see ``read_manifest``."""
    path = Path(path)
    folder = os.path.abspath(path.parent)  # noqa: PTH100
    rows = read_csv(path, _REQUIRED) if check_suffix(path) == ".csv" else read_parquet(path, _REQUIRED)
    for number, row in enumerate(rows, 2):
        try:
            yield _record(row, folder)
        except ValueError as error:
            raise ValueError(f"{path}: row {number}: {error}") from None


def is_manifest(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file has a manifest's ending and columns, and so is no other table."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        next(iterate_manifest(path), None)
    except OtherTableError:
        return False
    except ValueError:
        # A damaged one: whoever reads it is told what is wrong.
        return True
    return True


def manifest_sha256(path: str | os.PathLike[str]) -> str:
    """Return the hash of a manifest's bytes, as the command ``sha256sum`` tells it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_suffix(path: Path) -> str:
    """Return the ending of a manifest's name in small letters.

    Raises:
        ValueError: If it is none of a manifest's, or if pyarrow is needed and not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: a manifest ends in {' or '.join(SUFFIXES)}")
    if suffix == ".parquet":
        check_pyarrow(path)
    return suffix


def _row(record: Record, columns: Sequence[str], folder: str) -> list[Any]:
    path = os.path.abspath(record.path)  # noqa: PTH100
    values = {name: getattr(record, name) for name in _COLUMNS}
    values["path"] = path.removeprefix(folder.rstrip("/") + "/")
    values |= {_LABEL + name: value for name, value in record.labels.items()}
    for name, (index, number) in record.numbers.items():
        values |= {_INDEX + name: index, _CLASSES + name: number}
    return [values.get(column, "" if _is_text_column(column) else None) for column in columns]


def _is_text_column(column: str) -> bool:
    return column in _TEXTS or column.startswith(_LABEL)


def _kind(column: str) -> Kind:
    return "text" if _is_text_column(column) else "decimal" if column in _DECIMALS else "whole"


def _no_texts(records: Sequence[Record]) -> set[str]:
    """Return the columns with a name that is no text."""
    labels = {
        _LABEL + name for record in records for name, text in record.labels.items() if not is_text(text)
    }
    return labels if all(is_text(record.path) for record in records) else labels | {"path"}


def _record(row: Mapping[str, Any], folder: str) -> Record:
    values: dict[str, Any] = {}
    for name in _COLUMNS:
        value = row.get(name)
        if name in _TEXTS:
            values[name] = value or ""
        elif value is None or value == "":
            values[name] = None
        else:
            values[name] = _number(name, value)
    for name, accepted in (("verdict", get_args(Verdict)), ("split", get_args(SplitName))):
        if values[name] not in accepted:
            raise ValueError(f"{name} must be one of {', '.join(accepted)}, got {values[name]!r}")
    for name in ("path", "reason"):
        if not values[name]:
            raise ValueError(f"has no {name}")
    # Other tools turn the names of classes into numbers, of which 0 is one.
    labels = {
        key[len(_LABEL) :]: str(value)
        for key, value in row.items()
        if key.startswith(_LABEL) and value not in (None, "")
    }
    numbers = {name: place for name in labels if (place := _place(row, name)) is not None}
    path = os.path.join(folder, values["path"])  # noqa: PTH118
    return Record(**values | {"path": path, "labels": labels, "numbers": numbers})


def _place(row: Mapping[str, Any], label: str) -> tuple[int, int] | None:
    """Return the index of a row's class and the number of classes, where the row tells them."""
    index, number = row.get(_INDEX + label), row.get(_CLASSES + label)
    if index in (None, "") or number in (None, ""):
        return None
    place = int(_number(_INDEX + label, index)), int(_number(_CLASSES + label, number))
    if not 0 <= place[0] < place[1] <= _MOST_CLASSES:
        raise ValueError(f"{_INDEX}{label} must be one of {place[1]} numbers from 0, got {place[0]}")
    return place


def _number(name: str, value: Any) -> int | float:
    if name not in _DECIMALS and not isinstance(value, float):
        # Times in nanoseconds are more than a float holds.
        with contextlib.suppress(ValueError):
            return int(value)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if name in _DECIMALS and math.isfinite(number):
        return number
    # Other tools write a column of whole numbers with gaps in it as floats.
    if not number.is_integer():
        raise ValueError(f"{name} must be a number, got {value!r}")
    return int(number)
