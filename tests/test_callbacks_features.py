"""What predict leaves behind."""

import json

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from safetensors import safe_open
from torch.utils.data import DataLoader

from vidmask.callbacks.features import FeatureWriter


class Predicting(LightningModule):
    """Predicts what it is told to."""

    def predict_step(self, batch, batch_idx):
        index = torch.arange(2) + 2 * batch_idx
        return {
            "features": index[:, None] * torch.ones(3),
            "video_index": index,
            "labels": {"motion": index % 3},
            "paths": [f"{place}.mp4" for place in index.tolist()],
        }


@pytest.mark.parametrize(("num_ranks", "name"), [(1, "features.safetensors"), (2, "features.0.safetensors")])
def test_rows_labels_and_paths_of_all_batches_are_in_one_file(tmp_path, num_ranks, name, monkeypatch):
    monkeypatch.setattr(Trainer, "world_size", num_ranks)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
        callbacks=[FeatureWriter()],
    )
    trainer.predict(Predicting(), DataLoader(torch.ones(3)))
    with safe_open(tmp_path / name, framework="pt") as file:
        assert file.get_tensor("features").tolist() == [[place] * 3 for place in range(6)]
        assert file.get_tensor("video_index").tolist() == [0, 1, 2, 3, 4, 5]
        assert file.get_tensor("label/motion").tolist() == [0, 1, 2, 0, 1, 2]
        assert json.loads(file.metadata()["paths"]) == [f"{place}.mp4" for place in range(6)]
