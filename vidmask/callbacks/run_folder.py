"""What the command line adds to every run: its checkpoints, and its place as the latest."""

from pathlib import Path
from typing import Any, Literal, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging

from vidmask import runs
from vidmask.callbacks.fixed_clips import callbacks_of


class RunCheckpoints(ModelCheckpoint):
    """Save the state of a run every so many steps and at its end, in ``checkpoints/``.

    ``last.ckpt`` is a link to the newest. ``--ckpt_path last`` goes on from there, with the losses of a run
    that was never stopped, whether the run was broken off, was stopped in mid-epoch or came to its end.

    A save that is due at the last batch of an epoch waits for the epoch's end, so that validation and probes
    are part of what is saved: Lightning (2.6) resumes from before them without them, and counts its epochs
    wrongly from then on. For the same reason a save that is due before a validation in mid-epoch waits for
    the next batch.

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
        self._due = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start an epoch as any run does, where the checkpoint was saved between two."""
        super().on_train_start(trainer, pl_module)
        loop = trainer.fit_loop
        if loop.epoch_progress.current.completed == loop.epoch_progress.current.ready:
            # With max_steps Lightning takes every resumed run for one that stands inside an epoch.
            loop.epoch_loop.restarting = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save what is due, and the last state of a run that ends in mid-epoch."""
        every = self._every_n_train_steps
        self._due |= every > 0 and trainer.global_step % every == 0
        due = self._due and not self._waits_for_metric(trainer)
        if not _at_end_of_epoch(trainer) and (_stops(trainer) or (due and not _validates_next(trainer))):
            self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save nothing: the state between a validation and the next batch is none to go on from."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save what was due at the epoch's last batch, and the state after the last epoch."""
        due = self._due and not self._waits_for_metric(trainer)
        if due or _stops(trainer) or trainer.current_epoch + 1 == trainer.max_epochs:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the last state once more, now with what other callbacks have measured at the end.

        Not where an average of the weights was trained beside them: it has taken their place in the model by
        now, and a run that went on would go on from it.
        """
        if self._last_checkpoint_saved and self._last_global_step_saved == trainer.global_step:
            if not callbacks_of(trainer, WeightAveraging):
                trainer.save_checkpoint(self._last_checkpoint_saved)
        else:
            # It was not to be foreseen that it would be the last.
            self._save(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the loops' progress so that Lightning goes on where the run stands.

        At an epoch's end Lightning's own state has the epoch done and its batches not yet counted from zero,
        so that a run with ``max_steps`` trains one batch of the next epoch and drops the rest. Where an epoch
        was left early, the state has it done although batches are left.
        """
        progress = checkpoint["loops"]["fit_loop"]
        epochs, batches = progress["epoch_progress"], progress["epoch_loop.batch_progress"]
        if not 0 < epochs["current"]["ready"] == epochs["current"]["processed"]:
            return
        if _at_end_of_epoch(trainer):
            for counts in (epochs["total"], epochs["current"]):
                counts["completed"] = counts["processed"]
            batches["current"] = dict.fromkeys(batches["current"], 0)
            batches["is_last_batch"] = False
            # The loader's place in the epoch that is over.
            progress["state_dict"].pop("combined_loader", None)
        else:
            # As it was at the end of the last batch, before the epoch was declared done.
            for counts in (epochs["total"], epochs["current"]):
                counts["processed"] = counts["completed"] = counts["ready"] - 1
            for counts in (batches["total"], batches["current"]):
                counts["completed"] = counts["processed"] - 1
            if not trainer.fit_loop._should_accumulate():
                progress["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1

    def _save(self, trainer: Trainer) -> None:
        if not self._should_skip_saving_checkpoint(trainer):
            metrics = self._monitor_candidates(trainer)
            self._save_topk_checkpoint(trainer, metrics)
            self._save_last_checkpoint(trainer, metrics)
        self._due = False

    def _waits_for_metric(self, trainer: Trainer) -> bool:
        return self.monitor is not None and self.monitor not in trainer.callback_metrics


def _at_end_of_epoch(trainer: Trainer) -> bool:
    batches = trainer.fit_loop.epoch_loop.batch_progress
    return batches.is_last_batch or batches.current.ready == trainer.num_training_batches


def _stops(trainer: Trainer) -> bool:
    early = trainer.should_stop and trainer.fit_loop._can_stop_early
    return early or 0 <= trainer.max_steps <= trainer.global_step


def _validates_next(trainer: Trainer) -> bool:
    loop = trainer.fit_loop
    assert loop._data_fetcher is not None
    return loop.epoch_loop._should_check_val_fx(loop._data_fetcher)


class LatestRun(Callback):
    """Let all processes agree on the run's folder, and make it the latest once a first batch was trained on.

    A run that is refused, or fails before that, does not take the place of one that could be resumed.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the first process's folder."""
        cast(Any, trainer)._default_root_dir = trainer.strategy.broadcast(trainer.default_root_dir)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Be ready to move the link."""
        self._moved = not trainer.is_global_zero or bool(cast(Any, trainer).fast_dev_run)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the link, once."""
        if not self._moved:
            runs.point_latest(Path(trainer.default_root_dir))
            self._moved = True

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say how to go on after Ctrl-C."""
        if not (isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero):
            return
        folder = Path(trainer.default_root_dir)
        try:
            checkpoint = runs.newest_checkpoint(folder)
        except FileNotFoundError:
            print(f"stopped after step {trainer.global_step}, before the first checkpoint of {folder}")
        else:
            print(
                f"stopped after step {trainer.global_step}; the same command with --ckpt_path last "
                f"goes on from {checkpoint.resolve()}"
            )
