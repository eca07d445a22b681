"""Files of features: whole or not there, in two formats."""

from pathlib import Path

import pytest
import torch
from feature_shards import write

from vidmask.data.tables import check_pyarrow
from vidmask.features import read_features, shards_of


def test_parquet_holds_the_same(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "p").mkdir()
    pairs = [(2, 1), (0, 0), (1, 0), (2, 0)]
    names = ("features", "cls")
    write(tmp_path / "s", pairs, names=names)
    write(tmp_path / "p", pairs, names=names, file_format="parquet", shard_bytes=150)
    assert {path.suffix for path in shards_of(tmp_path / "p")} == {".parquet"}
    one, other = read_features(tmp_path / "s", "train"), read_features(tmp_path / "p", "train")
    for name in ("features", "cls", "video_index", "view", "start_seconds"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert torch.equal(one.labels["motion"], other.labels["motion"])
    assert (one.paths, one.classes, one.made_by) == (other.paths, other.classes, other.made_by)
    pyarrow = check_pyarrow(tmp_path)
    table = pyarrow.parquet.read_table(next(iter(shards_of(tmp_path / "p"))))
    assert table["path"].to_pylist()[0] == b"/data/2.mp4"


def test_what_a_killed_process_wrote_is_no_shard(tmp_path, monkeypatch):
    def killed(tensors, path, metadata) -> None:
        Path(path).write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr("vidmask.features.shards.save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, [(0, 0)])
    assert shards_of(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_shards_are_told_from_other_files(tmp_path):
    for name in ("a-b-0-1.safetensors", "val-00000-00002.parquet", "encoder.safetensors", "val-0-1.csv"):
        (tmp_path / name).touch()
    assert {path.name: split for path, split in shards_of(tmp_path).items()} == {
        "a-b-0-1.safetensors": "a-b",
        "val-00000-00002.parquet": "val",
    }
