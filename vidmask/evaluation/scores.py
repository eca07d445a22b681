"""The answers of a classifier for each video: how probable it holds each class, beside the right one."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from vidmask.data.tables import check_pyarrow, is_text
from vidmask.data.words import printable
from vidmask.data.writers import whole_file

_METADATA = b"vidmask.scores"
_TRUTH, _PREDICTED, _PROBABILITIES = "truth_", "predicted_", "probabilities_"


@dataclass(frozen=True, eq=False)
class VideoScores:
    """One row for each video, on the host; or for each view of it, where each had a question of its own.

    Attributes:
        paths: The file of each video.
        video_index: Place of each video in its split.
        view: Which view of its video a row is, where each view was asked something of its own; else None.
        truth: For each label name the class of every video.
        probabilities: For each label name how probable every class of it is, in each video.
        classes: For each label name the names of its classes, in index order.

    Raises:
        ValueError: If they are not of the same videos, labels or classes.
    """

    paths: list[str]
    video_index: Int[Tensor, " v"]
    truth: dict[str, Int[Tensor, " v"]]
    probabilities: dict[str, Float[Tensor, "v _"]]
    classes: dict[str, tuple[str, ...]]
    view: Int[Tensor, " v"] | None = None

    def __post_init__(self) -> None:
        if not self.truth.keys() == self.probabilities.keys() == self.classes.keys():
            raise ValueError(
                f"truth, probabilities and classes must have the same labels, got {_names(self.truth)}; "
                f"{_names(self.probabilities)}; {_names(self.classes)}"
            )
        videos = len(self.paths)
        for label, names in self.classes.items():
            expected = (videos, len(names))
            found = tuple(self.probabilities[label].shape)
            if found != expected:
                raise ValueError(
                    f"label {printable(label)!r}: {videos} videos and {len(names)} classes need "
                    f"probabilities of shape {expected}, got {found}"
                )
            truth = self.truth[label]
            outside = ((truth < 0) | (truth >= len(names))).nonzero()
            if len(outside):
                place = int(outside[0])
                raise ValueError(
                    f"{printable(self.paths[place])}: its class {printable(label)!r} must lie between 0 and "
                    f"{len(names) - 1}, got {int(truth[place])}"
                )

    @property
    def num_videos(self) -> int:
        """Return how many videos there are, whatever the rows."""
        return len(self.video_index.unique())

    def mean_of_videos(self, values: Shaped[Tensor, " v"]) -> Float[Tensor, " n"]:
        """Return for each video the mean of what its rows have: rows of one video vary together.

        Args:
            values: A number for each row.
        """
        videos, row_of = self.video_index.unique(return_inverse=True)
        sums = torch.zeros(len(videos), dtype=torch.float64).index_add_(0, row_of, values.double())
        return sums / row_of.bincount(minlength=len(videos))

    def predicted(self, label: str) -> Int[Tensor, " v"]:
        """Return the most probable class of each video; of equals the one with the lowest index."""
        return self.probabilities[label].argmax(dim=1)


def write_scores(path: str | os.PathLike[str], scores: VideoScores) -> None:
    """Write scores as Parquet, whole or not at all.

    The columns are ``path`` and ``video_index``, ``view`` where rows are views, and for each label
    ``truth_<label>`` and ``predicted_<label>``, the index of a class, and ``probabilities_<label>``, a list
    with a number for each class in the type that the scores have it in. Names of classes are in the file's
    metadata as JSON, under ``vidmask.scores``. Names need not be UTF-8: if a path is not, the column is one
    of bytes.

    Args:
        path: The file; one of that name is replaced.
        scores: What is written, its probabilities in float32 or float64.

    Raises:
        ValueError: If pyarrow is not installed.
        OSError: If it cannot be written.
    """
    path = Path(path)
    pyarrow = check_pyarrow(path)
    all_text = all(is_text(name) for name in scores.paths)
    columns = {
        "path": pyarrow.array(scores.paths, pyarrow.string())
        if all_text
        else pyarrow.array([os.fsencode(name) for name in scores.paths], pyarrow.binary()),
        "video_index": pyarrow.array(scores.video_index.numpy(), pyarrow.int64()),
    }
    if scores.view is not None:
        columns["view"] = pyarrow.array(scores.view.numpy(), pyarrow.int64())
    for label, probabilities in scores.probabilities.items():
        videos, classes = probabilities.shape
        offsets = pyarrow.array([classes * row for row in range(videos + 1)], pyarrow.int64())
        values = pyarrow.array(probabilities.reshape(-1).numpy())
        column = _column(label)
        columns[_TRUTH + column] = pyarrow.array(scores.truth[label].numpy(), pyarrow.int64())
        columns[_PREDICTED + column] = pyarrow.array(scores.predicted(label).numpy(), pyarrow.int64())
        columns[_PROBABILITIES + column] = pyarrow.LargeListArray.from_arrays(offsets, values)
    # JSON in ASCII, in which a byte that is no UTF-8 is written as the surrogate that stands for it.
    metadata = {_METADATA: json.dumps({"classes": scores.classes}).encode("ascii")}
    table = pyarrow.table(columns, metadata=metadata)
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        pyarrow.parquet.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())


def read_scores(path: str | os.PathLike[str]) -> VideoScores:
    """Read what ``write_scores`` wrote.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is no table of scores or damaged, or pyarrow is not installed.
    """
    path = Path(path)
    pyarrow = check_pyarrow(path)
    with path.open("rb") as file:
        try:
            table = pyarrow.parquet.read_table(file)
        except (pyarrow.ArrowException, OSError) as error:
            problem = " ".join(str(error).split())
            raise ValueError(f"{path}: cannot be read as Parquet: {problem}") from None
    metadata = (table.schema.metadata or {}).get(_METADATA)
    if metadata is None:
        raise ValueError(f"{path}: is no table of scores: its metadata has no {_METADATA.decode()}")
    classes = {label: tuple(names) for label, names in json.loads(metadata)["classes"].items()}
    required = ["path", "video_index"]
    required += [prefix + _column(label) for label in classes for prefix in (_TRUTH, _PROBABILITIES)]
    missing = [name for name in required if name not in table.column_names]
    if missing:
        raise ValueError(f"{path}: is no table of scores: it has no column {', '.join(missing)}")
    try:
        return VideoScores(
            paths=[
                os.fsdecode(name) if isinstance(name, bytes) else name for name in table["path"].to_pylist()
            ],
            video_index=_numbers(table["video_index"]),
            truth={label: _numbers(table[_TRUTH + _column(label)]) for label in classes},
            probabilities={
                label: _rows(table[_PROBABILITIES + _column(label)], len(names))
                for label, names in classes.items()
            },
            classes=classes,
            view=_numbers(table["view"]) if "view" in table.column_names else None,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _names(labels: dict[str, Any]) -> str:
    return ", ".join(printable(label) for label in labels) or "none"


def _column(label: str) -> str:
    """Return a label as a column can be named, which Parquet wants to be UTF-8."""
    return label.encode("utf-8", "backslashreplace").decode("utf-8")


def _numbers(column: Any) -> Tensor:
    # A copy: what Arrow gives may not be written to.
    return torch.from_numpy(column.to_numpy().copy())


def _rows(column: Any, classes: int) -> Tensor:
    lists = column.combine_chunks()
    numbers = _numbers(lists.flatten())
    if lists.null_count or set(lists.value_lengths().unique().to_pylist()) - {classes}:
        raise ValueError(
            f"is damaged: a list of probabilities has not one number for each of {classes} classes"
        )
    return numbers.reshape(len(lists), classes)
