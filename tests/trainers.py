"""A Trainer that prints and writes nothing of its own."""

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
