"""What ``predict`` leaves behind."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from safetensors.torch import save_file


class FeatureWriter(BasePredictionWriter):
    """Write predicted features to ``features.safetensors`` in the run's folder.

    ``features`` holds one row a clip, ``video_index`` the video it is of, ``label/<name>`` its classes; the
    paths of the videos are in the file's metadata, as JSON under ``paths``. Of several processes each
    writes its part, ``features.<rank>.safetensors``.
    """

    def __init__(self) -> None:
        super().__init__(write_interval="epoch")

    def write_on_epoch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        predictions: Sequence[dict[str, Any]],
        batch_indices: Sequence[Any],
    ) -> None:
        """Write the file."""
        tensors = {
            name: torch.cat([batch[name].cpu() for batch in predictions])
            for name in ("features", "video_index")
        }
        for name in predictions[0]["labels"]:
            tensors[f"label/{name}"] = torch.cat([batch["labels"][name].cpu() for batch in predictions])
        paths = [path for batch in predictions for path in batch["paths"]]
        rank = "" if trainer.world_size == 1 else f".{trainer.global_rank}"
        file = Path(cast(Any, trainer).default_root_dir) / f"features{rank}.safetensors"
        save_file(tensors, file, metadata={"paths": json.dumps(paths)})
