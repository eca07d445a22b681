"""Training of a small VQGAN, for where no published one can be had."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from taming.modules.discriminator.model import NLayerDiscriminator, weights_init
from torch import Tensor, nn

from vidmask.models.vqgan import VQGAN, resized
from vidmask.optim import check_finite, no_loss, num_optimizer_steps, schedule
from vidmask.randomness import generator
from vidmask.tokens import ClipBatch
from vidmask.trained_vqgan import FILE, save_vqgan


class TokenizerTraining(LightningModule):
    """Train a VQGAN on single frames of clips.

    Codes that no patch was given for ``revive_every`` steps start anew at a patch of the batch; the whole
    codebook does so at the first step. Logged beside the losses: ``perplexity``, the exponential of the
    entropy of the codes in use (at most the size of the codebook), and ``usage``, the share of codes that
    are in use at all.

    Args:
        vqgan: The VQGAN; frames are resized to its ``resolution``.
        frames: Frames of a clip.
        size: Height and width of a clip in pixels.
        frames_per_clip: Frames of each clip that are learned from, drawn anew each time.
        lr: Peak learning rate of Adam.
        betas: Adam's; taming-transformers has 0.5 and 0.9, for the discriminator's sake.
        warmup: Share of the steps over which the learning rate rises from 0.
        codebook_weight: Weight of the codebook's loss beside the mean absolute error of pixels in [-1, 1].
        discriminator_weight: Weight of a patch discriminator's judgement; without one at 0.
        discriminator_start: Share of the steps after which the discriminator is asked.
        discriminator_width: Channels of its first layer.
        discriminator_layers: Its layers that halve the resolution; taming-transformers has 3, for 256 pixels.
        revive_every: Steps after which a code that was not used starts anew.

    Raises:
        ValueError: If a number lies outside its range, or the VQGAN is a Gumbel one.

    Source: Taming transformers (arXiv 2012.09841), section 3.1. Deviation: no perceptual loss, whose
    weights would have to be fetched; codes are revived, which the paper does not. The discriminator's
    judgement has a fixed weight, where taming-transformers sets it by the ratio of two gradients at every
    step. One Adam and one clipping norm serve both networks, whose terms reach each other's weights in
    neither direction: Lightning steps several optimizers by hand only, and then clips and accumulates
    nothing by itself.
    """

    def __init__(
        self,
        vqgan: VQGAN,
        frames: int = 16,
        size: int = 32,
        frames_per_clip: int = 4,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        warmup: float = 0.05,
        codebook_weight: float = 1.0,
        discriminator_weight: float = 0.0,
        discriminator_start: float = 0.5,
        discriminator_width: int = 32,
        discriminator_layers: int = 2,
        revive_every: int = 50,
    ) -> None:
        super().__init__()
        if vqgan.is_gumbel:
            raise ValueError(
                "a VQGAN with a Gumbel codebook can be read and not trained: set gumbel to false"
            )
        if not 1 <= frames_per_clip <= frames:
            raise ValueError(f"frames_per_clip must lie between 1 and frames={frames}, got {frames_per_clip}")
        for name, value in (("lr", lr), ("revive_every", revive_every)):
            if value <= 0:
                raise ValueError(f"{name} must be above 0, got {value}")
        for name, value in (
            ("codebook_weight", codebook_weight),
            ("discriminator_weight", discriminator_weight),
        ):
            if value < 0:
                raise ValueError(f"{name} must be 0 or more, got {value}")
        self.save_hyperparameters(ignore=["vqgan"])
        if "_instantiator" in self.hparams:
            self.save_hyperparameters()
        self.vqgan = vqgan
        self.frames = frames
        self.size = size
        self.frames_per_clip = frames_per_clip
        self.lr = lr
        self.betas = betas
        self.warmup = warmup
        self.codebook_weight = codebook_weight
        self.discriminator_weight = discriminator_weight
        self.discriminator_start = discriminator_start
        self.revive_every = revive_every
        self.discriminator: nn.Module | None = None
        if discriminator_weight:
            self.discriminator = NLayerDiscriminator(3, discriminator_width, discriminator_layers).apply(
                weights_init
            )
        self.register_buffer("uses", torch.zeros(vqgan.num_codes))
        self.uses: Float[Tensor, " v"]
        self._revived_at = -1

    def images(self, batch: ClipBatch) -> Float[Tensor, "b 3 h w"]:
        """Return some frames of each clip, drawn from the sample's own seed, at the VQGAN's resolution."""
        chosen = [
            torch.randperm(self.frames, generator=generator(seed, "tokenizer"))[: self.frames_per_clip]
            for seed in batch.seeds
        ]
        indices = torch.stack(chosen).to(batch.clips.device)
        clips = batch.clips.transpose(1, 2)
        frames = clips[torch.arange(len(clips), device=clips.device).unsqueeze(1), indices]
        side = self.vqgan.resolution
        return resized(frames.flatten(0, 1), (side, side))

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Float[Tensor, ""]:
        """Return the loss of a batch of frames; codes out of use start anew."""
        if len(batch.clips) == 0:
            # No video of the batch could be decoded; other ranks may have some.
            self.uses += self._of_all_ranks(torch.zeros_like(self.uses))
            nothing = no_loss(self)
            self._loss = nothing.detach()
            return nothing
        images = self.images(batch)
        latents = self.vqgan.latents(images)
        # Once a step, whose batches may be several where gradients are accumulated.
        if self.global_step % self.revive_every == 0 and self.global_step != self._revived_at:
            unused = self.uses == 0
            self.revive(latents.detach(), unused, generator(batch.seeds[0], "revive"))
            self.uses.zero_()
            self._revived_at = self.global_step
        losses, codes = self._losses(images, latents)
        # A buffer is the first rank's in the next step: what the others use must be in it.
        self.uses += self._of_all_ranks(self._count(codes))
        values = losses | {"perplexity": perplexity(codes, self.vqgan.num_codes)}
        self.log_dict({f"train/{name}": value for name, value in values.items()}, batch_size=len(images))
        self._loss = losses["loss"].detach()
        return losses["loss"]

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Stop before a step that would spoil the weights.

        Raises:
            FloatingPointError: If the loss or its gradient is not finite.
        """
        check_finite(self, self._loss, f"step {self.global_step} (epoch {self.current_epoch})")

    def on_validation_epoch_start(self) -> None:
        """Begin to count codes."""
        self._seen = torch.zeros_like(self.uses)

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Log the errors, and that of answering with each patch's mean colour."""
        if len(batch.clips) == 0:
            return
        images = self.images(batch)
        losses, codes = self._losses(images, self.vqgan.latents(images))
        losses["pixels/patch_mean"] = 2 * (patch_means(images, self.vqgan.factor) - images).abs().mean()
        self._seen += self._count(codes)
        named = {f"val/{name}": value for name, value in losses.items()}
        self.log_dict(named, batch_size=len(images), sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        """Log how many codes the whole split uses."""
        counts = self._of_all_ranks(self._seen)
        shares = counts / counts.sum()
        self.log("val/perplexity", torch.special.entr(shares).sum().exp())
        self.log("val/usage", (shares > 0).float().mean())

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return one Adam for both networks, with a schedule that moves at every step."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr, betas=self.betas)
        scheduler = schedule(optimizer, self.trainer, self.warmup)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @torch.no_grad()
    def revive(
        self, latents: Float[Tensor, "b d r s"], unused: Bool[Tensor, " v"], chance: torch.Generator
    ) -> None:
        """Put unused codes where patches of this batch are.

        Args:
            latents: What the VQGAN makes of the batch before the codebook.
            unused: Which codes start anew.
            chance: Draws the patches.
        """
        flat = latents.movedim(1, -1).flatten(0, -2)
        chosen = torch.randint(len(flat), (len(unused),), generator=chance).to(flat.device)
        codebook = self.vqgan.codebook
        codebook.copy_(torch.where(unused.unsqueeze(1), flat[chosen].to(codebook), codebook))
        if self.trainer.world_size > 1:
            torch.distributed.broadcast(codebook, 0)

    def export(self, folder: Path, config: Mapping[str, Any]) -> None:
        """Write the VQGAN alone to ``vqgan.safetensors``, with its settings inside.

        Args:
            folder: The run's folder.
            config: The module's own section of the resolved recipe.
        """
        save_vqgan(folder / FILE, self.vqgan)

    def _count(self, codes: Int[Tensor, "b r s"]) -> Float[Tensor, " v"]:
        return torch.bincount(codes.flatten(), minlength=self.vqgan.num_codes).float()

    def _of_all_ranks(self, counts: Float[Tensor, " v"]) -> Float[Tensor, " v"]:
        return self.trainer.strategy.reduce(counts, reduce_op="sum")

    def _losses(
        self, images: Float[Tensor, "b 3 h w"], latents: Float[Tensor, "b d r s"]
    ) -> tuple[dict[str, Float[Tensor, ""]], Int[Tensor, "b r s"]]:
        quantised, codebook_loss, codes = self.vqgan.quantise(latents)
        answers = self.vqgan.decode_latents(quantised)
        losses = {"pixels": 2 * (answers - images).abs().mean(), "codebook": codebook_loss}
        loss = losses["pixels"] + self.codebook_weight * codebook_loss
        if self.discriminator is not None and self._share_done() < self.discriminator_start:
            # Several ranks bring together a gradient of every weight, so that none may be without one.
            loss = loss + 0 * torch.stack([weight.sum() for weight in self.discriminator.parameters()]).sum()
        elif self.discriminator is not None:
            losses["deception"] = -_frozen(self.discriminator, answers * 2 - 1).mean()
            # The discriminator's own term reaches no other weights, nor the term above its own.
            true, false = self.discriminator(images * 2 - 1), self.discriminator(answers.detach() * 2 - 1)
            losses["discriminator"] = (F.relu(1 - true).mean() + F.relu(1 + false).mean()) / 2
            loss = loss + self.discriminator_weight * losses["deception"] + losses["discriminator"]
        return {"loss": loss} | losses, codes

    def _share_done(self) -> float:
        num_steps = num_optimizer_steps(self.trainer)
        return self.global_step / num_steps if num_steps else 1.0


def perplexity(codes: Int[Tensor, "b r s"], num_codes: int) -> Float[Tensor, ""]:
    """Return the exponential of the entropy of the codes: the number of codes that are in use, so to say."""
    shares = torch.bincount(codes.flatten(), minlength=num_codes) / codes.numel()
    return torch.special.entr(shares).sum().exp()


def patch_means(images: Float[Tensor, "b 3 h w"], side: int) -> Float[Tensor, "b 3 h w"]:
    """Return the images with the mean colour of its patch at each pixel."""
    means = F.avg_pool2d(images, side)
    return means.repeat_interleave(side, dim=2).repeat_interleave(side, dim=3)


def _frozen(module: nn.Module, images: Float[Tensor, "b 3 h w"]) -> Tensor:
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    return torch.func.functional_call(module, weights, (images,))
