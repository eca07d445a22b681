"""Self-supervised training of an encoder under Lightning."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from vidmask.checkpoints import encoder_record, save_encoder
from vidmask.masking import MaskGenerator
from vidmask.models.vit import Latents, VideoViT
from vidmask.objectives.base import Objective
from vidmask.optim import BatchUnderWay, no_loss, parameter_groups, schedule
from vidmask.randomness import generator, seed_step
from vidmask.tokens import ClipBatch, TokenMask

PARTS = ("encoder", "objective", "masking")


class MaskedPretraining(LightningModule):
    """Minimise an objective over masked clips with AdamW.

    A checkpoint of a run that was started from a recipe can be loaded by its path alone. One of a module
    that was built from Python holds no recipe of its parts: give them again, as in
    ``MaskedPretraining.load_from_checkpoint(path, encoder=…, objective=…, masking=…)``.

    Args:
        encoder: The encoder; it fixes the geometry of clips, masks and targets.
        objective: Makes the objective from the encoder.
        masking: Chooses visible and masked tokens.
        lr: Peak learning rate.
        betas: AdamW's; 0.9 and 0.95 in both papers.
        weight_decay: AdamW's; 0.05 in both papers.
        warmup: Share of the steps over which the learning rate rises from 0. MAE-ST: 120 of 800 epochs;
            VideoMAE: 40 of 800.
        min_lr: Learning rate at the end.
        no_decay: Endings of parameter names without weight decay, beside biases and norms.

    Raises:
        ValueError: If a number lies outside its range.
    """

    def __init__(
        self,
        encoder: VideoViT,
        objective: Callable[[VideoViT], Objective],
        masking: MaskGenerator,
        lr: float = 1.6e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.05,
        warmup: float = 0.15,
        min_lr: float = 0.0,
        no_decay: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        if not lr > 0:
            raise ValueError(f"lr must be above 0, got {lr}")
        if not 0 <= warmup < 1:
            raise ValueError(f"warmup is a share of the run's steps, from 0 to below 1, got {warmup}")
        if weight_decay < 0:
            raise ValueError(f"weight_decay must be 0 or more, got {weight_decay}")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must lie between 0 and 1, got {betas}")
        if not 0 <= min_lr <= lr:
            raise ValueError(f"min_lr must lie between 0 and lr={lr}, got {min_lr}")
        self.save_hyperparameters(ignore=PARTS)
        if "_instantiator" in self.hparams:
            # Built from a recipe: the parts are known by class path and arguments.
            self.save_hyperparameters()
        self.masking = masking
        self.objective = objective(encoder)
        self.lr = lr
        self.betas = betas
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.min_lr = min_lr
        self.no_decay = no_decay
        self._under_way = BatchUnderWay()
        self._check_masking()

    @property
    def encoder(self) -> VideoViT:
        """Return the objective's encoder."""
        return self.objective.encoder

    @property
    def frames(self) -> int:
        """Return the frames of the clips that the encoder takes."""
        return self.encoder.frames

    @property
    def size(self) -> int:
        """Return the height and width of the clips that the encoder takes."""
        return self.encoder.size

    def prepare_data(self) -> None:
        """Let the targets get what they read, such as a tokenizer's weights; one process of each machine.

        Features need no target: a tokenizer that would be trained first is not.
        """
        if self.trainer.predicting:
            return
        for head in self.objective.heads.values():
            head.target.prepare()

    def setup(self, stage: str) -> None:
        """Let the targets load it, before anything is trained."""
        if stage == "predict":
            return
        for head in self.objective.heads.values():
            head.target.load()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep how the encoder was made, for a run that starts from it."""
        checkpoint["encoder"] = encoder_record(self.encoder)

    def export(self, folder: Path, config: Mapping[str, Any]) -> None:
        """Write the encoder alone to ``encoder.safetensors``.

        Args:
            folder: The run's folder.
            config: The module's own section of the resolved recipe.
        """
        save_encoder(folder / "encoder.safetensors", self.encoder, config["init_args"]["encoder"])

    def mask(self, batch: ClipBatch) -> TokenMask:
        """Draw the mask of each sample from the sample's own seed."""
        return self.masking(batch.clips, self.encoder.grid, [generator(seed, "mask") for seed in batch.seeds])

    def on_train_batch_start(self, batch: ClipBatch, batch_idx: int) -> None:
        """Seed what is random in the model by (seed, rank, epoch, batch), so that resuming repeats it."""
        seed_step(self, batch_idx)

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Float[Tensor, ""]:
        """Return the loss of a batch.

        A batch of which no video could be decoded trains nothing: its loss is zero, with a gradient of zero,
        so that the other ranks need not wait for one that would leave the step out.
        """
        if len(batch.clips) == 0:
            nothing = no_loss(self)
            self._under_way = BatchUnderWay(nothing.detach(), batch_idx)
            return nothing
        losses = self.objective(batch, self.mask(batch))
        self._under_way = BatchUnderWay(losses["loss"].detach(), batch_idx, batch.paths)
        self._log("train", losses, batch)
        return losses["loss"]

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Stop before a step that would spoil the weights.

        The gradient is that of all ranks together, so that all of them stop.

        Raises:
            FloatingPointError: If the loss or its gradient is not finite.
        """
        self._under_way.check(self)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step the optimizer, then let the objective do what is due after each step."""
        super().optimizer_step(*args, **kwargs)
        self.objective.after_step()

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Log the loss and the losses of trivial predictions. Masks are the same each time."""
        self._evaluate("val", batch)

    def test_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Log the loss and the losses of trivial predictions."""
        self._evaluate("test", batch)

    def predict_step(self, batch: ClipBatch, batch_idx: int, dataloader_idx: int = 0) -> Latents:
        """Return what the dense encoder makes of each clip, after its last norm.

        Of a batch of which no video could be decoded that is as many latents: none.
        """
        return self.encoder.of_any_number(batch.clips)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW with a schedule that moves at every step."""
        optimizer = torch.optim.AdamW(
            parameter_groups(self.objective, self.weight_decay, self.no_decay),
            lr=self.lr,
            betas=self.betas,
            # Lightning refuses to clip gradients before a fused optimizer in mixed precision.
            fused="mixed" not in str(self.trainer.precision),
        )
        scheduler = schedule(optimizer, self.trainer, self.warmup, self.min_lr / self.lr)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _evaluate(self, stage: str, batch: ClipBatch) -> None:
        if len(batch.clips) == 0:
            return
        mask = self.mask(batch)
        self._log(stage, self.objective(batch, mask), batch)
        for name, head in self.objective.heads.items():
            baselines = head.target.baselines(batch, mask, self.encoder.grid, self.encoder.tubelet)
            # "accuracy/most_frequent_code" of the head "appearance" stands under "appearance_accuracy".
            self._log(
                stage,
                {f"{name}{'_' if '/' in key else '/'}{key}": value for key, value in baselines.items()},
                batch,
            )

    def _log(self, stage: str, values: dict[str, Tensor], batch: ClipBatch) -> None:
        training = stage == "train"
        self.log_dict(
            {f"{stage}/{name}": value for name, value in values.items()},
            batch_size=len(batch.clips),
            on_step=training,
            on_epoch=not training,
            sync_dist=not training,
        )

    def _check_masking(self) -> None:
        # A ratio that leaves no token shows before any data is read.
        encoder = self.encoder
        clips = torch.zeros(1, 3, encoder.frames, encoder.size, encoder.size, device="cpu")
        self.masking(clips, encoder.grid, [generator(0, "mask")])
