"""A Trainer that prints and writes nothing of its own."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def quiet_trainer(**settings: Any) -> Trainer:
    """Return a Trainer on the CPU without logger, checkpoints, progress bar and summary, unless given."""
    return Trainer(**{**QUIET, **settings})


def two_rank_trainer(folder: Path) -> Trainer:
    """Return a Trainer of one epoch on two processes of this machine, which only trains."""
    return quiet_trainer(
        max_epochs=1,
        devices=2,
        strategy="ddp_spawn",
        use_distributed_sampler=False,
        limit_val_batches=0,
        default_root_dir=folder,
    )
