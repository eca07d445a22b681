"""The table at the end of a run."""

import time
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table

from vidmask.callbacks.fixed_clips import callbacks_of
from vidmask.callbacks.online_probe import OnlineProbe
from vidmask.callbacks.skipped import SkippedSamples
from vidmask.tokens import ClipBatch


class RunSummary(Callback):
    """Print what a run has come to: losses, probes, time, and where everything lies.

    The loss is that of the validation split, before the first step (where the sanity check runs all of it:
    ``trainer.num_sanity_val_steps: -1``) and when it was last taken, beside the losses of trivial
    predictions; of the training batches where nothing was validated. Probes are scored on the test split
    where there is one. Samples that could not be decoded are counted.
    """

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.last_step = 0
        self.seconds = 0.0
        # From here on, so that making the data counts.
        self._clock_start = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Keep losses and time for a resumed run."""
        return {
            "first": self.first,
            "last": self.last,
            "last_step": self.last_step,
            "seconds": self._total_seconds(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what an earlier part of the run noted."""
        self.first = state_dict["first"]
        self.last = state_dict["last"]
        self.last_step = state_dict["last_step"]
        self.seconds = state_dict["seconds"]

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the losses of the untrained model, if the whole validation split was run."""
        if trainer.num_sanity_val_batches == trainer.num_val_batches:
            self.first = _losses(trainer, "val")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the losses so far."""
        if not trainer.sanity_checking:
            self.last, self.last_step = _losses(trainer, "val"), trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Note the training loss as long as nothing was validated."""
        validated = any(name.startswith("val/") for name in self.last)
        if not validated and trainer.global_step % cast(Any, trainer).log_every_n_steps == 0:
            self.last, self.last_step = _losses(trainer, "train"), trainer.global_step
            if not self.first:
                self.first = self.last

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the table."""
        if not trainer.is_global_zero:
            return
        console = Console()
        if self.last:
            console.print(self._losses_table())
        for probe in callbacks_of(trainer, OnlineProbe):
            if probe.latest or probe.trained_test:
                console.print(probe_table(probe))
        for line in self._closing_lines(trainer):
            console.print(line, soft_wrap=True, highlight=False)

    def _losses_table(self) -> Table:
        table = Table(title="Losses and accuracies", title_justify="left")
        table.add_column()
        table.add_column("first", justify="right")
        table.add_column(f"step {self.last_step}", justify="right")
        # Each measure, then the trivial answers to it.
        measures = list(dict.fromkeys(map(_measure, self.last)))
        for name in sorted(self.last, key=lambda name: measures.index(_measure(name))):
            value, trivial = self.last[name], name != _measure(name)
            first = "" if trivial or name not in self.first else f"{self.first[name]:.4f}"
            label = f"  trivial answer: {name.split('/')[-1].replace('_', ' ')}" if trivial else name
            table.add_row(label, first, f"{value:.4f}")
        return table

    def _closing_lines(self, trainer: Trainer) -> list[str]:
        folder = Path(trainer.default_root_dir)
        probing = sum(probe.seconds for probe in callbacks_of(trainer, OnlineProbe))
        num_skipped = sum(skipped.num_skipped for skipped in callbacks_of(trainer, SkippedSamples))
        seconds = self._total_seconds()
        share = f", of which probes {probing:.0f} s ({probing / seconds:.0%})" if probing else ""
        where = f": see {folder / 'skipped.csv'}" if num_skipped else ""
        return [
            f"{trainer.global_step} steps in {seconds:.0f} s{share}",
            f"{num_skipped} samples skipped because their video could not be decoded{where}",
            f"Everything of this run is in {folder}",
            f"Curves and pictures: tensorboard --logdir {folder.parent}",
        ]

    def _total_seconds(self) -> float:
        return self.seconds + time.monotonic() - self._clock_start


def probe_table(probe: OnlineProbe) -> Table:
    """Return the table of probe scores: chance, untrained and trained encoder, and no encoder at all."""
    if probe.trained_test:
        split, trained, untrained = "test", probe.trained_test, probe.untrained_test
        without_encoder = probe.without_encoder_test
    else:
        split, trained, untrained = "validation", probe.latest, probe.untrained
        without_encoder = probe.without_encoder
    table = Table(title=f"Probes of the frozen encoder, {split} split", title_justify="left")
    table.add_column("label")
    table.add_column("probe")
    for column in ("chance", "untrained", "trained"):
        table.add_column(column, justify="right")
    for label, chance in probe.chance.items():
        for name, score in trained.items():
            if name.startswith(f"{label}/"):
                method, pooling = name.removeprefix(f"{label}/").split("_", 1)
                row = f"{METHODS[method]}, {pooling.replace('_', '+')} pooled"
                before = f"{untrained[name]:.1%}" if name in untrained else ""
                table.add_row(label, row, f"{chance:.1%}", before, f"{score:.1%}")
        if label in without_encoder:
            row = f"no encoder: {METHODS['knn']}, frame differences"
            table.add_row(label, row, f"{chance:.1%}", f"{without_encoder[label]:.1%}", "")
    before = f"{untrained['rankme']:.1f}" if untrained else ""
    table.add_row("", "RankMe (dimensions in use)", "", before, f"{trained['rankme']:.1f}")
    return table


def _measure(name: str) -> str:
    """Return what a number is about: of ``val/motion/no_motion`` it is ``val/motion``."""
    return "/".join(name.split("/")[:2])


METHODS = {"linear": "linear", "knn": "neighbours"}


def _losses(trainer: Trainer, stage: str) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith(f"{stage}/") and not name.endswith("_step")
    }
