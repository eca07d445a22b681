"""Features of an encoder on disk: shards that several processes write and anybody reads as one table.

A shard is ``<split>-<rank>-<number>.safetensors``, or ``.parquet``. A row is a clip: ``features`` (the mean
of its tokens) or ``tokens`` or both, ``cls`` where the encoder has a class token, ``video_index``, ``view``,
``start_seconds``, and ``label/<name>``. In the metadata stand as JSON the path of each row, the names of the
classes, what made the features, and how many shards belong together.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vidmask.data.tables import check_pyarrow
from vidmask.data.writers import whole_file

FORMAT = "vidmask.features.1"

ShardFormat = Literal["safetensors", "parquet"]

_VECTORS = ("features", "tokens", "cls")
_KEY = b"vidmask.features"


class Shard(NamedTuple):
    """What is known of a shard before its vectors are read.

    Attributes:
        path: The file.
        about: What is said of it; see ``ShardWriter``.
        names: Its columns.
        rows: Video and view of each row.
    """

    path: Path
    about: dict[str, Any]
    names: list[str]
    rows: Int[Tensor, "b 2"]

    def read(self, name: str) -> Tensor:
        """Return a column."""
        return _tensor(self.path, name)


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


def open_shard(path: Path) -> Shard:
    """Read what a shard is about, and of which videos and views its rows are.

    Raises:
        ValueError: If it is damaged or of another format.
    """
    metadata, names = _header(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: its format is {metadata.get('format')}, expected {FORMAT}")
    about = {name: json.loads(value) for name, value in metadata.items() if name != "format"}
    if names == ["video_index"]:
        return Shard(path, about, names, torch.zeros(0, 2, dtype=torch.int64))
    rows = torch.stack([_tensor(path, "video_index"), _tensor(path, "view")], dim=1)
    return Shard(path, about, names, rows)


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
