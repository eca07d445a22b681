"""What the command line adds to every run: its checkpoints, and its place as the latest."""

from pathlib import Path
from typing import Any, Literal, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from vidmask import runs


class RunCheckpoints(ModelCheckpoint):
    """Save the state of a run every so many steps and at its end, in ``checkpoints/``.

    ``last.ckpt`` is a link to the newest. ``--ckpt_path last`` goes on from there.

    Args:
        every_n_train_steps: Steps from one checkpoint to the next.
        save_top_k: How many are kept: 1 the newest, -1 all; with ``monitor``, the best so many.
        monitor: Metric that decides which are the best.
        mode: Whether the metric is better when small or when large.
    """

    def __init__(
        self,
        every_n_train_steps: int = 500,
        save_top_k: int = 1,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        super().__init__(
            filename="step_{step:07d}",
            auto_insert_metric_name=False,
            monitor=monitor,
            mode=mode,
            save_top_k=save_top_k,
            save_last="link",
            every_n_train_steps=every_n_train_steps,
            # A run that was resumed from an earlier checkpoint writes the later ones anew, under their names.
            enable_version_counter=False,
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the last state, where the number of steps is no multiple of the interval."""
        if not self._should_skip_saving_checkpoint(trainer):
            metrics = self._monitor_candidates(trainer)
            self._save_topk_checkpoint(trainer, metrics)
            self._save_last_checkpoint(trainer, metrics)


class LatestRun(Callback):
    """Let all processes agree on the run's folder, and make it the latest once its data is there."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the first process's folder."""
        cast(Any, trainer)._default_root_dir = trainer.strategy.broadcast(trainer.default_root_dir)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move the link."""
        if trainer.is_global_zero and not cast(Any, trainer).fast_dev_run:
            runs.point_latest(Path(trainer.default_root_dir))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say how to go on after Ctrl-C."""
        if isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero:
            print(
                f"stopped after step {trainer.global_step}; the same command with --ckpt_path last "
                f"goes on from the newest checkpoint in {trainer.default_root_dir}"
            )
