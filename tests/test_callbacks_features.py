"""What predict leaves behind."""

import logging
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch.utils.data import DataLoader
from trainers import quiet_trainer

from vidmask.callbacks.features import FeatureOptions, FeatureWriter
from vidmask.features import read_features, shards_of
from vidmask.models import VideoViT
from vidmask.models.vit import Latents
from vidmask.tokens import ClipBatch


class Predicting(LightningModule):
    """Marks each token with its video and its place."""

    def __init__(self, class_token: bool = True) -> None:
        super().__init__()
        self.encoder = VideoViT(2, 4, (2, 4, 4), 16, 1, 2)
        self.class_token = class_token

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        marks = batch.video_index.float()[:, None, None]
        tokens = marks + torch.arange(4).view(1, 2, 2)
        return Latents(tokens, -tokens[:, 0] if self.class_token else None)


def batch(videos: list[int], skipped: list[tuple[str, str]] | None = None) -> ClipBatch:
    index = torch.tensor(videos, dtype=torch.int64)
    clips = torch.zeros(len(videos), 3, 2, 4, 4)
    paths = [f"{video}.mp4" for video in videos]
    labels = {"motion": index % 3} if videos else {}
    return ClipBatch(clips, labels, index, index.float(), index * 0, videos, paths, skipped or [])


class Clips(LightningDataModule):
    """Two splits of batches made by hand."""

    classes = {"motion": ("left", "right", "still")}  # noqa: RUF012
    predicted_splits = ("train", "val")
    frames, size = 2, 4

    def __init__(self, train: list[ClipBatch] | None = None) -> None:
        super().__init__()
        self.train = [batch([0, 1]), batch([2])] if train is None else train

    def predict_dataloader(self):
        return [DataLoader(part, batch_size=None) for part in (self.train, [batch([7])])]


def predict(folder: Path, data: LightningDataModule | None = None, **options) -> Trainer:
    module = Predicting(options.pop("class_token", True))
    trainer = quiet_trainer(default_root_dir=folder, callbacks=[FeatureWriter(**options)])
    trainer.predict(module, Clips() if data is None else data, return_predictions=False)
    return trainer


pytestmark = pytest.mark.filterwarnings("ignore:The .*dataloader.* does not have many workers")


def test_each_split_has_its_rows_labels_and_paths(tmp_path):
    predict(tmp_path)
    train, val = (read_features(tmp_path / "features", split) for split in ("train", "val"))
    assert train.features.tolist() == [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]
    assert train.cls.tolist() == [[0.0, -1.0], [-1.0, -2.0], [-2.0, -3.0]]
    assert train.tokens is None
    assert train.labels["motion"].tolist() == [0, 1, 2]
    assert train.start_seconds.tolist() == [0.0, 1.0, 2.0]
    assert train.classes == Clips.classes
    assert train.paths == ["0.mp4", "1.mp4", "2.mp4"]
    assert (val.paths, val.features.tolist()) == (["7.mp4"], [[8.0, 9.0]])


@pytest.mark.parametrize(
    ("level", "names"), [("clip", {"features"}), ("token", {"tokens"}), ("both", {"features", "tokens"})]
)
def test_a_level_says_what_is_written(tmp_path, level, names):
    predict(tmp_path, options=FeatureOptions(level), class_token=False)
    found = read_features(tmp_path / "features", "train")
    assert ("tokens" in names) == (found.tokens is not None)
    assert found.cls is None
    assert found.features.tolist() == [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]
    if found.tokens is not None:
        assert found.tokens[1].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    size = (tmp_path / "features" / "train-00000-00000.safetensors").read_bytes()
    assert (b'"features":{' in size) == ("features" in names)


def test_shards_are_written_as_the_batches_come(tmp_path, monkeypatch):
    before = []
    step = Predicting.predict_step

    def seen(self, batch, batch_idx, dataloader_idx=0):
        before.append(len(shards_of(tmp_path / "features")))
        return step(self, batch, batch_idx, dataloader_idx)

    monkeypatch.setattr(Predicting, "predict_step", seen)
    trainer = predict(tmp_path, Clips([batch([video]) for video in range(4)]), shard_bytes=60)
    assert before == [0, 0, 1, 2, 3]
    assert trainer.predict_loop.predictions == []
    assert len(shards_of(tmp_path / "features")) == 5


