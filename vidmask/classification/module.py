"""Training of a classifier on the shared encoder: fine-tuning and probes, as one module with parts."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from vidmask.checkpoints import encoder_record, save_encoder
from vidmask.choices import checked_choice
from vidmask.classification.labels import check_labels
from vidmask.classification.mixing import Mixing, soft_targets
from vidmask.classification.optimizers import OptimizerName, make_optimizer
from vidmask.classification.pretrained import load_pretrained, read_pretrained
from vidmask.classification.questions import Question, VideoClass
from vidmask.classification.training_record import TrainingRecord, check_parts, described
from vidmask.data.sources import Split
from vidmask.evaluation.answers import SplitAnswers, accuracies
from vidmask.evaluation.scores import VideoScores
from vidmask.models.classifier import VideoClassifier
from vidmask.models.pooling import MeanPooling, Pooling
from vidmask.models.vit import Latents, VideoViT
from vidmask.optim import BatchUnderWay, clips_per_step, layer_decay_groups, no_loss, schedule
from vidmask.randomness import seed_step
from vidmask.tokens import ClipBatch

PARTS = ("encoder", "pooling", "mixing", "question")


class VideoClassification(LightningModule):
    """Fine-tune an encoder, or probe a frozen one, for the classes of videos.

    Fine-tuning: ``frozen: false`` and ``layer_decay``. Linear probe: ``frozen: true``, ``MeanPooling`` or
    ``ClassTokenPooling``, ``batch_norm``. Attentive probe: ``frozen: true`` and ``AttentivePooling``. From
    scratch: no ``encoder_checkpoint``. With several labels in ``classes`` each has a head of its own, and the
    loss is their sum.

    Args:
        encoder: The encoder; it fixes the geometry of clips.
        classes: Number of classes of each label to be learned, such as ``{class: 400}``. Those of the data
            are compared with it before the first step. Left out where a question brings its own.
        pooling: Makes the pooling from the encoder.
        question: What is asked of a clip; its classes if None.
        encoder_checkpoint: File of the encoder to start from: a run's ``encoder.safetensors`` or a checkpoint
            of it. From scratch if None.
        interpolate_positions: Whether learned positions are resampled where the file's token grid is
            another.
        encoder_leave_out: Beginnings of names of the encoder's weights that are not taken from the file.
        frozen: Whether the encoder stays as it is.
        dropout: Probability that a pooled number is dropped in training, before the heads.
        batch_norm: Whether pooled numbers are standardised over the batch, as in MAE's linear probe.
        head_std: Standard deviation of the heads' first weights.
        mixing: Mixup and CutMix; none if None.
        label_smoothing: Share of a label that is spread over all classes.
        optimizer: ``adamw``, ``sgd`` (momentum 0.9) or ``lars`` (momentum 0.9; MAE's linear probe).
        lr: Peak learning rate of the heads.
        lr_per: Clips of an optimizer step that ``lr`` and ``min_lr`` are meant for: both are scaled by how
            many there are over this (256 in both papers' code). As given if None.
        betas: AdamW's.
        weight_decay: Decay of all but biases, norms and ``no_decay``.
        layer_decay: Factor of the learning rate from a layer to the one before it.
        warmup: Share of the steps over which the learning rate rises from 0.
        min_lr: Learning rate at the end.
        no_decay: Endings of parameter names without weight decay, beside biases and norms.
        unseen_classes: What a class does that validation or test videos have and no training video: ``raise``
            ends the run, ``keep`` counts its videos, which can only be wrong.

    Raises:
        FileNotFoundError: At the start of training, if the encoder's file is missing.
        ValueError: If a number lies outside its range, parts contradict each other, or the file does not fit.

    Source: MAE-ST (arXiv 2205.09113), appendix; VideoMAE (arXiv 2203.12602), appendix; their published code.
    """

    def __init__(
        self,
        encoder: VideoViT,
        classes: dict[str, int] | None = None,
        pooling: Callable[[VideoViT], Pooling] = MeanPooling,
        question: Question | None = None,
        encoder_checkpoint: str | None = None,
        interpolate_positions: bool = False,
        encoder_leave_out: tuple[str, ...] = (),
        frozen: bool = False,
        dropout: float = 0.0,
        batch_norm: bool = False,
        head_std: float = 2e-5,
        mixing: Mixing | None = None,
        label_smoothing: float = 0.0,
        optimizer: OptimizerName = "adamw",
        lr: float = 1e-3,
        lr_per: int | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.05,
        layer_decay: float = 1.0,
        warmup: float = 0.05,
        min_lr: float = 1e-6,
        no_decay: tuple[str, ...] = (),
        unseen_classes: Literal["raise", "keep"] = "raise",
    ) -> None:
        super().__init__()
        if not lr > 0:
            raise ValueError(f"lr must be above 0, got {lr}")
        if not 0 <= min_lr <= lr:
            raise ValueError(f"min_lr must lie between 0 and lr={lr}, got {min_lr}")
        if lr_per is not None and lr_per < 1:
            raise ValueError(f"lr_per must be at least 1, or null, got {lr_per}")
        if not 0 <= warmup < 1:
            raise ValueError(f"warmup is a share of the run's steps, from 0 to below 1, got {warmup}")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must lie in [0, 1), got {label_smoothing}")
        if weight_decay < 0:
            raise ValueError(f"weight_decay must be 0 or more, got {weight_decay}")
        if not 0 < layer_decay <= 1:
            raise ValueError(f"layer_decay must lie in (0, 1], got {layer_decay}")
        checked_choice("optimizer", optimizer, OptimizerName)
        checked_choice("unseen_classes", unseen_classes, Literal["raise", "keep"])
        self.save_hyperparameters(ignore=PARTS)
        if "_instantiator" in self.hparams:
            self.save_hyperparameters()
        self.question = VideoClass() if question is None else question
        if mixing is not None and self.question.clips_per_answer > 1:
            raise ValueError(
                f"mixing is for questions about one clip, not for {type(self.question).__name__}"
            )
        own = self.question.classes
        if own is not None and classes:
            raise ValueError(f"{type(self.question).__name__} brings its own classes: leave classes out")
        self.classes = {name: len(names) for name, names in own.items()} if own else dict(classes or {})
        self.classifier = VideoClassifier(
            encoder,
            pooling,
            self.classes,
            frozen=frozen,
            dropout=dropout,
            batch_norm=batch_norm,
            head_std=head_std,
            clips_per_answer=self.question.clips_per_answer,
        )
        self.mixing = mixing
        self.label_smoothing = label_smoothing
        self.optimizer_name: OptimizerName = optimizer
        self.lr = lr
        self.lr_per = lr_per
        self.betas = betas
        self.weight_decay = weight_decay
        self.layer_decay = layer_decay
        self.warmup = warmup
        self.min_lr = min_lr
        self.no_decay = no_decay
        self.unseen_classes: Literal["raise", "keep"] = unseen_classes
        self.encoder_checkpoint = encoder_checkpoint
        self.interpolate_positions = interpolate_positions
        self.encoder_leave_out = encoder_leave_out
        self.record = TrainingRecord(peak_lr=lr if lr_per is None else None)
        self.test_scores: VideoScores | None = None
        self._under_way = BatchUnderWay()
        self._answers = SplitAnswers()

    @property
    def encoder(self) -> VideoViT:
        """Return the classifier's encoder."""
        return self.classifier.encoder

    @property
    def frames(self) -> int:
        """Return the frames that are read of a video for one answer."""
        return self.question.frames(self.encoder.frames)

    @property
    def size(self) -> int:
        """Return the height and width of the clips that the encoder takes."""
        return self.encoder.size

    def load_start(self) -> None:
        """Take the weights of ``encoder_checkpoint``, once; a run that is resumed does not.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it does not fit.
        """
        if self.encoder_checkpoint is None or self.record.encoder_sha256 is not None:
            return
        found = read_pretrained(self.encoder_checkpoint)
        load_pretrained(
            self.encoder,
            found,
            interpolate_positions=self.interpolate_positions,
            leave_out=self.encoder_leave_out,
        )
        self.record.encoder_sha256, self.record.encoder_file = found.sha256, self.encoder_checkpoint

    def setup(self, stage: str) -> None:
        """Load what training starts from, and compare the data's labels with the heads'.

        Raises:
            FileNotFoundError: If training is to start from a file that is missing.
            ValueError: If something does not fit.
        """
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        if stage == "fit":
            if self.trainer.ckpt_path is None:
                self.load_start()
            if getattr(data, "batch_size", 2) < 2:
                self._check_parts_take_one_clip()
        if self.question.classes is None and stage != "predict":
            check_labels(data, self.classes, stage, self.unseen_classes)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what a model card tells of the training, its parts, and how the encoder was made."""
        checkpoint["training"] = self.record.for_checkpoint(self._parts())
        checkpoint["encoder"] = encoder_record(self.encoder)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up, and compare the parts: those that were built in Python are given anew.

        Raises:
            ValueError: If they are others than those that were trained.
        """
        self.record = TrainingRecord.of_checkpoint(checkpoint)
        resuming = self._trainer is not None and self.trainer.state.fn == "fit"
        check_parts(checkpoint, self._parts(), resuming=resuming)

    def on_train_end(self) -> None:
        """Note how long training was."""
        self.record.steps, self.record.epochs = self.trainer.global_step, self.trainer.current_epoch

    def _check_parts_take_one_clip(self) -> None:
        """Refuse batches of one clip where a part needs others beside it.

        Raises:
            ValueError: That there is such a part.
        """
        if self.mixing is not None:
            needs = "model.mixing mixes the clips of a batch"
        elif self.classifier.has_batch_norm:
            needs = "model.batch_norm standardises over the clips of a batch"
        else:
            return
        raise ValueError(f"{needs}: data.batch_size must be at least 2, got 1")

    def _parts(self) -> dict[str, str]:
        return described(self.classifier.pooling, self.question, self.mixing)

    def export(self, folder: Path, config: Mapping[str, Any]) -> None:
        """Write the encoder alone, as training has left it, to ``encoder.safetensors``."""
        save_encoder(folder / "encoder.safetensors", self.encoder, config["init_args"]["encoder"])

    def forward(self, clips: Float[Tensor, "b 3 t h w"]) -> dict[str, Float[Tensor, "a c"]]:
        """Return the logits of each label; see ``VideoClassifier``."""
        return self.classifier(clips)

    def on_train_batch_start(self, batch: ClipBatch, batch_idx: int) -> None:
        """Seed what is random in the model by (seed, rank, epoch, batch), so that resuming repeats it."""
        seed_step(self, batch_idx)

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Float[Tensor, ""]:
        """Return the loss of a batch: the sum of the labels' cross-entropies.

        A batch of which no video could be decoded trains nothing, as in ``MaskedPretraining``.
        """
        if len(batch.clips) == 0:
            nothing = no_loss(self)
            self._under_way = BatchUnderWay(nothing.detach(), batch_idx)
            return nothing
        asked = self.question(batch)
        labels = {name: asked.labels[name] for name in self.classes}
        if self.mixing is None:
            clips, targets = (
                asked.clips,
                {
                    name: soft_targets(values, self.classes[name], self.label_smoothing)
                    for name, values in labels.items()
                },
            )
        else:
            clips, targets = self.mixing(
                asked.clips, labels, self.classes, asked.seeds, smoothing=self.label_smoothing
            )
        logits = self.classifier(clips)
        losses = {name: F.cross_entropy(logits[name].float(), target) for name, target in targets.items()}
        loss = torch.stack(list(losses.values())).sum()
        self._under_way = BatchUnderWay(loss.detach(), batch_idx, batch.paths)
        values = {"train/loss": loss} | {f"train/{name}_loss": value for name, value in losses.items()}
        self.log_dict(values if len(losses) > 1 else {"train/loss": loss}, batch_size=len(batch.clips))
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Stop before a step that would spoil the weights.

        Raises:
            FloatingPointError: If the loss or its gradient is not finite.
        """
        self._under_way.check(self)

    def on_validation_epoch_start(self) -> None:
        """Begin to collect answers."""
        self._answers = SplitAnswers()

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Take the answers of a batch, and log the loss.

        On several ranks a few clips may count twice in the mean of the loss, where the videos cannot be
        shared out evenly; the accuracies count each video once.
        """
        losses = self._answer(batch, chunk=len(batch.clips))
        if not losses:
            return
        self.log_dict(
            {f"val/{name}": value for name, value in losses.items()},
            batch_size=len(batch.clips),
            sync_dist=True,
        )

    def on_validation_epoch_end(self) -> None:
        """Log the share of right answers: of videos, each counted once, whatever the ranks."""
        # Lightning makes infinity of -1.
        whole = not self.trainer.sanity_checking or self.trainer.num_sanity_val_steps == math.inf
        if whole and _is_all(self.trainer.limit_val_batches):
            scores = self._scores("val", num_views=1)
            self._log_accuracies("val", scores)

    def on_test_epoch_start(self) -> None:
        """Begin to collect answers."""
        self._answers = SplitAnswers()

    def test_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Take the answers of a batch of videos with all their views."""
        # A video at a time: which others stand in its batch then changes no bit of its scores.
        self._answer(batch, chunk=self._num_views if self._num_views > 1 else len(batch.clips))

    def on_test_epoch_end(self) -> None:
        """Average each video's views and log the share of right answers; ``test_scores`` keeps the scores."""
        self.test_scores = None
        if _is_all(self.trainer.limit_test_batches):
            data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
            self.test_scores = self._scores(getattr(data, "test_split", "test"), num_views=self._num_views)
            self._log_accuracies("test", self.test_scores)

    def predict_step(self, batch: ClipBatch, batch_idx: int, dataloader_idx: int = 0) -> Latents:
        """Return what the dense encoder makes of each clip, after its last norm."""
        return self.encoder.of_any_number(batch.clips)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer, a learning rate for each layer, and a schedule that moves at every step."""
        scale = 1.0 if self.lr_per is None else clips_per_step(self.trainer) / self.lr_per
        lr = self.record.peak_lr = self.lr * scale
        if hasattr(getattr(self.trainer, "datamodule", None), "batch_size"):
            self.record.clips_per_step = clips_per_step(self.trainer)
        groups = layer_decay_groups(
            self.classifier,
            self.classifier.layer_of,
            lr=lr,
            layer_decay=self.layer_decay,
            weight_decay=self.weight_decay,
            no_decay=self.no_decay,
        )
        # Lightning refuses to clip gradients before a fused optimizer in mixed precision.
        fused = "mixed" not in str(self.trainer.precision)
        optimizer = make_optimizer(self.optimizer_name, groups, lr=lr, betas=self.betas, fused=fused)
        scheduler = schedule(optimizer, self.trainer, self.warmup, self.min_lr / self.lr)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @property
    def _num_views(self) -> int:
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        return getattr(data, "test_clips", 1) * getattr(data, "test_crops", 1)

    def _answer(self, batch: ClipBatch, chunk: int) -> dict[str, Tensor]:
        """Collect the answers of a batch, so many of its clips at a time, and return the losses."""
        self._answers.skip(path for path, _ in batch.skipped)
        if len(batch.clips) == 0:
            return {}
        asked = self.question(batch)
        truth = {name: asked.labels[name] for name in self.classes}
        pieces = asked.clips.split(max(chunk, 1) * self.question.clips_per_answer)
        parts = [self.classifier(piece) for piece in pieces]
        logits = {name: torch.cat([part[name] for part in parts]).float() for name in self.classes}
        probabilities = {name: values.softmax(dim=1) for name, values in logits.items()}
        self._answers.add(asked.video_index, asked.view, probabilities, truth, asked.paths)
        losses = {name: F.cross_entropy(logits[name], truth[name]) for name in self.classes}
        total = {"loss": torch.stack(list(losses.values())).sum()}
        return total | ({f"{name}_loss": value for name, value in losses.items()} if len(losses) > 1 else {})

    def _log_accuracies(self, stage: str, scores: VideoScores) -> None:
        # All ranks have the same; Lightning wants to be told that they may be averaged.
        self.log_dict(
            {f"{stage}/{name}": value for name, value in accuracies(scores).items()}, sync_dist=True
        )

    def _scores(self, split: Split, num_views: int) -> VideoScores:
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        names = self.question.classes or {name: data.classes[name] for name in self.classes}
        return self._answers.scores(
            num_videos=len(data.dataset(split)),
            num_views=num_views,
            classes=names,
            # Of a class it is the same for all views; of which way time runs each view has its own.
            each_view=self.question.classes is not None,
        )


def _is_all(limit: int | float | None) -> bool:
    """Tell whether a trainer's limit leaves all batches: 1.0 is all of them, and 1 is one."""
    return limit is None or (isinstance(limit, float) and limit == 1.0)
