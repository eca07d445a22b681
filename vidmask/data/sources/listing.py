"""Lists of videos as text: with a header, or as the field's ``path label`` lines without one."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths

from vidmask.data.sources.files import VIDEO_SUFFIXES

DELIMITERS = "\t,;"

PATH, SPLIT = "path", "split"


class Row(NamedTuple):
    """A line of a list.

    Attributes:
        line: Its number in the file, from 1.
        path: The video.
        labels: What stands in the label columns.
        split: What stands in the split column; empty without one.
    """

    line: int
    path: str
    labels: tuple[str, ...]
    split: str


class Listing(NamedTuple):
    """A list of videos.

    Attributes:
        file: Where it stands.
        columns: The columns of its header; empty without one.
        label_columns: Those that hold labels.
        rows: Its lines.
    """

    file: Path
    columns: tuple[str, ...]
    label_columns: tuple[str, ...]
    rows: list[Row]


def read_lines(file: Path) -> list[str]:
    """Return the lines of a text file; a byte-order mark is no part of them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no text.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: {'is a folder' if file.is_dir() else 'does not exist'}; give a list"
        )
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: is no list, as it is no text in UTF-8 (byte {error.start})") from error
    if "\0" in text:
        raise ValueError(f"{file}: is no list, as it is no text")
    if not text.strip():
        raise ValueError(f"{file}: is empty; expected a line for each video")
    return text.splitlines()


def read_listing(file: Path, labels: Sequence[str] | None = None) -> Listing:
    """Read a list.

    A first line with a column ``path`` is a header, separated by tabs, commas, semicolons or spaces. Without
    a header a line is a path and at most one label, separated by a tab, a comma or the line's last space.

    Args:
        file: The list.
        labels: The columns that are labels; None takes ``label`` or ``class`` where there is one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no list, or a line has too few or too many fields.
    """
    lines = read_lines(file)
    first = next(line for line in lines if line.strip())
    delimiter = next((character for character in DELIMITERS if character in first), " ")
    columns = tuple(name.strip().lower() for name in next(_csv_fields(file, [first], delimiter))[1])
    if PATH in columns:
        return _with_header(file, lines, delimiter, columns, labels)
    if labels is not None:
        raise ValueError(f"{file}: has no header with a column path, so no columns {', '.join(labels)}")
    label_columns, rows = ("label",), []
    if _splits_at_last_space(first):
        pairs = _path_label_lines(file, lines)
    else:
        pairs = _fields(file, lines, delimiter)
    if all(not label for _, _, label in pairs):
        label_columns = ()
    rows = [Row(line, path, (label,) if label_columns else (), "") for line, path, label in pairs]
    return Listing(file, (), label_columns, rows)


def _csv_fields(file: Path, lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line."""
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{file}, line {reader.line_num}: is none of a list: {error}") from None
        yield reader.line_num, fields


def _with_header(
    file: Path, lines: list[str], delimiter: str, columns: tuple[str, ...], labels: Sequence[str] | None
) -> Listing:
    if len(set(columns)) < len(columns):
        raise ValueError(f"{file}: names a column twice: {', '.join(columns)}")
    if labels is None:
        labels = [name for name in ("label", "class") if name in columns][:1]
    absent = [name for name in labels if name.lower() not in columns]
    if absent:
        raise ValueError(f"{file}: has no column {', '.join(absent)}, but {', '.join(columns)}")
    places = [columns.index(name.lower()) for name in labels]
    path, split = columns.index(PATH), columns.index(SPLIT) if SPLIT in columns else None
    rows: list[Row] = []
    header_is_due = True
    for line, fields in _csv_fields(file, lines, delimiter):
        if not any(field.strip() for field in fields):
            continue
        if header_is_due:
            header_is_due = False
            continue
        if len(fields) != len(columns) or not fields[path].strip():
            raise ValueError(
                f"{file}, line {line}: expected the {len(columns)} fields {', '.join(columns)}, "
                f"got {len(fields)}: {delimiter.join(fields)[:80]!r}"
            )
        found = tuple(fields[place].strip() for place in places)
        where = "" if split is None else fields[split].strip()
        rows.append(Row(line, fields[path].strip(), found, where))
    if not rows:
        raise ValueError(f"{file}: holds a header and no video")
    return Listing(file, columns, tuple(labels), rows)


def _splits_at_last_space(line: str) -> bool:
    if "\t" in line:
        return False
    path, _, label = line.strip().rpartition(" ")
    if _is_number(label) and path and not path.rstrip().endswith(tuple(DELIMITERS)):
        return True
    return not any(character in line for character in DELIMITERS)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _path_label_lines(file: Path, lines: list[str]) -> list[tuple[int, str, str]]:
    try:
        # PyTorchVideo's format, which is also that of SlowFast, mae_st and VideoMAE.
        videos = LabeledVideoPaths.from_csv(str(file))
    except ValueError:
        # An empty line, a class's name in place of its number, or a path with a space and no label.
        return [(number, *_path_and_label(line)) for number, line in enumerate(lines, 1) if line.strip()]
    pairs = (videos[index] for index in range(len(videos)))
    return [(number, path, _text(info)) for number, (path, info) in enumerate(pairs, 1)]


def _text(info: object) -> str:
    label = info["label"] if isinstance(info, dict) else -1
    return "" if label == -1 else str(label)


def _path_and_label(line: str) -> tuple[str, str]:
    path, _, label = line.strip().rpartition(" ")
    if not path or label.lower().endswith(VIDEO_SUFFIXES):
        return line.strip(), ""
    return path.rstrip(), label


def _fields(file: Path, lines: list[str], delimiter: str) -> list[tuple[int, str, str]]:
    found = []
    for line, fields in _csv_fields(file, lines, delimiter):
        fields = [field.strip() for field in fields]
        if not any(fields):
            continue
        if len(fields) > 2 or not fields[0]:
            raise ValueError(
                f"{file}, line {line}: expected a path and a label, got {len(fields)} fields: "
                f"{delimiter.join(fields)[:80]!r}; more columns need a header with path among them"
            )
        found.append((line, fields[0], fields[1] if len(fields) > 1 else ""))
    return found
