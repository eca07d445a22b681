"""Which training videos could not be decoded, and how many samples were lost with them."""

import csv
import logging
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from vidmask.data.skip_limit import TooManySkippedError
from vidmask.tokens import ClipBatch

_LOG = logging.getLogger(__name__)

FILE = "skipped.csv"
"""Name of the list in the run's folder."""


class SkippedSamples(Callback):
    """Count the training samples that could not be decoded, and list their files.

    The running total is logged as ``train/skipped_samples`` whenever it grows: after the step with one
    process, at the end of the epoch with several. Each file is warned of once, and has one row in
    ``skipped.csv``, with its path and the reason. With several processes a checkpoint in mid-epoch holds
    what the first one has skipped since the epoch began, and nothing of the others.

    Attributes:
        num_skipped: Samples skipped so far, of all processes together.
    """

    def __init__(self) -> None:
        self.num_skipped = 0
        self._uncounted: list[tuple[str, str]] = []
        self._listed: set[str] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Keep the count for a resumed run; the files are in the run's folder."""
        return {"num_skipped": self.num_skipped + len(self._uncounted)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the count of an earlier part of the run."""
        self.num_skipped = state_dict["num_skipped"]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Take note of what a batch lacks."""
        # Pinning a batch makes lists of its tuples.
        self._uncounted += [(path, reason) for path, reason in batch.skipped]
        if trainer.world_size == 1:
            self._count(trainer, self._uncounted)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Bring together what the processes lack: once an epoch, since a step must not wait for it."""
        if trainer.world_size > 1:
            skipped: list[list[tuple[str, str]]] = [[] for _ in range(trainer.world_size)]
            torch.distributed.all_gather_object(skipped, self._uncounted)
            self._count(trainer, [sample for samples in skipped for sample in samples])

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """List what stops the run, whichever process has seen it, and what no epoch's end has listed yet."""
        last = exception.skipped if isinstance(exception, TooManySkippedError) else []
        if self._uncounted or last:
            self._list(Path(trainer.default_root_dir) / FILE, [*self._uncounted, *last])

    def _count(self, trainer: Trainer, skipped: list[tuple[str, str]]) -> None:
        self._uncounted = []
        if not skipped:
            return
        self.num_skipped += len(skipped)
        for logger in trainer.loggers:
            logger.log_metrics({"train/skipped_samples": float(self.num_skipped)}, step=trainer.global_step)
        if trainer.is_global_zero:
            self._list(Path(trainer.default_root_dir) / FILE, skipped)

    def _list(self, file: Path, skipped: list[tuple[str, str]]) -> None:
        if self._listed is None:
            self._listed = _paths(file)
        for path, reason in skipped:
            if path not in self._listed:
                self._listed.add(path)
                _append(file, path, reason.removeprefix(f"{path}: "))
                line = " ".join(reason.split())
                _LOG.warning("skipped in training, as listed in %s: %s", file.name, line)


def _paths(file: Path) -> set[str]:
    if not file.is_file():
        return set()
    # Names of files need not be UTF-8.
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as rows:
        return {row["path"] for row in csv.DictReader(rows)}


def _append(file: Path, path: str, reason: str) -> None:
    is_new = not file.is_file()
    with file.open("a", newline="", encoding="utf-8", errors="surrogateescape") as rows:
        writer = csv.writer(rows, lineterminator="\n")
        if is_new:
            writer.writerow(("path", "reason"))
        writer.writerow((path, reason))
