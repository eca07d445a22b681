"""What a step of a recipe costs, measured: clips, multiply-adds and seconds. No video is read."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.flop_counter import FlopCounterMode

from vidmask.cli.measuring import MeasuringCLI
from vidmask.sweeps.budget import Cost
from vidmask.sweeps.planning import devices_of
from vidmask.tokens import ClipBatch

COUNTED_CLIPS = 2
"""Clips of the batch whose multiply-adds are counted: they grow with the batch, and a clip is the unit."""

MEASURED_SECONDS = 1.0


def cost_of(cli: MeasuringCLI) -> Cost:
    """Measure what a step of a recipe costs on this machine, on made-up clips that are always ready.

    Multiply-adds are half of the operations that ``torch.utils.flop_counter`` counts: matrix products,
    convolutions and attention, forward and backward, with what targets and a tokenizer need. Seconds are the
    median of some steps of the loop of ``vidmask fit`` on one device.

    Args:
        cli: The parts of the recipe.
    """
    data, trainer = cli.datamodule, cli.trainer
    cli.model.trainer = trainer
    cli.model.prepare_data()
    settings = cli.filing.config["trainer"]
    devices = devices_of(settings.get("devices")) * (settings.get("num_nodes") or 1)
    batches = trainer.accumulate_grad_batches * devices
    clips = data.batch_size * batches
    few = max(COUNTED_CLIPS, data.repeats)
    return Cost(
        clips_per_step=clips,
        macs_per_step=_macs(cli, made_up(cli, few)) / few * clips,
        seconds_per_step=clips / devices / _rate(cli, made_up(cli, data.batch_size)),
        devices=devices,
    )


def made_up(cli: MeasuringCLI, clips: int) -> ClipBatch:
    """Return a batch of noise, with the labels that the model asks for.

    Args:
        cli: The parts of the recipe.
        clips: How many.
    """
    data = cli.datamodule
    chance = torch.Generator().manual_seed(0)
    shape = (clips, 3, data.frames, data.size, data.size)
    zeros = torch.zeros(clips, dtype=torch.int64)
    return ClipBatch(
        clips=torch.randint(256, shape, dtype=torch.uint8, generator=chance),
        labels={name: zeros.clone() for name in getattr(cli.model, "classes", ())},
        video_index=torch.arange(clips),
        start_seconds=torch.zeros(clips),
        view=zeros.clone(),
        seeds=list(range(clips)),
        paths=["made up"] * clips,
        skipped=[],
        boxes=torch.tensor([[0, 0, data.size, data.size]] * clips),
    )


class _Counter(Callback):
    """Count the operations of a training step, and stop the training after it."""

    def __init__(self) -> None:
        self.macs = 0.0
        self._counter: FlopCounterMode | None = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Begin to count."""
        self._counter = FlopCounterMode(display=False)
        self._counter.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Take the count: a product and a sum are two operations."""
        assert self._counter is not None
        self._counter.__exit__(None, None, None)
        self.macs = self._counter.get_total_flops() / 2
        trainer.should_stop = True


def _macs(cli: MeasuringCLI, batch: ClipBatch) -> float:
    counter = _Counter()
    cli.train_on([batch], counter)
    return counter.macs


def _rate(cli: MeasuringCLI, batch: ClipBatch) -> float:
    """Return clips a second of one device."""
    return cli.measure_step([batch], MEASURED_SECONDS).clips_per_second
