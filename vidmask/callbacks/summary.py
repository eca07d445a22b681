"""The table at the end of a run."""

import time
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table

from vidmask.callbacks.online_probe import OnlineProbe
from vidmask.tokens import ClipBatch


class RunSummary(Callback):
    """Print what a run has come to: losses, probes, time, and where everything lies.

    The loss is that of the validation split, before the first step and after the last (of the training
    batches where there is no such split), beside the losses of trivial predictions. Probes are scored on
    the test split where there is one. Samples that could not be decoded are counted.
    """

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.num_skipped = 0
        self.seconds = 0.0
        self._clock_start = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Keep first losses, counts and time for a resumed run."""
        return {
            "first": self.first,
            "last": self.last,
            "num_skipped": self.num_skipped,
            "seconds": self._total_seconds(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what an earlier part of the run counted."""
        self.first = state_dict["first"]
        self.last = state_dict["last"]
        self.num_skipped = state_dict["num_skipped"]
        self.seconds = state_dict["seconds"]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start the clock before any data is made or read."""
        self._clock_start = time.monotonic()

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the losses of the untrained model, if the whole validation split was run."""
        self.first = _losses(trainer, "val")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the losses so far."""
        if not trainer.sanity_checking:
            self.last = _losses(trainer, "val")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Count samples that could not be decoded; note the training loss where no split validates."""
        if batch.skipped:
            self.num_skipped += len(batch.skipped)
            for logger in trainer.loggers:
                logger.log_metrics({"train/skipped_samples": self.num_skipped}, step=trainer.global_step)
        if not trainer.num_val_batches and trainer.global_step % cast(Any, trainer).log_every_n_steps == 0:
            self.last = _losses(trainer, "train")
            self.first = self.first or self.last

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the table."""
        if not trainer.is_global_zero:
            return
        console = Console(width=None)
        console.print(self._losses_table())
        for callback in trainer.callbacks:  # pyright: ignore[reportAttributeAccessIssue]
            if isinstance(callback, OnlineProbe) and callback.untrained:
                console.print(probe_table(callback))
        for line in self._closing_lines(trainer):
            console.print(line, soft_wrap=True, highlight=False)

    def _losses_table(self) -> Table:
        table = Table(title="Loss", title_justify="left")
        table.add_column()
        table.add_column("first", justify="right")
        table.add_column("last", justify="right")
        for name, value in self.last.items():
            trivial = name.count("/") > 1
            first = "" if trivial or name not in self.first else f"{self.first[name]:.4f}"
            label = f"  trivial answer: {name.split('/')[-1].replace('_', ' ')}" if trivial else name
            table.add_row(label, first, f"{value:.4f}")
        return table

    def _closing_lines(self, trainer: Trainer) -> list[str]:
        folder = Path(trainer.default_root_dir)
        probing = sum(c.seconds for c in trainer.callbacks if isinstance(c, OnlineProbe))  # pyright: ignore[reportAttributeAccessIssue]
        seconds = self._total_seconds()
        share = f", of which probes {probing:.0f} s ({probing / seconds:.0%})" if probing else ""
        return [
            f"{trainer.global_step} steps in {seconds:.0f} s{share}",
            f"{self.num_skipped} samples skipped because their video could not be decoded",
            f"Everything of this run is in {folder}",
            f"Curves and pictures: tensorboard --logdir {folder.parent}",
        ]

    def _total_seconds(self) -> float:
        return self.seconds + time.monotonic() - self._clock_start


def probe_table(probe: OnlineProbe) -> Table:
    """Return the table of probe scores: chance, untrained and trained encoder."""
    on_test = bool(probe.trained_test)
    untrained, trained = (
        (probe.untrained_test, probe.trained_test) if on_test else (probe.untrained, probe.latest)
    )
    table = Table(
        title=f"Probes of the frozen encoder, {'test' if on_test else 'validation'} split",
        title_justify="left",
    )
    table.add_column("label")
    table.add_column("probe")
    for column in ("chance", "untrained", "trained"):
        table.add_column(column, justify="right")
    for name, score in trained.items():
        if name == "rankme":
            table.add_row("", "RankMe (dimensions in use)", "", f"{untrained[name]:.1f}", f"{score:.1f}")
        else:
            label, kind = name.split("/")
            method, pooling = kind.split("_", 1)
            method = {"linear": "linear", "knn": "nearest neighbours"}[method]
            table.add_row(
                label,
                f"{method}, {pooling.replace('_', '+')} pooled",
                f"{probe.chance[label]:.1%}",
                f"{untrained[name]:.1%}",
                f"{score:.1%}",
            )
    return table


def _losses(trainer: Trainer, stage: str) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith(f"{stage}/") and not name.endswith("_step")
    }
