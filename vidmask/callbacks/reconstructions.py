"""Pictures of what a model puts in the place of what it did not see."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

from vidmask.callbacks.fixed_clips import checked_interval, evaluating, fixed_clips, is_due
from vidmask.data.sources import Split
from vidmask.pictures import pictures
from vidmask.plotting import gif_bytes, moving_panel, still_panel, write_png


class ReconstructionLogger(Callback):
    """Draw input, masked input and each head's answer for a few fixed clips, with fixed masks.

    Of a tokenizer in training: frames, and what is decoded from their codes. Single frames have no GIF.

    As PNG and GIF under ``reconstructions/`` in the run folder, and as image and moving image in
    TensorBoard: before the first step, every ``every_n_epochs`` and at the end. A target that is
    normalised says nothing of a patch's mean and variance; the true ones are then added back, and the
    caption says so, since they alone make a picture that looks good.

    Args:
        every_n_epochs: Epochs between two pictures.
        num_clips: Clips on each picture; at most an evaluation batch.
        split: Split that they come from, drawn once from its videos. Nothing is drawn without that split, or
            where none of these videos can be decoded and all are skipped.
        fps: Frames per second of the moving picture.
    """

    def __init__(
        self, every_n_epochs: int = 10, num_clips: int = 4, split: Split = "val", fps: float = 6.0
    ) -> None:
        self.every_n_epochs = checked_interval(every_n_epochs)
        self.num_clips = num_clips
        self.split: Split = split
        self.fps = fps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what the untrained model answers."""
        if trainer.global_step == 0:
            self._draw(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw every so many epochs."""
        if is_due(trainer, self.every_n_epochs):
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what the trained model answers."""
        self._draw(trainer, pl_module)

    @torch.no_grad()
    def _draw(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        batches = fixed_clips(trainer, pl_module, self.split, self.num_clips)
        batch = None if batches is None else next(batches, None)
        if batch is None:
            return
        with evaluating(pl_module):
            drawn = pictures(pl_module, batch)
        for name, rows in drawn.items():
            if rows:
                moves = all(clips.shape[2] > 1 for clips in rows.values())
                self._write(trainer, name, still_panel(rows), moving_panel(rows) if moves else None)

    def _write(
        self,
        trainer: Trainer,
        name: str,
        still: UInt8[np.ndarray, "height width 3"],
        moving: UInt8[np.ndarray, "t rows columns 3"] | None,
    ) -> None:
        folder = Path(trainer.default_root_dir) / "reconstructions"
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{name}_step_{trainer.global_step:07d}"
        write_png(folder / f"{stem}.png", still)
        writers = [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        for writer in writers:
            writer.add_image(name, still, trainer.global_step, dataformats="HWC")
        if moving is None:
            return
        gif = gif_bytes(moving, self.fps)
        (folder / f"{stem}.gif").write_bytes(gif)
        for writer in writers:
            # TensorBoard's own add_video needs moviepy; what it writes is a GIF in an image summary.
            height, width = moving.shape[1:3]
            picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif)
            summary = Summary(value=[Summary.Value(tag=f"{name}/moving", image=picture)])
            writer.file_writer.add_summary(summary, trainer.global_step)
