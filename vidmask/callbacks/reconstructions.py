"""Pictures of what a masked autoencoder puts in the place of what it did not see."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

from vidmask.callbacks.fixed_clips import checked_interval, evaluating, fixed_clips, is_due, pretraining_of
from vidmask.data.sources import Split
from vidmask.objectives.base import Head
from vidmask.plotting import (
    cover,
    gif_bytes,
    hidden_pixels,
    moving_panel,
    reconstruction_rows,
    still_panel,
    write_png,
)
from vidmask.targets.pixels import PixelTarget
from vidmask.tokens import ClipBatch, TokenMask, Tubelet, patchify, unpatchify


class ReconstructionLogger(Callback):
    """Draw input, masked input and reconstruction of a few fixed clips, with fixed masks.

    As PNG and GIF under ``reconstructions/`` in the run folder, and as image and moving image in
    TensorBoard: before the first step, every ``every_n_epochs`` and at the end. A target that is
    normalised says nothing of a patch's mean and variance; the true ones are then added back, and the
    caption says so, since they alone make a picture that looks good.

    Args:
        every_n_epochs: Epochs between two pictures.
        num_clips: Clips on each picture; at most an evaluation batch.
        split: Split that they come from, drawn once from its videos. Without that split nothing is drawn.
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
        if batches is None:
            return
        module = pretraining_of(pl_module)
        with evaluating(module):
            batch = next(batches)
            mask = module.mask(batch)
            predictions = module.objective.predict(batch, mask)
        for name, head in module.objective.heads.items():
            if isinstance(head.target, PixelTarget):
                rows = pixel_rows(head, head.target, predictions[name], batch, mask)
                self._write(trainer, name, still_panel(rows), moving_panel(rows))

    def _write(
        self,
        trainer: Trainer,
        name: str,
        still: UInt8[np.ndarray, "height width 3"],
        moving: UInt8[np.ndarray, "t rows columns 3"],
    ) -> None:
        folder = Path(trainer.default_root_dir) / "reconstructions"
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{name}_step_{trainer.global_step:07d}"
        gif = gif_bytes(moving, self.fps)
        write_png(folder / f"{stem}.png", still)
        (folder / f"{stem}.gif").write_bytes(gif)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                writer = logger.experiment
                writer.add_image(name, still, trainer.global_step, dataformats="HWC")
                # TensorBoard's own add_video needs moviepy; what it writes is a GIF in an image summary.
                height, width = moving.shape[1:3]
                picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif)
                summary = Summary(value=[Summary.Value(tag=f"{name}/moving", image=picture)])
                writer.file_writer.add_summary(summary, trainer.global_step)


def pixel_rows(
    head: Head, target: PixelTarget, prediction: torch.Tensor, batch: ClipBatch, mask: TokenMask
) -> dict[str, torch.Tensor]:
    """Return the rows of the picture, by caption: clips ``[b 3 s h w]`` in [0, 1] of the predicted frames."""
    clips = target.select_frames(batch.clips, head.tubelet)
    shown = Tubelet(target.num_frames(head.tubelet), head.tubelet.rows, head.tubelet.columns)
    answers = target.to_pixels(prediction, batch, mask.masked, head.tubelet)
    tokens = patchify(clips, shown)
    tokens = tokens.scatter(1, mask.masked.unsqueeze(-1).expand_as(answers), answers.to(tokens))
    reconstructions = unpatchify(tokens, head.grid, shown).clamp(0, 1)
    hidden = hidden_pixels(mask, head.grid, shown)
    not_predicted = hidden & hidden_pixels(TokenMask(mask.masked, mask.visible), head.grid, shown)
    reconstructions = cover(reconstructions, not_predicted)
    return reconstruction_rows(clips, reconstructions, hidden, f"reconstruction ({target.added_back})")
