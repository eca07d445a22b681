"""What ``predict`` leaves behind."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import nn

from vidmask.choices import checked_choice
from vidmask.data.tables import check_pyarrow
from vidmask.features import SHARD_BYTES, ShardFormat, ShardWriter, mean_of_tokens, shards_of
from vidmask.models.vit import Latents
from vidmask.tokens import ClipBatch

_LOG = logging.getLogger(__name__)

FOLDER = "features"
"""Name of the folder in that of the prediction."""

Level = Literal["clip", "token", "both"]


@dataclass(frozen=True)
class FeatureOptions:
    """What is written of each clip.

    Args:
        level: ``clip``: the mean of its tokens; ``token``: each of its tokens, of which there may be
            thousands; or ``both``. The class token is written in any case, where there is one.
        format: Of the files: ``safetensors``, or ``parquet`` for the level ``clip``.

    Raises:
        ValueError: If it is one of these together with a level that it does not hold, or pyarrow is missing.
    """

    level: Level = "clip"
    format: ShardFormat = "safetensors"

    def __post_init__(self) -> None:
        checked_choice("features.level", self.level, Level)
        checked_choice("features.format", self.format, ShardFormat)
        if self.format == "safetensors":
            return
        if self.level != "clip":
            raise ValueError(
                f"features.format parquet holds the level clip only, got features.level {self.level}: "
                "tokens go into safetensors"
            )
        try:
            check_pyarrow(Path())
        except ValueError:
            raise ValueError(
                "features.format parquet needs pyarrow: pip install 'vidmask[parquet]', or take safetensors"
            ) from None


class FeatureWriter(BasePredictionWriter):
    """Write what the encoder makes of each clip to ``features/`` in the run's folder, as the batches come.

    Each split goes into shards of its own, as ``vidmask.features.shards`` describes them; those that an
    earlier prediction left of the same split are removed when this one begins. Every process writes what it
    has encoded.

    Args:
        options: What is written.
        encoder: The encoder's class path, for the record; the name of its class if None.
        shard_bytes: Greatest size of a shard.
    """

    def __init__(
        self,
        options: FeatureOptions = FeatureOptions(),
        encoder: str | None = None,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        super().__init__(write_interval="batch")
        self.options = options
        self.encoder = encoder
        self.shard_bytes = shard_bytes
        self._made_by: dict[str, Any] = {}
        self._writer: ShardWriter | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the folder, and remove the shards that are to be made anew."""
        folder = _folder(trainer)
        if trainer.is_global_zero:
            folder.mkdir(parents=True, exist_ok=True)
            for split in _splits(trainer):
                for shard in shards_of(folder, split):
                    shard.unlink()
        trainer.strategy.barrier("features")
        encoder = getattr(pl_module, "encoder", None)
        data = getattr(trainer, "datamodule", None)
        self._made_by = {
            "encoder": self.encoder
            or (encoder and f"{type(encoder).__module__}.{type(encoder).__qualname__}"),
            "weights": _hash(encoder) if isinstance(encoder, nn.Module) else None,
            "frames": getattr(data, "frames", None),
            "size": getattr(data, "size", None),
        }

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Latents,
        batch_indices: Sequence[Any] | None,
        batch: ClipBatch,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Hand a batch to the writer of its split."""
        split = _splits(trainer)[dataloader_idx]
        if self._writer is None or self._writer.split != split:
            self._close()
            self._writer = ShardWriter(
                _folder(trainer),
                split,
                trainer.global_rank,
                trainer.world_size,
                classes=getattr(getattr(trainer, "datamodule", None), "classes", {}),
                made_by=self._made_by,
                file_format=self.options.format,
                shard_bytes=self.shard_bytes,
            )
        skipped = [(path, reason) for path, reason in batch.skipped]
        for path, reason in dict(skipped).items():
            _LOG.warning(
                "passed over in %s, and without features: %s", split, " ".join(reason.split()) or path
            )
        self._writer.add(self._rows(prediction, batch) if batch.paths else {}, batch.paths, skipped)

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what is left."""
        self._close()

    def _rows(self, latents: Latents, batch: ClipBatch) -> dict[str, torch.Tensor]:
        rows = {"video_index": batch.video_index, "view": batch.view, "start_seconds": batch.start_seconds}
        rows |= {f"label/{name}": labels for name, labels in batch.labels.items()}
        if self.options.level in ("clip", "both"):
            rows["features"] = mean_of_tokens(latents.tokens)
        if self.options.level in ("token", "both"):
            rows["tokens"] = latents.tokens
        if latents.cls is not None:
            rows["cls"] = latents.cls
        return rows

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None


def _folder(trainer: Trainer) -> Path:
    return Path(cast(Any, trainer).default_root_dir) / FOLDER


def _splits(trainer: Trainer) -> tuple[str, ...]:
    """Return what the loaders of the prediction are of; numbered where no data module tells."""
    splits = getattr(getattr(trainer, "datamodule", None), "predicted_splits", None)
    return (
        tuple(f"loader{number}" for number in range(trainer.predict_loop.num_dataloaders))
        if splits is None
        else splits
    )


def _hash(module: nn.Module) -> str:
    """Return a hash of the weights, by which features of two encoders can be told apart."""
    digest = hashlib.blake2b(digest_size=16)
    for name, weight in module.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
