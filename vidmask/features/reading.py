"""Features as one table: the shards of a split, checked for completeness and joined."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.data.words import counted
from vidmask.features.shards import Shard, open_shard, shards_of


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
    shards = sorted(map(open_shard, files), key=lambda shard: (shard.about["rank"], shard.about["number"]))
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


def _check_complete(shards: Sequence[Shard]) -> None:
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


def _check_same(shards: Sequence[Shard]) -> None:
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


def _column(shards: Sequence[Shard], name: str, order: Int[Tensor, " k"]) -> Tensor:
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
