"""What the test of a classifier leaves behind: scores, tables, pictures and a model card."""

import csv
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table

from vidmask import environment, runs
from vidmask.classification import VideoClassification
from vidmask.classification.training_record import TrainingRecord
from vidmask.data.identity import identity
from vidmask.evaluation.accuracy import confusion, mean_class_accuracy, per_class, top_k
from vidmask.evaluation.bootstrap import interval
from vidmask.evaluation.card import Card, LabelNumbers, Protocol, model_card
from vidmask.evaluation.confusion_picture import write_confusion
from vidmask.evaluation.scores import VideoScores, write_scores
from vidmask.models.pooling import AttentivePooling
from vidmask.models.vit import VideoViT

_LOG = logging.getLogger(__name__)


class ClassificationReport(Callback):
    """Write what a test has found into the run's ``test`` folder, and print the numbers.

    ``scores.parquet`` holds the averaged probabilities of every video, so that two classifiers can be
    compared video by video (``vidmask.evaluation.bootstrap.paired_difference``); ``classes_<label>.csv`` the
    accuracy of each class, ``confusion_<label>.png`` what was answered in place of what, and ``card.md`` the
    model card. Modules other than ``VideoClassification`` are left alone.
    """

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and print."""
        if not isinstance(pl_module, VideoClassification) or not trainer.is_global_zero:
            return
        scores = pl_module.test_scores
        if scores is None:
            _LOG.warning("only a part of the videos was tested, so nothing is written of it")
            return
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            write_scores(folder / "scores.parquet", scores)
        except ValueError as error:
            _LOG.warning("the scores of single videos are not written: %s", error)
        numbers = [_numbers(scores, label, folder) for label in scores.classes]
        data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        card = model_card(_card(pl_module, data, scores.num_videos, numbers, folder))
        (folder / "card.md").write_text(card, encoding="utf-8")
        console = Console()
        console.print(_table(numbers))
        console.print(
            f"Scores, tables, pictures and card.md are in {folder}", soft_wrap=True, highlight=False
        )


def _numbers(scores: VideoScores, label: str, folder: Path) -> LabelNumbers:
    """Return the numbers of a label; write its table and its picture."""
    probabilities, truth, classes = scores.probabilities[label], scores.truth[label], scores.classes[label]
    right = top_k(probabilities, truth, 1)
    table = per_class(right, truth, classes)
    with (folder / f"classes_{label}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        counted = "videos" if scores.view is None else "views"
        writer.writerow(("class", counted, "correct", "accuracy"))
        for row in table:
            share = "" if row.accuracy is None else f"{row.accuracy:.4f}"
            writer.writerow((row.name, row.videos, row.correct, share))
    counts = confusion(truth, scores.predicted(label), len(classes))
    write_confusion(folder / f"confusion_{label}.png", counts, classes, label)
    in_five = top_k(probabilities, truth, 5) if len(classes) > 5 else None
    return LabelNumbers(
        label=label,
        videos=scores.num_videos,
        num_classes=len(classes),
        top_1=right.double().mean().item(),
        top_1_interval=interval(scores.mean_of_videos(right)),
        top_5=None if in_five is None else in_five.double().mean().item(),
        top_5_interval=None if in_five is None else interval(scores.mean_of_videos(in_five)),
        mean_class=mean_class_accuracy(table),
    )


def _card(
    module: VideoClassification,
    data: Any,
    num_videos: int,
    numbers: list[LabelNumbers],
    folder: Path,
) -> Card:
    record = module.record
    untrained = record.steps is None
    origin = _origin(record, getattr(module.hparams, "encoder", None))
    config = folder / runs.CONFIG
    described = environment.describe()
    return Card(
        title="Video classifier",
        source=type(data.source).__name__,
        split=data.test_split,
        num_videos=num_videos,
        fingerprint=identity(data.source)["sha256"],
        protocol=None if untrained else _protocol(module),
        pooling=type(module.classifier.pooling).__name__,
        epochs=record.epochs,
        steps=record.steps,
        batch_size=record.clips_per_step,
        peak_learning_rate=None if untrained else record.peak_lr,
        layer_decay=module.layer_decay,
        augmentations=[
            f"crops of {data.scale[0]:g} to {data.scale[1]:g} of the frame",
            *map(repr, data.augmentations),
            *([repr(module.mixing)] if module.mixing is not None else []),
        ],
        temporal_views=data.test_clips,
        spatial_views=data.test_crops,
        numbers=numbers,
        encoder_file=record.encoder_file,
        encoder_sha256=record.encoder_sha256,
        from_scratch=record.encoder_file is None and origin is None,
        encoder_origin=origin,
        config_sha256=hashlib.sha256(config.read_bytes()).hexdigest() if config.is_file() else None,
        versions={"vidmask": described["vidmask"], "python": described["python"], **described["packages"]},
    )


def _protocol(module: VideoClassification) -> Protocol:
    if not module.classifier.frozen:
        return "fine-tuning"
    if module.classifier.clips_per_answer > 1:
        return "comparison"
    return "attentive" if isinstance(module.classifier.pooling, AttentivePooling) else "linear"


def _origin(record: TrainingRecord, encoder: Any) -> str | None:
    """Return in words where an encoder's weights come from, if neither from a known file nor from scratch.

    Args:
        record: What the checkpoint tells of the training.
        encoder: The encoder in the module's settings: class path and arguments where a recipe made it.
    """
    if record.encoder_file is not None:
        return None
    if record.encoder_sha256 is not None:
        return "a file whose name was not kept"
    maker = encoder.get("class_path") if isinstance(encoder, Mapping) else None
    if maker is not None and str(maker).rpartition(".")[2] != VideoViT.__name__:
        return f"as {maker} makes them"
    return "random, untrained" if record.steps is None else None


def _table(numbers: list[LabelNumbers]) -> Table:
    table = Table(title="Test, per cent of videos, with 95 % intervals over videos", title_justify="left")
    for column in ("label", "videos", "chance", "top-1", "top-5", "class mean"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for row in numbers:
        table.add_row(
            row.label,
            f"{row.videos:,}",
            f"{100 / row.num_classes:.1f}",
            _with_range(row.top_1, row.top_1_interval),
            _with_range(row.top_5, row.top_5_interval),
            "" if row.mean_class is None else f"{100 * row.mean_class:.1f}",
        )
    return table


def _with_range(share: float | None, ends: tuple[float, float] | None) -> str:
    if share is None or ends is None:
        return ""
    return f"{100 * share:.1f} ({100 * ends[0]:.1f}–{100 * ends[1]:.1f})"
