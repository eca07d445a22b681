"""What a classifier's checkpoint tells of its training, and with which parts it was trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidmask.classification.mixing import Mixing
from vidmask.classification.questions import Question
from vidmask.models.pooling import Pooling


@dataclass
class TrainingRecord:
    """What a model card tells of a training; None is what is not known, or not yet.

    Attributes:
        encoder_sha256: Hash of the file that the encoder was taken from; None from scratch.
        peak_lr: Peak learning rate of the heads.
        clips_per_step: Clips behind an optimizer step.
        steps: Optimizer steps that were done.
        epochs: Epochs that were done, each of as many clips as there are videos.
        encoder_file: The file that the encoder was taken from; None where it is not known.
    """

    encoder_sha256: str | None = None
    peak_lr: float | None = None
    clips_per_step: int | None = None
    steps: int | None = None
    epochs: int | None = None
    encoder_file: str | None = None

    def for_checkpoint(self, parts: Mapping[str, str]) -> dict[str, Any]:
        """Return what a checkpoint keeps, which tells steps and epochs by itself.

        Args:
            parts: What was trained; see ``described``.
        """
        return {
            "encoder_sha256": self.encoder_sha256,
            "encoder_file": self.encoder_file,
            "peak_lr": self.peak_lr,
            "clips_per_step": self.clips_per_step,
            "parts": dict(parts),
        }

    @classmethod
    def of_checkpoint(cls, checkpoint: Mapping[str, Any]) -> "TrainingRecord":
        """Return what a checkpoint tells.

        Raises:
            ValueError: If it is none of a classifier.
        """
        if "training" not in checkpoint:
            raise ValueError(
                "the checkpoint is none of a VideoClassification: an encoder that was pre-trained goes in as "
                "encoder_checkpoint"
            )
        kept = checkpoint["training"]
        return cls(
            kept["encoder_sha256"],
            kept["peak_lr"],
            kept["clips_per_step"],
            checkpoint["global_step"],
            _epochs_done(checkpoint),
            # Not in checkpoints of earlier versions.
            kept.get("encoder_file"),
        )


def _epochs_done(checkpoint: Mapping[str, Any]) -> int:
    """Return the epochs before a checkpoint: where it was saved at an epoch's end, that epoch too."""
    loops = checkpoint.get("loops", {}).get("fit_loop")
    # Lightning's own number is raised after such a save.
    return checkpoint["epoch"] if loops is None else loops["epoch_progress"]["total"]["completed"]


def described(pooling: Pooling, question: Question, mixing: Mixing | None) -> dict[str, str]:
    """Return in words the parts that no weight's shape would show."""
    settings = ", ".join(f"{name}={value}" for name, value in vars(question).items())
    return {
        "pooling": f"{type(pooling).__name__}, norm {pooling.norm}",
        "question": f"{type(question).__name__}({settings})",
        "mixing": repr(mixing),
    }


def check_parts(checkpoint: Mapping[str, Any], parts: Mapping[str, str], *, resuming: bool) -> None:
    """Compare parts with those of a checkpoint: those that were built in Python are given anew.

    Args:
        checkpoint: The checkpoint.
        parts: The parts that are there now.
        resuming: Whether they are trained on. Only then it matters how clips were mixed.

    Raises:
        ValueError: If they are others than those that were trained.
    """
    for name, now in parts.items():
        before = checkpoint["training"]["parts"][name]
        if before != now and (resuming or name != "mixing"):
            raise ValueError(f"{name} is {now}, and the checkpoint was made with {before}: give that one")
