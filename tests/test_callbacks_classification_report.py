"""What the test of a classifier leaves behind."""

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule
from test_classification_module import classification, data
from trainers import quiet_trainer

from vidmask.callbacks.classification_report import ClassificationReport
from vidmask.callbacks.classification_report import _numbers as numbers_of
from vidmask.callbacks.classification_report import _origin as origin
from vidmask.callbacks.classification_report import _protocol as protocol
from vidmask.classification import ClipOrder
from vidmask.classification.training_record import TrainingRecord
from vidmask.evaluation.scores import VideoScores, read_scores
from vidmask.models.pooling import AttentivePooling


def written(folder: Path, videos: Path, **options: object) -> str:
    module = classification()
    callbacks = [ClassificationReport()]
    trainer = quiet_trainer(default_root_dir=folder, callbacks=callbacks, **options)
    trainer.test(module, data(videos, test_clips=2, eval_batch_size=2), verbose=False)
    return "".join(sorted(path.name for path in folder.iterdir()))


def test_scores_tables_pictures_and_a_card(video_folder, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    names = written(tmp_path, video_folder)
    assert names == "card.mdclasses_class.csvconfusion_class.pngscores.parquet"
    scores = read_scores(tmp_path / "scores.parquet")
    assert scores.classes == {"class": ("jump", "run")}
    assert [Path(path).parent.name for path in scores.paths] == ["jump", "run"]
    shown = capsys.readouterr().out
    assert "│ class │      2 │   50.0 │" in shown
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "2 in time × 1 in space" in card
    assert "- Source: VideoFolder" in card
    # The module was never trained, and the card does not say that it was.
    assert "- Weights: random, untrained" in card
    assert "Protocol" not in card
    assert "learning rate" not in card


@pytest.mark.parametrize(
    ("record", "encoder", "told"),
    [
        (TrainingRecord(steps=5), None, None),
        (TrainingRecord(steps=5), {"class_path": "vidmask.VideoViT"}, None),
        (TrainingRecord(), {"class_path": "vidmask.VideoViT"}, "random, untrained"),
        (TrainingRecord("ab", steps=5, encoder_file="e.safetensors"), {"class_path": "VideoViT"}, None),
        (TrainingRecord("ab", steps=5), None, "a file whose name was not kept"),
        (TrainingRecord(steps=5), {"class_path": "m.inflated_vit"}, "as m.inflated_vit makes them"),
    ],
)
def test_a_card_says_where_the_weights_come_from(record, encoder, told):
    assert origin(record, encoder) == told


def test_clips_that_are_judged_together_are_no_linear_probe():
    assert protocol(classification(frozen=True)) == "linear"
    assert protocol(classification(frozen=True, question=ClipOrder())) == "comparison"
    pooling = partial(AttentivePooling, num_heads=2)
    assert protocol(classification(frozen=True, pooling=pooling)) == "attentive"
    assert protocol(classification()) == "fine-tuning"


def test_views_that_are_questions_of_their_own_are_no_more_videos(tmp_path):
    # Two videos of fifty views each: of the one all answers are right, of the other none.
    right = torch.tensor([1.0, 0.0]).repeat_interleave(50)
    index = torch.arange(2).repeat_interleave(50)
    scores = VideoScores(
        [f"{video}.mp4" for video in index.tolist()],
        index,
        {"order": torch.zeros(100, dtype=torch.int64)},
        {"order": torch.stack([right, 1 - right], dim=1)},
        {"order": ("first", "second")},
        view=torch.arange(50).repeat(2),
    )
    numbers = numbers_of(scores, "order", tmp_path)
    assert (numbers.videos, numbers.top_1) == (2, 0.5)
    assert tuple(numbers.top_1_interval) == (0.0, 1.0)
    assert (tmp_path / "classes_order.csv").read_text().startswith("class,views,")


def test_of_a_part_of_the_videos_nothing_is_written(video_folder, tmp_path, caplog):
    names = written(tmp_path, video_folder, limit_test_batches=1)
    assert "card.md" not in names
    assert "only a part of the videos was tested" in caplog.text


def test_without_pyarrow_the_rest_is_written(video_folder, tmp_path, caplog, monkeypatch):
    def refuse(path: Path) -> None:
        raise ValueError(f"{path}: Parquet needs pyarrow")

    monkeypatch.setattr("vidmask.evaluation.scores.check_pyarrow", refuse)
    names = written(tmp_path, video_folder)
    assert "card.md" in names
    assert "scores.parquet" not in names
    assert "the scores of single videos are not written" in caplog.text


def test_other_modules_are_left_alone(tmp_path):
    trainer = quiet_trainer(default_root_dir=tmp_path)
    ClassificationReport().on_test_end(trainer, LightningModule())
    assert list(tmp_path.iterdir()) == []
