"""Features written by one process, shard by shard."""

import json

import pytest
from feature_shards import CLASSES, MADE_BY, rows, write
from safetensors import safe_open

from vidmask.features import FORMAT, ShardWriter, read_features


def test_a_shard_holds_what_it_says_and_no_more_than_it_may(tmp_path):
    # A row has 12 bytes of features, 28 of video, view, second and class rounded up, and 15 of path.
    write(tmp_path, [(video, 0) for video in range(20)], shard_bytes=400)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [f"train-00000-{number:05d}.safetensors" for number in range(4)]
    with safe_open(files[0], framework="pt") as file:
        metadata = file.metadata()
        assert metadata["format"] == FORMAT == "vidmask.features.1"
        about = {name: json.loads(text) for name, text in metadata.items() if name != "format"}
        assert sum(file.get_tensor(name).nbytes for name in file.keys()) <= 400  # noqa: SIM118
        assert sorted(file.keys()) == ["features", "label/motion", "start_seconds", "video_index", "view"]
        assert len(file.get_tensor("view")) == len(about["paths"]) == 6
    assert about["classes"] == {"motion": ["left", "right", "still"]}
    assert (about["split"], about["number"], about["last"], about["num_ranks"]) == ("train", 0, False, 1)
    assert about["made_by"] == MADE_BY


def test_a_batch_larger_than_a_shard_is_cut(tmp_path):
    writer = ShardWriter(tmp_path, "val", classes=CLASSES, made_by=MADE_BY, shard_bytes=150)
    pairs = [(video, 0) for video in range(7)]
    writer.add(rows(pairs), [f"{video}" for video, _ in pairs])
    writer.close()
    assert len(list(tmp_path.iterdir())) > 2
    assert read_features(tmp_path, "val").video_index.tolist() == list(range(7))


def test_videos_with_other_labels_in_one_split_are_refused(tmp_path):
    writer = ShardWriter(tmp_path, "train", classes=CLASSES, made_by=MADE_BY)
    writer.add(rows([(0, 0)]), ["a.mp4"])
    with pytest.raises(ValueError, match=r"b\.mp4: has no label, and a\.mp4 the labels motion"):
        writer.add(rows([(1, 0)], labelled=False), ["b.mp4"])
