"""A manifest: a table of the videos of a data set, with what a check found out about each."""

import csv
import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from vidmask.data.writers import unfinished_path

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
        codec: The decoder's name for the codec.
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


_LABEL = "label_"
_REQUIRED = ("path", "split", "verdict", "reason")
_COLUMNS = tuple(field.name for field in fields(Record) if field.name != "labels")
_TEXTS = frozenset({*_REQUIRED, "codec", "sha256", "reader"})
_DECIMALS = frozenset({"fps", "duration_seconds"})


def write_manifest(path: str | os.PathLike[str], records: Sequence[Record]) -> None:
    """Write a manifest, whole or not at all.

    A label has the column ``label_<name>``. Paths below the manifest's folder are written relative to it, so
    that both can be moved together. Names of files and classes need not be UTF-8: a CSV file has their bytes
    as they are, and a Parquet file has a column of bytes in place of text where any is no text.

    Args:
        path: The file, ending in .csv or .parquet; one of that name is replaced.
        records: The videos.

    Raises:
        ValueError: If the ending is another, or pyarrow is not installed.
    """
    path = Path(path)
    suffix = check_suffix(path)
    labels = sorted({name for record in records for name in record.labels})
    columns = [*_COLUMNS[:2], *(_LABEL + name for name in labels), *_COLUMNS[2:]]
    folder = os.path.abspath(path.parent)  # noqa: PTH100
    rows = (_row(record, columns, folder) for record in records)
    unfinished = unfinished_path(path)
    try:
        if suffix == ".csv":
            with unfinished.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
                # Python before 3.13 quotes no carriage return, and reads it as the end of a row.
                odd = any(
                    "\r" in text for record in records for text in (record.path, *record.labels.values())
                )
                quoting = csv.QUOTE_ALL if odd else csv.QUOTE_MINIMAL
                writer = csv.writer(file, lineterminator="\n", quoting=quoting)
                writer.writerow(columns)
                writer.writerows(rows)
                file.flush()
                os.fsync(file.fileno())
        else:
            _write_parquet(unfinished, columns, list(rows))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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
    rows = _csv_rows(path) if check_suffix(path) == ".csv" else _parquet_rows(path)
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
    except _NoManifestError:
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
        _pyarrow(path)
    return suffix


class _NoManifestError(ValueError):
    """A file that is something else."""


def _row(record: Record, columns: Sequence[str], folder: str) -> list[Any]:
    path = os.path.abspath(record.path)  # noqa: PTH100
    values = {name: getattr(record, name) for name in _COLUMNS}
    values["path"] = path.removeprefix(folder.rstrip("/") + "/")
    values |= {_LABEL + name: value for name, value in record.labels.items()}
    return [values.get(column, "") for column in columns]


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
    labels = {key[len(_LABEL) :]: value for key, value in row.items() if key.startswith(_LABEL) and value}
    return Record(**values | {"path": os.path.join(folder, values["path"]), "labels": labels})  # noqa: PTH118


def _number(name: str, value: Any) -> int | float:
    try:
        number = float(value) if name in _DECIMALS else int(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return number


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        raise _NoManifestError(f"{path}: is no manifest: it has no column {', '.join(missing)}")


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        number = 0
        try:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            _check_columns(path, header)
            for number, cells in enumerate(reader, 2):
                if len(cells) != len(header):
                    raise ValueError(
                        f"{path}: row {number}: has {len(cells)} cells where the header names {len(header)}"
                    )
                yield dict(zip(header, cells, strict=True))
        except csv.Error as error:
            problem = _NoManifestError if number == 0 else ValueError
            raise problem(f"{path}: row {number + 1}: cannot be read as CSV: {error}") from None


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise ValueError(
            f"{path}: Parquet needs pyarrow: pip install 'vidmask[parquet]', or give a name ending in .csv"
        ) from None
    return pyarrow


def _write_parquet(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    pyarrow = _pyarrow(path)
    arrays = {}
    for column, values in zip(columns, zip(*rows, strict=True) if rows else [()] * len(columns), strict=True):
        kind = pyarrow.float64() if column in _DECIMALS else pyarrow.int64()
        if column in _TEXTS or column.startswith(_LABEL):
            kind = pyarrow.string()
            if not all(_is_text(value) for value in values):
                kind, values = pyarrow.binary(), [os.fsencode(value) for value in values]
        arrays[column] = pyarrow.array(values, kind)
    with path.open("wb") as file:
        pyarrow.parquet.write_table(pyarrow.table(arrays), file)
        file.flush()
        os.fsync(file.fileno())


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    pyarrow = _pyarrow(path)
    with path.open("rb") as file:
        try:
            table = pyarrow.parquet.ParquetFile(file)
            _check_columns(path, table.schema_arrow.names)
            for batch in table.iter_batches():
                for row in batch.to_pylist():
                    yield {
                        name: os.fsdecode(value) if isinstance(value, bytes) else value
                        for name, value in row.items()
                    }
        except (pyarrow.ArrowException, OSError) as error:
            problem = " ".join(str(error).split())
            raise ValueError(f"{path}: cannot be read as Parquet: {problem}") from None
