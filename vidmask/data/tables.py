"""Tables on disk, as CSV or Parquet: written to the last byte, and read row by row."""

import csv
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

Kind = Literal["text", "whole", "decimal"]

_ROWS_AT_ONCE = 50_000


class OtherTableError(ValueError):
    """A file that is no table, or one of other columns."""


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, quote_all: bool) -> None:
    """Write a table as CSV; bytes that are no UTF-8 stay as they are.

    Args:
        path: The file.
        columns: Their names.
        rows: The cells of each row; None is written as nothing.
        quote_all: Whether every cell is quoted. Must be where one has a carriage return: Python before 3.13
            does not quote it, and reads it as the end of a row.
    """
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        writer.writerow(columns)
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def write_parquet(
    path: Path, kinds: Mapping[str, Kind], rows: Iterable[Sequence[Any]], as_bytes: set[str]
) -> None:
    """Write a table as Parquet.

    Args:
        path: The file.
        kinds: What each column holds.
        rows: The cells of each row.
        as_bytes: Columns of texts of which some are no UTF-8.

    Raises:
        ValueError: If pyarrow is not installed.
    """
    pyarrow = check_pyarrow(path)
    types = {"text": pyarrow.string(), "whole": pyarrow.int64(), "decimal": pyarrow.float64()}
    schema = pyarrow.schema(
        [(name, pyarrow.binary() if name in as_bytes else types[kind]) for name, kind in kinds.items()]
    )
    left = iter(rows)
    with path.open("wb") as file:
        with pyarrow.parquet.ParquetWriter(file, schema) as writer:
            while batch := list(itertools.islice(left, _ROWS_AT_ONCE)):
                arrays = []
                for column, values in zip(schema, zip(*batch, strict=True), strict=True):
                    cells = [os.fsencode(value) for value in values] if column.name in as_bytes else values
                    arrays.append(pyarrow.array(cells, column.type))
                writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
        file.flush()
        os.fsync(file.fileno())


def read_csv(path: Path, required: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV file by column.

    Args:
        path: The file.
        required: Columns that it must have.

    Raises:
        OtherTableError: If it lacks one of them.
        ValueError: If it is damaged, with the row, the header being row 1.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        number = 0
        try:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            _check_columns(path, header, required)
            for number, cells in enumerate(reader, 2):
                if len(cells) != len(header):
                    raise ValueError(
                        f"{path}: row {number}: has {len(cells)} cells where the header names {len(header)}"
                    )
                yield dict(zip(header, cells, strict=True))
        except csv.Error as error:
            problem = OtherTableError if number == 0 else ValueError
            raise problem(f"{path}: row {number + 1}: cannot be read as CSV: {error}") from None


def read_parquet(path: Path, required: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file by column; see ``read_csv``."""
    pyarrow = check_pyarrow(path)
    with path.open("rb") as file:
        try:
            table = pyarrow.parquet.ParquetFile(file)
            _check_columns(path, table.schema_arrow.names, required)
            for batch in table.iter_batches(_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    yield {
                        name: os.fsdecode(value) if isinstance(value, bytes) else value
                        for name, value in row.items()
                    }
        except (pyarrow.ArrowException, OSError) as error:
            problem = " ".join(str(error).split())
            raise ValueError(f"{path}: cannot be read as Parquet: {problem}") from None


def check_pyarrow(path: Path) -> Any:
    """Return pyarrow.

    Raises:
        ValueError: That a file needs it and it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise ValueError(
            f"{path}: Parquet needs pyarrow: pip install 'vidmask[parquet]', or give a name ending in .csv"
        ) from None
    return pyarrow


def is_text(value: str) -> bool:
    """Tell whether a name that the file system gave is text in UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_columns(path: Path, columns: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        raise OtherTableError(f"{path}: is no manifest: it has no column {', '.join(missing)}")
