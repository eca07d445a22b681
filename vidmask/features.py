"""Features of an encoder on disk: shards that several processes write and anybody reads as one table.

A shard is ``<split>-<rank>-<number>.safetensors``, or ``.parquet``. A row is a clip: ``features`` (the mean
of its tokens) or ``tokens`` or both, ``cls`` where the encoder has a class token, ``video_index``, ``view``,
``start_seconds``, and ``label/<name>``. In the metadata stand as JSON the path of each row, the names of the
classes, what made the features, and how many shards belong together.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vidmask.data.tables import check_pyarrow
from vidmask.data.words import counted, printable
from vidmask.data.writers import whole_file

FORMAT = "vidmask.features.1"

ShardFormat = Literal["safetensors", "parquet"]

SHARD_BYTES = 256 * 10**6
"""Greatest size of a shard."""

# Readers of safetensors refuse metadata of more than 100 MB.
_PATH_BYTES = 32 * 10**6

_VECTORS = ("features", "tokens", "cls")
_KEY = b"vidmask.features"


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a split, a row a clip, sorted by video and view.

    Attributes:
        features: The mean of the tokens of each clip.
        tokens: The tokens, where they were written.
        cls: The class token, where there is one.
        labels: For each label name the class of every clip.
        classes: For each label name the names of its classes, in index order.
        video_index: Place of each video in its split.
        view: Which of the video's views a clip is.
        start_seconds: Presentation time of each clip's first frame.
        paths: The file of each clip.
        skipped: Path and reason of each video that could not be decoded, and has no row.
        made_by: What made them: ``encoder`` (its class path), ``weights`` (a hash), ``frames`` and ``size``
            of its clips. None where unknown.
    """

    features: Float[Tensor, "b d"]
    tokens: Float[Tensor, "b n d"] | None
    cls: Float[Tensor, "b d"] | None
    labels: dict[str, Int[Tensor, " b"]]
    classes: dict[str, tuple[str, ...]]
    video_index: Int[Tensor, " b"]
    view: Int[Tensor, " b"]
    start_seconds: Float[Tensor, " b"]
    paths: list[str]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    made_by: dict[str, Any] = field(default_factory=dict)