def test_the_encoder_is_known_by_name_and_by_its_weights(tmp_path):
    torch.manual_seed(0)
    predict(tmp_path / "a")
    predict(tmp_path / "b", encoder="my.encoder")
    torch.manual_seed(0)
    predict(tmp_path / "c")
    found = [read_features(tmp_path / name / "features", "val").made_by for name in "abc"]
    own = "vidmask.models.vit.VideoViT"
    assert [one["encoder"] for one in found] == [own, "my.encoder", own]
    assert found[0] == found[2]
    assert found[0]["weights"] != found[1]["weights"]
    assert (found[0]["frames"], found[0]["size"]) == (2, 4)


def test_shards_of_an_earlier_prediction_go_and_other_files_stay(tmp_path):
    folder = tmp_path / "features"
    folder.mkdir()
    for name in ("train-00000-00007.safetensors", "val-00001-00000.parquet", "test-00000-00000.safetensors"):
        (folder / name).touch()
    (folder / "notes.txt").touch()
    predict(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "notes.txt",
        "test-00000-00000.safetensors",
        "train-00000-00000.safetensors",
        "val-00000-00000.safetensors",
    ]


def test_each_process_writes_its_own_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "world_size", 2)
    monkeypatch.setattr(Trainer, "global_rank", 1)
    predict(tmp_path)
    assert (tmp_path / "features" / "train-00001-00000.safetensors").is_file()
    with pytest.raises(ValueError, match="by process 0 of 2 are missing"):
        read_features(tmp_path / "features", "train")


def test_a_prediction_that_ends_early_leaves_nothing_that_reads_as_whole(tmp_path, monkeypatch):
    step = Predicting.predict_step

    def broken(self, batch, batch_idx, dataloader_idx=0):
        if batch_idx == 3:
            raise RuntimeError("lost")
        return step(self, batch, batch_idx, dataloader_idx)

    monkeypatch.setattr(Predicting, "predict_step", broken)
    with pytest.raises(RuntimeError, match="lost"):
        predict(tmp_path, Clips([batch([video]) for video in range(4)]), shard_bytes=60)
    with pytest.raises(ValueError, match="the prediction was interrupted"):
        read_features(tmp_path / "features", "train")


def test_what_was_passed_over_is_told_and_written_down(tmp_path, caplog):
    skipped = [("bad.mp4", "bad.mp4: cannot be decoded")] * 2
    with caplog.at_level(logging.WARNING):
        predict(tmp_path, Clips([batch([], skipped), batch([1])]))
    told = [record.message for record in caplog.records if "passed over" in record.message]
    assert told == ["passed over in train, and without features: bad.mp4: cannot be decoded"]
    found = read_features(tmp_path / "features", "train")
    assert (found.paths, found.skipped) == (["1.mp4"], [skipped[0]])


def test_without_a_data_module_loaders_are_numbered(tmp_path):
    trainer = quiet_trainer(default_root_dir=tmp_path, callbacks=[FeatureWriter()])
    trainer.predict(Predicting(), DataLoader([batch([3])], batch_size=None), return_predictions=False)
    found = read_features(tmp_path / "features", "loader0")
    assert (found.paths, found.classes) == (["3.mp4"], {})


def test_options_that_cannot_be_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"parquet holds the level clip only, got features\.level both"):
        FeatureOptions("both", "parquet")

    def missing(path) -> None:
        raise ValueError("no pyarrow")

    monkeypatch.setattr("vidmask.callbacks.features.check_pyarrow", missing)
    assert FeatureOptions("both").format == "safetensors"
    with pytest.raises(ValueError, match=r"needs pyarrow: pip install 'vidmask\[parquet\]', or take saf"):
        FeatureOptions("clip", "parquet")
