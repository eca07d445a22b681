"""Where numbers are logged: one JSON line each in the run's folder, and TensorBoard's events beside it."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from vidmask.runs import METRICS


class MetricsJsonl(Logger):
    """Append one JSON object for each call to ``metrics.jsonl``: step, epoch, seconds, and the metrics.

    ``step`` is the number of optimizer steps that were complete when the line was written, for every line of
    a training run alike (see ``steps_done``). ``seconds`` is
    the run's wall-clock time, without the pause before it was resumed. A metric that is not finite is written
    as null, for which JSON has no number.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = Path(folder) / METRICS
        self._epoch: int | None = None
        self._trainer: Trainer | None = None
        self._clock_start = time.monotonic()

    @property
    def name(self) -> str:
        """Return the logger's name."""
        return "metrics"

    @property
    def version(self) -> str:
        """Return an empty string: the folder is the run's already."""
        return ""

    @property
    def save_dir(self) -> str:
        """Return the run's folder."""
        return str(self.path.parent)

    def follow(self, trainer: Trainer) -> None:
        """Take the number of steps from a trainer while it trains."""
        self._trainer = trainer

    def go_on(self, seconds_before: float) -> None:
        """Count from the seconds that the run took before it was resumed."""
        self._clock_start = time.monotonic() - seconds_before

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: ``config.yaml`` stands beside the file."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a line; it is in the file when this returns."""
        metrics = dict(metrics)
        step = steps_done(self._trainer, step)
        self._epoch = int(metrics.pop("epoch", -1 if self._epoch is None else self._epoch))
        line = {
            "step": step,
            "epoch": None if self._epoch < 0 else self._epoch,
            "seconds": round(time.monotonic() - self._clock_start, 3),
            **{name: _finite(value) for name, value in metrics.items()},
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class RunTensorBoard(TensorBoardLogger):
    """TensorBoard's events, straight in the run's folder and nothing else.

    The step of a point is the number of optimizer steps that were complete, as in ``metrics.jsonl``.

    Args:
        folder: The run's folder.
        num_steps: Steps that the run had done when it was resumed: what was logged later is hidden.
    """

    def __init__(self, folder: Path, num_steps: int | None = None) -> None:
        purge_step = None if num_steps is None else num_steps + 1
        super().__init__(str(folder), name="", version="", default_hp_metric=False, purge_step=purge_step)
        self._trainer: Trainer | None = None

    def follow(self, trainer: Trainer) -> None:
        """Take the number of steps from a trainer while it trains."""
        self._trainer = trainer

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add one point for each metric."""
        super().log_metrics(dict(metrics), steps_done(self._trainer, step))

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: ``config.yaml`` stands beside the events."""

    @rank_zero_only
    def save(self) -> None:
        """Flush the events."""
        self.experiment.flush()


def steps_done(trainer: Trainer | None, step: int | None) -> int | None:
    """Return the number of complete optimizer steps of a trainer that trains, and else the step as given.

    Lightning's own number is lower by one for some metrics and not for others, so that no point in it
    separates what was logged before a checkpoint from what was logged after it.
    """
    return trainer.global_step if trainer is not None and trainer.state.fn == "fit" else step


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
