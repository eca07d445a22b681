"""Progress on the terminal: a bar, or lines now and then where nobody watches a terminal."""

import math
import time
from typing import Any, cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.profilers import PassThroughProfiler
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vidmask.optim import num_optimizer_steps
from vidmask.tokens import ClipBatch


class DataWait(PassThroughProfiler):
    """Measure the seconds for which the training loop waits for its next batch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._wait_start = 0.0

    def start(self, action_name: str) -> None:
        """Start the clock where Lightning asks the loader for a batch."""
        if action_name.endswith("train_dataloader_next"):
            self._wait_start = time.perf_counter()

    def stop(self, action_name: str) -> None:
        """Add what has passed."""
        if action_name.endswith("train_dataloader_next"):
            self.seconds += time.perf_counter() - self._wait_start


class TrainingProgress(ProgressBar):
    """Show steps, loss, clips per second and the share of time spent waiting for data.

    The last two are logged as ``clips_per_second`` and ``data_wait`` too, each over the steps since they
    were logged before. Waiting is measured unless the trainer was given a profiler of its own.

    Args:
        seconds_between_lines: Pause between two lines where the output is no terminal.
    """

    def __init__(self, seconds_between_lines: float = 20.0) -> None:
        super().__init__()
        self.seconds_between_lines = seconds_between_lines
        self.console = Console()
        self._enabled = True
        self._bar: Progress | None = None
        self._rates: dict[str, float] = {}
        self._num_steps: int | None = None
        self._last_line = -math.inf
        self._start_window()

    def disable(self) -> None:
        """Show nothing, as on all processes but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Show progress again."""
        self._enabled = True

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print above the bar."""
        self.console.print(*args, **kwargs)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Put the clock for data into the trainer."""
        super().setup(trainer, pl_module, stage)
        if type(_profiler(trainer)) is PassThroughProfiler:
            cast(Any, trainer).profiler = DataWait()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock and draw the bar; no epoch begins where a run is resumed in the middle of one."""
        self._start_window()
        self._num_steps = num_optimizer_steps(trainer)
        if self._enabled and self.console.is_terminal:
            bar = Progress(
                BarColumn(),
                TextColumn("{task.fields[steps]}"),
                TextColumn("{task.fields[numbers]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
                refresh_per_second=4,
            )
            step = trainer.global_step
            bar.add_task("", total=self._num_steps, completed=step, steps=self._steps(trainer), numbers="")
            bar.start()
            self._bar = bar

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave out of the window what lies between two epochs, such as validation."""
        self._start_window()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Take up the clock again after a validation in the middle of an epoch."""
        if self._resting_since is not None:
            self._window_start += time.perf_counter() - self._resting_since
            self._resting_since = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Count the batch; log and show the rates when they are due."""
        self._num_clips += len(batch.clips) * trainer.world_size
        every = cast(Any, trainer).log_every_n_steps
        if (every and trainer.global_step % every == 0) or not self._rates:
            self._close_window(trainer)
        pl_module.log_dict(self._rates, on_step=True, on_epoch=False, batch_size=len(batch.clips))
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=trainer.global_step, steps=self._steps(trainer))
            if self._bar.finished or time.monotonic() - self._last_line > 0.5:
                self._bar.update(self._bar.task_ids[0], numbers=self._numbers(trainer))
                self._last_line = time.monotonic()
        elif self._enabled and self._line_is_due(trainer):
            self._last_line = time.monotonic()
            self.console.print(
                f"step {self._steps(trainer)}  epoch {trainer.current_epoch}  {self._numbers(trainer)}",
                soft_wrap=True,
                highlight=False,
            )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._resting_since = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the bar as it stands."""
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the terminal back."""
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _line_is_due(self, trainer: Trainer) -> bool:
        at_end = trainer.global_step == self._num_steps
        return at_end or time.monotonic() - self._last_line >= self.seconds_between_lines

    def _start_window(self) -> None:
        self._num_clips = 0
        self._window_start = time.perf_counter()
        self._wait_before = self._waited()
        self._resting_since: float | None = None

    def _close_window(self, trainer: Trainer) -> None:
        seconds = time.perf_counter() - self._window_start
        self._rates = {"clips_per_second": self._num_clips / seconds}
        waited = self._waited()
        if waited is not None and self._wait_before is not None:
            self._rates["data_wait"] = (waited - self._wait_before) / seconds
        self._start_window()

    def _waited(self) -> float | None:
        profiler = None if self._trainer is None else _profiler(self._trainer)
        return profiler.seconds if isinstance(profiler, DataWait) else None

    def _steps(self, trainer: Trainer) -> str:
        return f"{trainer.global_step}" + ("" if self._num_steps is None else f"/{self._num_steps}")

    def _numbers(self, trainer: Trainer) -> str:
        loss = trainer.callback_metrics.get("train/loss")
        numbers = [] if loss is None else [f"loss {float(loss):.4f}"]
        numbers.append(f"{self._rates['clips_per_second']:.0f} clips/s")
        if "data_wait" in self._rates:
            numbers.append(f"data wait {self._rates['data_wait']:.0%}")
        return "  ".join(numbers)


def _profiler(trainer: Trainer) -> Any:
    return cast(Any, trainer).profiler
