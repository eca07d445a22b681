"""Which curves TensorBoard draws in one chart."""

from collections.abc import Iterable

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from vidmask.callbacks.fixed_clips import callbacks_of
from vidmask.callbacks.online_probe import OnlineProbe
from vidmask.pretraining import MaskedPretraining

Layout = dict[str, dict[str, list]]


class ChartLayout(Callback):
    """Put each number beside what it is to be judged by, under Custom Scalars in TensorBoard.

    The losses of each head beside those of trivial answers, and the probes of each label beside chance and
    what needs no encoder.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the layout."""
        heads = pl_module.objective.heads if isinstance(pl_module, MaskedPretraining) else {}
        curves = [
            curve
            for name, head in heads.items()
            for curve in (name, *(f"{name}_{measure}" for measure in head.target.measured))
        ]
        labels = dict.fromkeys(
            label for probe in callbacks_of(trainer, OnlineProbe) for label in probe.chance
        )
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_custom_scalars(layout(curves, labels))


def layout(curves: Iterable[str], labels: Iterable[str]) -> Layout:
    """Return the charts: by title, the patterns of the curves in each.

    Args:
        curves: What is logged in training and validation, such as the loss of a head by the head's name.
        labels: Labels of the probes.
    """
    losses = {
        f"{curve.replace('_', ' ')} beside trivial answers": [
            "Multiline",
            [f"^(train|val)/{curve}$", f"^val/{curve}/[^/]+$"],
        ]
        for curve in curves
    }
    probes = {
        f"{label} beside chance and no encoder": [
            "Multiline",
            [f"^probe/{label}/[^/]+$", f"^probe/(chance|without_encoder)/{label}$"],
        ]
        for label in labels
    }
    return {"Loss": losses, "Probes on the validation split": probes}
