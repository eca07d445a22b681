"""Features read: the shards of all processes, joined to one table."""

import os
from pathlib import Path

import pytest
import torch
from feature_shards import CLASSES, MADE_BY, rows, write
from safetensors.torch import save_file

from vidmask.data.tables import check_pyarrow
from vidmask.features import ShardWriter, mean_of_tokens, read_features

ALL = ("features", "tokens", "cls")


@pytest.mark.parametrize("shard_bytes", [256_000_000, 100])
def test_two_ranks_shards_are_joined_sorted_and_what_is_there_twice_counts_once(tmp_path, shard_bytes):
    # Five videos of two views over two processes: the last batch of the second is filled up with video 0.
    first = [(video, view) for video in (0, 2, 4) for view in (0, 1)]
    second = [(video, view) for video in (1, 3, 0) for view in (0, 1)]
    write(tmp_path, second, 1, 2, names=ALL, shard_bytes=shard_bytes)
    write(tmp_path, first, 0, 2, names=ALL, shard_bytes=shard_bytes)
    assert len(list(tmp_path.iterdir())) == (2 if shard_bytes > 100 else 12)
    found = read_features(tmp_path, "train")
    pairs = [(video, view) for video in range(5) for view in (0, 1)]
    expected = rows(pairs, ALL)
    assert found.video_index.tolist() == [video for video, _ in pairs]
    assert found.view.tolist() == [view for _, view in pairs]
    assert found.paths == [f"/data/{video}.mp4" for video, _ in pairs]
    assert torch.equal(found.features, expected["features"])
    assert torch.equal(found.tokens, expected["tokens"])
    assert torch.equal(found.cls, expected["cls"])
    assert torch.equal(found.start_seconds, expected["start_seconds"])
    assert found.labels["motion"].tolist() == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1]
    assert (found.classes, found.made_by) == (CLASSES, MADE_BY)


def test_of_rows_that_are_there_twice_the_first_rank_s_counts(tmp_path):
    write(tmp_path, [(0, 0), (1, 0)], 0, 2)
    writer = ShardWriter(tmp_path, "train", 1, 2, classes=CLASSES, made_by=MADE_BY)
    writer.add(rows([(0, 0)]) | {"features": torch.full((1, 3), -1.0)}, ["/data/0.mp4"])
    writer.close()
    assert read_features(tmp_path, "train").features[:, 0].tolist() == [0.0, 10.0]


def test_tokens_alone_give_the_mean_of_each_clip(tmp_path):
    write(tmp_path, [(0, 0), (1, 0)], names=("tokens",))
    found = read_features(tmp_path, "train")
    # Tokens (0, 1, 2) and (3, 4, 5), plus ten times the video.
    assert found.features.tolist() == [[1.5, 2.5, 3.5], [11.5, 12.5, 13.5]]
    assert found.cls is None


def test_the_mean_of_half_precision_is_taken_in_single():
    tokens = torch.tensor([[[1.0], [1.0078125]]], dtype=torch.bfloat16)
    assert mean_of_tokens(tokens).tolist() == [[1.00390625]]
    assert mean_of_tokens(tokens.double()).dtype == torch.float64


@pytest.mark.parametrize("file_format", ["safetensors", "parquet"])
def test_names_need_not_be_utf_8_and_skipped_videos_are_known(tmp_path, file_format):
    name = os.fsdecode(b"/data/caf\xe9.mp4")
    writer = ShardWriter(tmp_path, "val", classes={}, made_by={}, file_format=file_format)
    writer.add(rows([(1, 0)], labelled=False), [name], [("bad.mp4", "no video"), ("bad.mp4", "no video")])
    writer.close()
    found = read_features(tmp_path, "val")
    assert found.paths == [name]
    assert found.skipped == [("bad.mp4", "no video")]
    assert found.labels == {}


def test_a_rank_without_a_row_is_no_missing_rank(tmp_path):
    write(tmp_path, [(0, 0)], 0, 2)
    writer = ShardWriter(tmp_path, "train", 1, 2, classes=CLASSES, made_by=MADE_BY)
    writer.add({}, [], [("bad.mp4", "no video")])
    writer.close()
    found = read_features(tmp_path, "train")
    assert (len(found.paths), found.skipped) == (1, [("bad.mp4", "no video")])


def test_where_every_video_was_skipped_there_is_nothing_to_read(tmp_path):
    writer = ShardWriter(tmp_path, "train", classes=CLASSES, made_by=MADE_BY)
    writer.add({}, [], [("bad.mp4", "no video")])
    writer.close()
    with pytest.raises(ValueError, match="the features of 'train' have no row: 1 video skipped"):
        read_features(tmp_path, "train")


def refused(folder: Path, message: str, error: type[Exception] = ValueError) -> None:
    with pytest.raises(error, match=message) as caught:
        read_features(folder, "train")
    assert "\n" not in str(caught.value)


def test_a_missing_split_names_those_there(tmp_path):
    write(tmp_path, [(0, 0)], split="val")
    refused(tmp_path, "no features of the split 'train'; splits there: val", FileNotFoundError)


def test_a_missing_rank_is_refused(tmp_path):
    write(tmp_path, [(0, 0)], 0, 2)
    refused(tmp_path, r"shards of 'train' by process 1 of 2 are missing \(there are: none\)")


@pytest.mark.parametrize("gone", [0, 1, 2, 3])
def test_a_missing_shard_is_refused_the_last_too(tmp_path, gone):
    write(tmp_path, [(video, 0) for video in range(20)], shard_bytes=400)
    (tmp_path / f"train-00000-{gone:05d}.safetensors").unlink()
    refused(tmp_path, "shards of 'train' by process 0 of 1 are missing")


def test_shards_of_two_predictions_are_refused(tmp_path):
    write(tmp_path, [(0, 0)], 0, 1)
    write(tmp_path, [(0, 0)], 1, 2)
    refused(tmp_path, r"is of 2 processes, and .* of 1: shards of two predictions")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"names": ("tokens",)}, "has .*tokens.*, and .*features"),
        ({"classes": {"motion": ("left", "right")}}, "its classes are"),
        ({"made_by": MADE_BY | {"weights": "other"}}, "its made_by are .*other"),
        ({"labelled": False}, "has .*, and .*label/motion"),
        ({"file_format": "parquet"}, r"both \.parquet and \.safetensors"),
    ],
)
def test_shards_that_do_not_fit_are_refused(tmp_path, other, message):
    write(tmp_path, [(0, 0)], 0, 2)
    write(tmp_path, [(1, 0)], 1, 2, **other)
    refused(tmp_path, message)


def test_other_files_under_the_name_of_a_shard_are_refused(tmp_path):
    path = tmp_path / "train-00000-00000.safetensors"
    path.write_bytes(b"no such thing")
    refused(tmp_path, "is no safetensors file")
    save_file({"features": torch.zeros(1, 2)}, path, {"format": "vidmask.features.0"})
    refused(tmp_path, "its format is vidmask.features.0, expected vidmask.features.1")
    path.unlink()
    (tmp_path / "train-00000-00000.parquet").write_bytes(b"no such thing")
    refused(tmp_path, "cannot be read as Parquet")
    pyarrow = check_pyarrow(tmp_path)
    table = pyarrow.table({"path": pyarrow.array([b"a"], pyarrow.binary())})
    pyarrow.parquet.write_table(table, tmp_path / "train-00000-00000.parquet")
    refused(tmp_path, "its format is None")
