"""Features written while they are made: what one process has of one split, shard by shard."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from vidmask.data.words import printable
from vidmask.features.shards import ShardFormat, write_shard

SHARD_BYTES = 256 * 10**6
"""Greatest size of a shard."""

# Readers of safetensors refuse metadata of more than 100 MB.
_PATH_BYTES = 32 * 10**6


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


def _json_bytes(path: str) -> int:
    return len(json.dumps(path)) + 2


def _listed(columns: Mapping[str, Any]) -> str:
    labels = [printable(name.partition("/")[2]) for name in columns if name.startswith("label/")]
    return f"the labels {', '.join(labels)}" if labels else "no label"