class ShardWriter:
    """Write the rows of one process and one split, shard by shard.

    No more is held in memory than a shard; each file appears under its name only when it is whole. The last
    one says that it is the last, so that what was interrupted can be told from what is complete.

    Args:
        folder: Where the shards go; must exist.
        split: Name of the split.
        rank: Which process this is.
        num_ranks: How many there are.
        classes: For each label name the names of its classes.
        made_by: What made the features; see ``Features``.
        file_format: ``safetensors``, or ``parquet``, which holds no tokens.
        shard_bytes: Greatest size of a shard.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        rank: int = 0,
        num_ranks: int = 1,
        *,
        classes: Mapping[str, Sequence[str]],
        made_by: Mapping[str, Any],
        file_format: ShardFormat = "safetensors",
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        self.folder = folder
        self.split = split
        self.rank = rank
        self.file_format: ShardFormat = file_format
        self.shard_bytes = shard_bytes
        self._about = {
            "split": split,
            "rank": rank,
            "num_ranks": num_ranks,
            "classes": {name: list(names) for name, names in classes.items()},
            "made_by": dict(made_by),
        }
        self._number = 0
        self._rows: list[dict[str, Tensor]] = []
        self._paths: list[str] = []
        self._skipped: dict[str, str] = {}
        self._bytes = self._path_bytes = 0

    def add(
        self,
        rows: Mapping[str, Shaped[Tensor, "b ..."]],
        paths: Sequence[str],
        skipped: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Take up a batch.

        Args:
            rows: The columns, all of one length; those of every batch are the same.
            paths: The file of each row.
            skipped: Path and reason of what could not be decoded.

        Raises:
            ValueError: If the columns are not those of the batches before, such as where some videos have a
                label and others have none.
        """
        self._skipped.update((path, reason) for path, reason in skipped)
        if not paths:
            return
        for start, end in self._pieces(rows, paths):
            self._take({name: values[start:end] for name, values in rows.items()}, paths[start:end])

    def close(self) -> None:
        """Write what is left, as the last shard; it has no row only where the process had none at all."""
        self._write(last=True)

    def _pieces(self, rows: Mapping[str, Tensor], paths: Sequence[str]) -> list[tuple[int, int]]:
        """Cut a batch that is larger than a shard into pieces that are not."""
        bytes_a_row = sum(values[:1].nbytes for values in rows.values()) + max(map(_json_bytes, paths))
        step = max(self.shard_bytes // max(bytes_a_row, 1), 1)
        return [(start, min(start + step, len(paths))) for start in range(0, len(paths), step)]

    def _take(self, rows: dict[str, Tensor], paths: Sequence[str]) -> None:
        path_bytes = sum(map(_json_bytes, paths))
        size = sum(values.nbytes for values in rows.values()) + path_bytes
        too_large = self._bytes + size > self.shard_bytes or self._path_bytes + path_bytes > _PATH_BYTES
        if self._rows and self._rows[0].keys() != rows.keys():
            raise ValueError(
                f"{paths[0]}: has {_listed(rows)}, and {self._paths[0]} {_listed(self._rows[0])}; "
                f"expected the same for all videos of the split {self.split}"
            )
        if self._rows and too_large:
            self._write(last=False)
        # A copy: a part of a batch would keep all of it.
        self._rows.append({name: values.detach().to("cpu", copy=True) for name, values in rows.items()})
        self._paths += paths
        self._bytes += size
        self._path_bytes += path_bytes

    def _write(self, *, last: bool) -> None:
        if self._rows:
            tensors = {name: torch.cat([rows[name] for rows in self._rows]) for name in self._rows[0]}
        else:
            tensors = {"video_index": torch.zeros(0, dtype=torch.int64)}
        about = self._about | {
            "number": self._number,
            "last": last,
            "paths": self._paths,
            "skipped": list(self._skipped.items()),
        }
        name = f"{self.split}-{self.rank:05d}-{self._number:05d}.{self.file_format}"
        self._rows, self._paths = [], []
        self._skipped = {}
        self._bytes = self._path_bytes = 0
        write_shard(self.folder / name, tensors, about)
        self._number += 1


def write_shard(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a shard, whole or not at all.

    Args:
        path: The file; ``.parquet``, or else safetensors.
        tensors: Its columns.
        about: What is said of it; see ``ShardWriter``.

    Raises:
        ValueError: If pyarrow is not installed, for Parquet.
        OSError: If it cannot be written.
    """
    # JSON in ASCII: a byte of a name that is no UTF-8 is written as the surrogate that stands for it.
    metadata = {"format": FORMAT} | {name: json.dumps(value) for name, value in about.items()}
    if path.suffix != ".parquet":
        with whole_file(path) as unfinished:
            save_file({name: values.contiguous() for name, values in tensors.items()}, unfinished, metadata)
        return
    pyarrow = check_pyarrow(path)
    columns = {}
    for name, values in tensors.items():
        # Arrow has no bfloat16.
        array = pyarrow.array((values.float() if values.is_floating_point() else values).flatten().numpy())
        columns[name] = array if values.ndim == 1 else _lists(pyarrow, array, values.shape[1])
    # Bytes, since a name need not be UTF-8.
    columns["path"] = pyarrow.array([os.fsencode(file) for file in about["paths"]], pyarrow.binary())
    del metadata["paths"]
    table = pyarrow.table(columns, metadata={_KEY: json.dumps(metadata).encode("ascii")})
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        pyarrow.parquet.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())


def shards_of(folder: Path, split: str | None = None) -> dict[Path, str]:
    """Return the shards in a folder, each with the name of its split, or those of one split."""
    name = re.compile(r"(.+)-\d+-\d+\.(?:safetensors|parquet)")
    found = {path: match[1] for path in sorted(folder.glob("*")) if (match := name.fullmatch(path.name))}
    return {path: known for path, known in found.items() if split in (None, known)}


def read_features(folder: str | os.PathLike[str], split: str) -> Features:
    """Join the shards of a split that all processes wrote.

    Rows that are there twice, since the last batch of a process was filled up with videos that another one
    has too, count once. Of tokens no more is in memory than the result and one shard.

    Args:
        folder: The folder of the shards.
        split: Name of the split.

    Raises:
        FileNotFoundError: If there is no shard of the split.
        ValueError: If a shard is missing, damaged or of another format, or if shards do not belong together.
    """
    folder = Path(folder)
    files = list(shards_of(folder, split))
    if not files:
        others = ", ".join(dict.fromkeys(shards_of(folder).values())) or "none"
        raise FileNotFoundError(
            f"{folder}: there are no features of the split {split!r}; splits there: {others}"
        )
    shards = sorted(map(_open, files), key=lambda shard: (shard.about["rank"], shard.about["number"]))
    _check_complete(shards)
    _check_same(shards)
    filled = [shard for shard in shards if len(shard.rows)]
    if not filled:
        skipped = sum(len(shard.about["skipped"]) for shard in shards)
        raise ValueError(
            f"{folder}: the features of {split!r} have no row: {counted(skipped, 'video')} skipped"
        )
    places = torch.cat([shard.rows for shard in filled])
    order = _order(places)
    skipped = {path: reason for shard in shards for path, reason in shard.about["skipped"]}
    columns = {name: _column(filled, name, order) for name in filled[0].names}
    tokens, features = columns.get("tokens"), columns.get("features")
    if features is None:
        assert tokens is not None
        features = mean_of_tokens(tokens)
    paths = [path for shard in filled for path in shard.about["paths"]]
    about = filled[0].about
    return Features(
        features=features,
        tokens=tokens,
        cls=columns.get("cls"),
        labels={
            name.partition("/")[2]: values for name, values in columns.items() if name.startswith("label/")
        },
        classes={name: tuple(names) for name, names in about["classes"].items()},
        video_index=columns["video_index"],
        view=columns["view"],
        start_seconds=columns["start_seconds"],
        paths=[paths[place] for place in order.tolist()],
        skipped=list(skipped.items()),
        made_by=about["made_by"],
    )


def mean_of_tokens(tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b d"]:
    """Return the mean of the tokens of each clip; of half precision it is taken in single."""
    single = tokens.dtype in (torch.float16, torch.bfloat16)
    return tokens.mean(dim=1, dtype=torch.float32 if single else tokens.dtype)


class _Shard(NamedTuple):
    """What is known of a shard before its vectors are read; ``rows`` has video and view of each."""

    path: Path
    about: dict[str, Any]
    names: list[str]
    rows: Int[Tensor, "b 2"]

    def read(self, name: str) -> Tensor:
        return _tensor(self.path, name)


def _open(path: Path) -> _Shard:
    metadata, names = _header(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: its format is {metadata.get('format')}, expected {FORMAT}")
    about = {name: json.loads(value) for name, value in metadata.items() if name != "format"}
    if names == ["video_index"]:
        return _Shard(path, about, names, torch.zeros(0, 2, dtype=torch.int64))
    rows = torch.stack([_tensor(path, "video_index"), _tensor(path, "view")], dim=1)
    return _Shard(path, about, names, rows)


def _header(path: Path) -> tuple[dict[str, str], list[str]]:
    if path.suffix == ".parquet":
        table = _parquet(path)
        metadata = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
        metadata["paths"] = json.dumps([os.fsdecode(file) for file in table["path"].to_pylist()])
        return metadata, sorted(name for name in table.column_names if name != "path")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, sorted(file.keys())
    except SafetensorError as error:
        raise ValueError(f"{path}: is no safetensors file, or a damaged one: {error}") from None


def _tensor(path: Path, name: str) -> Tensor:
    if path.suffix != ".parquet":
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name)
    column = _parquet(path, [name])[name].combine_chunks()
    if not hasattr(column, "flatten") or name not in _VECTORS:
        return torch.from_numpy(column.to_numpy().copy())
    return torch.from_numpy(column.flatten().to_numpy().copy()).reshape(len(column), -1)


def _parquet(path: Path, columns: list[str] | None = None) -> Any:
    pyarrow = check_pyarrow(path)
    with path.open("rb") as file:
        try:
            return pyarrow.parquet.read_table(file, columns=columns)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"{path}: cannot be read as Parquet: {' '.join(str(error).split())}") from None


def _lists(pyarrow: Any, values: Any, width: int) -> Any:
    return pyarrow.FixedSizeListArray.from_arrays(values, width)


def _check_complete(shards: Sequence[_Shard]) -> None:
    """Refuse what an interrupted process left, and shards of several predictions in one folder."""
    folder, split = shards[0].path.parent, shards[0].about["split"]
    num_ranks = shards[0].about["num_ranks"]
    for shard in shards:
        if shard.about["num_ranks"] != num_ranks:
            raise ValueError(
                f"{shard.path}: is of {counted(shard.about['num_ranks'], 'process')}, and "
                f"{shards[0].path.name} of {num_ranks}: shards of two predictions lie in one folder"
            )
    for rank in range(num_ranks):
        numbers = {
            shard.about["number"]: shard.about["last"] for shard in shards if shard.about["rank"] == rank
        }
        whole = list(numbers.values()) == [False] * (len(numbers) - 1) + [True]
        if not whole or list(numbers) != list(range(len(numbers))):
            found = ", ".join(map(str, numbers)) or "none"
            raise ValueError(
                f"{folder}: shards of {split!r} by process {rank} of {num_ranks} are missing (there are: "
                f"{found}): the prediction was interrupted, or a file is gone"
            )


def _check_same(shards: Sequence[_Shard]) -> None:
    """Refuse shards that hold other columns, classes or encoders than the first with a row."""
    first = next((shard for shard in shards if len(shard.rows)), shards[0])
    suffixes = {shard.path.suffix for shard in shards}
    if len(suffixes) > 1:
        raise ValueError(
            f"{first.path.parent}: shards of the split are both {' and '.join(sorted(suffixes))}"
        )
    for shard in shards:
        for what in ("classes", "made_by"):
            if shard.about[what] != first.about[what]:
                raise ValueError(
                    f"{shard.path}: its {what} are {shard.about[what]}, those of {first.path.name} "
                    f"{first.about[what]}: shards of two predictions lie in one folder"
                )
        if len(shard.rows) and shard.names != first.names:
            raise ValueError(
                f"{shard.path}: has {', '.join(shard.names)}, and {first.path.name} {', '.join(first.names)}"
            )


def _order(places: Int[Tensor, "b 2"]) -> Int[Tensor, " k"]:
    """Return where each pair of video and view is first, in the order of the pairs."""
    keys, order = (places[:, 0] * (int(places[:, 1].max()) + 1) + places[:, 1]).sort(stable=True)
    is_first = torch.ones(len(keys), dtype=torch.bool)
    is_first[1:] = keys[1:] != keys[:-1]
    return order[is_first]


def _column(shards: Sequence[_Shard], name: str, order: Int[Tensor, " k"]) -> Tensor:
    """Return the rows of a column in an order, reading one shard after the other."""
    joined: Tensor | None = None
    start = 0
    for shard in shards:
        values = shard.read(name)
        if joined is None:
            joined = values.new_empty(len(order), *values.shape[1:])
        if values.shape[1:] != joined.shape[1:] or len(values) != len(shard.rows):
            raise ValueError(
                f"{shard.path}: {name} has the shape {tuple(values.shape)}, expected "
                f"{(len(shard.rows), *joined.shape[1:])}"
            )
        here = (order >= start) & (order < start + len(values))
        joined[here] = values[order[here] - start]
        start += len(values)
    assert joined is not None
    return joined


def _json_bytes(path: str) -> int:
    return len(json.dumps(path)) + 2


def _listed(columns: Mapping[str, Any]) -> str:
    labels = [printable(name.partition("/")[2]) for name in columns if name.startswith("label/")]
    return f"the labels {', '.join(labels)}" if labels else "no label"
