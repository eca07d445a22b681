"""What the encoder knows while it trains: probes of its frozen features."""

import logging
import time
from typing import Any

import torch
from jaxtyping import Float, Int
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from vidmask.callbacks.fixed_clips import (
    checked_interval,
    data_of,
    evaluating,
    fixed_clips,
    is_due,
    pretraining_of,
)
from vidmask.data.sources import Split
from vidmask.probing import (
    fit_linear_probe,
    frame_differences,
    knn,
    mean_pool,
    mean_std_max_pool,
    rankme,
    standardise,
)

_LOG = logging.getLogger(__name__)

POOLINGS = {"mean": mean_pool, "mean_std_max": mean_std_max_pool}

STATE = (
    "untrained",
    "untrained_test",
    "latest",
    "trained_test",
    "without_encoder",
    "without_encoder_test",
    "seconds",
)
"""What of a probe goes into a checkpoint."""

Scores = dict[str, float]
# Anonymous axes: the splits of one call have different lengths.
Features = tuple[dict[str, Float[Tensor, "_ _"]], dict[str, Int[Tensor, " _"]]]


class OnlineProbe(Callback):
    """Fit probes to features of the training split, score them on the validation split, during training.

    For each label and each pooling (mean; mean, standard deviation and maximum joined) a linear probe and
    a nearest-neighbour vote, on standardised features of centre clips without augmentation; and RankMe of
    the mean-pooled validation features. They are taken before the first step, so that the untrained
    encoder stands beside the trained one (random features are strong already), every
    ``every_n_epochs``, and at the end. The test split is scored once for each of the two encoders, and
    shown at the end. Beside them stands what needs no encoder: nearest neighbours on the differences of
    successive frames, the line to beat where motion is the label.

    Where the source has no validation split, no labels, or one class only, what cannot be measured is left
    out; and so are videos that are skipped as they cannot be decoded.

    Args:
        every_n_epochs: Epochs between two probes.
        num_train_videos: Videos of the training split that the probes are fitted to, drawn once; all if
            there are fewer.
        num_neighbours: Neighbours in the vote.
        l2: Penalty of the linear probe (``vidmask.probing.linear_probe``); chosen anew each time, on a part
            of the training features, if None, which costs five times as much.
    """

    def __init__(
        self,
        every_n_epochs: int = 10,
        num_train_videos: int = 1024,
        num_neighbours: int = 20,
        l2: float | None = 0.01,
    ) -> None:
        self.every_n_epochs = checked_interval(every_n_epochs)
        self.num_train_videos = num_train_videos
        self.num_neighbours = num_neighbours
        self.l2 = l2
        self.untrained: Scores = {}
        self.untrained_test: Scores = {}
        self.latest: Scores = {}
        self.trained_test: Scores = {}
        self.without_encoder: Scores = {}
        self.without_encoder_test: Scores = {}
        self.chance: dict[str, float] = {}
        self.seconds = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Keep what was measured, so that a resumed run still knows the untrained encoder."""
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what an earlier part of the run measured."""
        for name in STATE:
            setattr(self, name, state_dict[name])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note what guessing would score."""
        self.chance = {name: 1 / len(names) for name, names in _classes(trainer).items()}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Probe the untrained encoder, and what needs none."""
        if trainer.global_step == 0:
            self.untrained, self.untrained_test = self._probe(trainer, pl_module, ("val", "test"))
            self.latest = self.untrained
            self._log_latest(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Probe every so many epochs."""
        if is_due(trainer, self.every_n_epochs):
            (self.latest,) = self._probe(trainer, pl_module, ("val",))
            self._log_latest(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Probe the trained encoder, on the test split too."""
        self.latest, self.trained_test = self._probe(trainer, pl_module, ("val", "test"))
        self._log_latest(trainer)
        # The untrained encoder's test scores are shown only now, when nothing can be chosen by them.
        for encoder, scores in (("untrained", self.untrained_test), ("trained", self.trained_test)):
            self._log(trainer, {f"test/{encoder}/{name}": score for name, score in scores.items()})

    def _probe(self, trainer: Trainer, pl_module: LightningModule, splits: tuple[Split, ...]) -> list[Scores]:
        started = time.monotonic()
        scores: list[Scores] = [{} for _ in splits]
        if trainer.is_global_zero:
            with evaluating(pl_module):
                fitted = self._features(trainer, pl_module, "train", self.num_train_videos)
                scored = [self._features(trainer, pl_module, split, None) for split in splits]
            if fitted is not None:
                self._fit_and_score(fitted, scored, scores, _classes(trainer))
                if trainer.global_step == 0:
                    self.without_encoder, self.without_encoder_test = (
                        self._score_without_encoder(fitted, split) for split in scored
                    )
        trainer.strategy.barrier("online probe")
        self.seconds += time.monotonic() - started
        return scores

    def _fit_and_score(
        self,
        fitted: Features,
        splits: list[Features | None],
        scores: list[Scores],
        classes: dict[str, tuple[str, ...]],
    ) -> None:
        features, labels = fitted
        scored = [(found, split) for found, split in zip(scores, splits, strict=True) if split is not None]
        for pooling in POOLINGS:
            train, *others = standardise(features[pooling], *(split[pooling] for _, (split, _) in scored))
            for label, names in classes.items():
                classifier = fit_linear_probe(train, labels[label], len(names), self.l2)
                for (found, (_, truth)), other in zip(scored, others, strict=True):
                    found[f"{label}/linear_{pooling}"] = classifier.accuracy(other, truth[label])
                    found[f"{label}/knn_{pooling}"] = self._vote(train, labels[label], other, truth[label])
        for found, (split, _) in scored:
            found["rankme"] = rankme(split["mean"])

    def _score_without_encoder(self, fitted: Features, scored: Features | None) -> Scores:
        if scored is None:
            return {}
        name = "frame_differences"
        train, other = standardise(fitted[0][name], scored[0][name])
        return {label: self._vote(train, fitted[1][label], other, scored[1][label]) for label in fitted[1]}

    def _vote(self, train: Tensor, labels: Tensor, other: Tensor, truth: Tensor) -> float:
        return knn(train, labels, other, truth, num_neighbours=min(self.num_neighbours, len(train)))

    @torch.no_grad()
    def _features(
        self, trainer: Trainer, pl_module: LightningModule, split: Split, num_videos: int | None
    ) -> Features | None:
        batches = fixed_clips(trainer, pl_module, split, num_videos)
        if batches is None:
            return None
        encoder = pretraining_of(pl_module).encoder
        pooled: dict[str, list[Tensor]] = {name: [] for name in (*POOLINGS, "frame_differences")}
        labels: dict[str, list[Tensor]] = {name: [] for name in data_of(trainer).classes}
        for batch in batches:
            tokens = encoder(batch.clips).tokens.float()
            for name, pool in POOLINGS.items():
                pooled[name].append(pool(tokens).cpu())
            if trainer.global_step == 0:
                pooled["frame_differences"].append(frame_differences(batch.clips).cpu())
            for name, values in labels.items():
                values.append(batch.labels[name].cpu())
        if not pooled["mean"]:
            # All were skipped; of the training split, the limit of what may be lost says so at once.
            _LOG.warning("no video of the split %s can be decoded, so it is not probed", split)
            return None
        features = {name: torch.cat(parts) for name, parts in pooled.items() if parts}
        return features, {name: torch.cat(parts) for name, parts in labels.items()}

    def _log_latest(self, trainer: Trainer) -> None:
        # What the probes are to be judged by is logged each time, so that charts draw it as a line.
        beside = {"chance": self.chance, "without_encoder": self.without_encoder} if self.latest else {}
        lines = {f"{name}/{label}": score for name, by in beside.items() for label, score in by.items()}
        self._log(trainer, self.latest | lines)

    @staticmethod
    def _log(trainer: Trainer, scores: Scores) -> None:
        for logger in trainer.loggers:
            logger.log_metrics(
                {f"probe/{name}": score for name, score in scores.items()}, step=trainer.global_step
            )


def _classes(trainer: Trainer) -> dict[str, tuple[str, ...]]:
    """Return the labels that can be probed: of a single class there is nothing to tell."""
    return {name: names for name, names in data_of(trainer).classes.items() if len(names) > 1}
