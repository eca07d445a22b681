"""A recipe built as ``vidmask fit`` builds it, to be looked at and not to be run: nothing is filed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning.pytorch import Trainer

from vidmask.cli.training import TrainingCLI, run
from vidmask.progress import DataWait

ENDLESS = 10**9
"""Steps of a training that is stopped from outside: so early in its schedule it changes no weight by much."""

NOT_RUN = {
    **{"logger": False, "enable_checkpointing": False, "enable_progress_bar": False},
    **{"enable_model_summary": False, "num_sanity_val_steps": 0, "limit_val_batches": 0},
    **{"fast_dev_run": False, "max_steps": ENDLESS, "max_epochs": -1, "max_time": None},
    **{"min_steps": None, "min_epochs": None},
    **{"devices": 1, "num_nodes": 1, "strategy": "auto"},
}
"""What is not taken from the recipe's trainer."""

Built = TypeVar("Built", bound="PartsCLI")


class PartsCLI(TrainingCLI):
    """The command line of ``vidmask fit`` up to where training would begin."""

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build a trainer with the recipe's precision and device that prints and writes nothing."""
        self._check_geometry()
        settings = self._get(self.config_init, "trainer")
        assert settings is not None
        given = {"default_root_dir": str(self.filing.root), "callbacks": None, "profiler": DataWait()}
        return Trainer(**{**settings, **NOT_RUN, **given, **kwargs})

    def after_instantiate_classes(self) -> None:
        """Leave everything as it is."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Train nothing."""

    def prepare(self) -> None:
        """Make or check what the recipe reads: its videos, and what its targets need."""
        self.datamodule.prepare_data()
        self.model.trainer = self.trainer
        self.model.prepare_data()

    @property
    def device(self) -> torch.device:
        """Return where the recipe trains."""
        return self.trainer.strategy.root_device


def build(words: Sequence[str], folder: Path, cli: type[Built]) -> Built:
    """Build the parts of a recipe.

    Args:
        words: What would follow ``vidmask fit``.
        folder: An empty folder for what a trainer may write.
        cli: What builds them.

    Raises:
        Mistake: For what the user can put right, as in ``vidmask fit``.
    """
    built = run(["fit", *words, "--run.root", str(folder)], cli)
    assert isinstance(built, cli)
    return built
