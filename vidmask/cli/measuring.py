"""The training of a recipe, measured for seconds: nothing is filed, and no weights are kept."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch.utils.data import DataLoader, Dataset

from vidmask.cli import parts
from vidmask.cli.errors import Mistake
from vidmask.cli.parts import ENDLESS, PartsCLI
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.throughput import LoaderSetting, StepRate, TrainingRate, synchronise, use
from vidmask.progress import DataWait
from vidmask.tokens import ClipBatch

LEAST_STEPS = 2
"""Steps that are counted however long they take, and as many before them that are not."""

MEASURED_ANYHOW = (
    # How many are enough is what is measured.
    r"The '\w+' does not have many workers",
    # It is left out here.
    r"You defined a `validation_step` but have no `val_dataloader`",
)
"""Warnings of Lightning's that are not shown, beside those that ``vidmask fit`` does not show."""


def build(words: Sequence[str], folder: Path) -> "MeasuringCLI":
    """Build the parts of a recipe.

    Args:
        words: What would follow ``vidmask fit``.
        folder: An empty folder for what a trainer may write.

    Raises:
        Mistake: For what the user can put right, as in ``vidmask fit``.
    """
    for message in MEASURED_ANYHOW:
        warnings.filterwarnings("ignore", message=message, module="lightning")
    return parts.build(words, folder, MeasuringCLI)


class MeasuringCLI(PartsCLI):
    """The parts of a recipe, and how fast it trains with them on one device."""

    def before_instantiate_classes(self) -> None:
        """Read the configuration; weights do not change the speed, so no checkpoint is looked for."""
        if self.config[self.verb].ckpt_path is not None:
            raise Mistake(
                "bench takes no --ckpt_path: how fast a model trains does not depend on its weights",
                "for the settings of a run give --config RUN/config.yaml",
            )
        super().before_instantiate_classes()

    def measure_step(self, batches: Sequence[ClipBatch], seconds: float) -> StepRate:
        """Measure training where a batch is always ready in the memory of its process.

        What is measured is the loop of ``vidmask fit`` itself: bringing the batch to the device, float and
        augmentations, forward, backward and the optimizer's step.

        Args:
            batches: A few training batches, as a loader gives them.
            seconds: The least time to count for.
        """
        watch = Stopwatch(seconds, LEAST_STEPS)
        data = self.train_on(batches, watch)
        step = median(watch.seconds)
        clips = sum(watch.num_clips) / len(watch.num_clips)
        # A step has as many batches as gradients are accumulated over.
        batches_a_step = self.trainer.accumulate_grad_batches
        augment = median(data.augment_seconds[-len(watch.seconds) * batches_a_step :]) * batches_a_step
        return StepRate(clips / step, 1000 * step, 1000 * augment)

    def train_on(self, batches: Sequence[ClipBatch], watch: Callback) -> "_ReadyBatches":
        """Train on a few batches over and over, until a callback stops it.

        Args:
            batches: As a loader gives them.
            watch: The callback.
        """
        data = _ReadyBatches(self.datamodule, batches)
        self.instantiate_trainer(callbacks=[watch]).fit(self.model, datamodule=data)
        return data

    def measure_training(self, setting: LoaderSetting, seconds: float) -> TrainingRate:
        """Measure training with its loader.

        Args:
            setting: Who decodes.
            seconds: The least time to count for.
        """
        use(self.datamodule, setting)
        # A batch of each worker is under way when the first arrives.
        watch = Stopwatch(seconds, max(LEAST_STEPS, setting.num_workers))
        self.instantiate_trainer(callbacks=[watch]).fit(self.model, datamodule=self.datamodule)
        total = sum(watch.seconds)
        return TrainingRate(setting, sum(watch.num_clips) / total, sum(watch.waits) / total)


class Stopwatch(Callback):
    """Time a training's steps, with all that lies between them, and stop it when that is enough.

    Args:
        seconds: The least time to count for.
        num_warmup_steps: Optimizer steps before that.

    Attributes:
        seconds: Of each step that was counted.
        waits: Seconds of it in which the loop waited for its next batch.
        num_clips: Clips of it.
    """

    def __init__(self, seconds: float, num_warmup_steps: int) -> None:
        self.seconds: list[float] = []
        self.waits: list[float] = []
        self.num_clips: list[int] = []
        self._enough = seconds
        self._to_warm_up = num_warmup_steps
        self._num_batches = 0
        self._clips = 0
        self._before: tuple[float, float] = (0.0, 0.0)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Take the time."""
        self._clips += len(batch.clips)
        self._num_batches += 1
        # Batches whose gradients are accumulated make one step.
        if self._num_batches % trainer.accumulate_grad_batches:
            return
        synchronise(trainer.strategy.root_device)
        now, waited = perf_counter(), cast(DataWait, cast(Any, trainer).profiler).seconds
        if self._to_warm_up > 0:
            self._to_warm_up -= 1
        else:
            self.seconds.append(now - self._before[0])
            self.waits.append(waited - self._before[1])
            self.num_clips.append(self._clips)
        self._before, self._clips = (now, waited), 0
        if len(self.seconds) >= LEAST_STEPS and sum(self.seconds) >= self._enough:
            trainer.should_stop = True


class _ReadyBatches(LightningDataModule):
    """A few batches over and over, brought to the device as the recipe's data module does."""

    def __init__(self, data: VideoDataModule, batches: Sequence[ClipBatch]) -> None:
        super().__init__()
        self.data = data
        self.batches = _Repeated(batches)
        self.augment_seconds: list[float] = []

    def train_dataloader(self) -> DataLoader:
        pin = self.data.pin_memory and torch.accelerator.is_available()
        return DataLoader(self.batches, batch_size=None, shuffle=False, pin_memory=pin)

    def on_after_batch_transfer(self, batch: ClipBatch, dataloader_idx: int) -> ClipBatch:
        self.data.trainer = self.trainer
        synchronise(batch.clips.device)
        start = perf_counter()
        batch = self.data.on_after_batch_transfer(batch, dataloader_idx)
        synchronise(batch.clips.device)
        self.augment_seconds.append(perf_counter() - start)
        return batch


class _Repeated(Dataset):
    def __init__(self, batches: Sequence[ClipBatch]) -> None:
        # What was skipped is counted elsewhere, once.
        self.batches = [batch._replace(skipped=[]) for batch in batches]

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, index: int) -> ClipBatch:
        return self.batches[index % len(self.batches)]
