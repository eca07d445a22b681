"""What the test of a classifier leaves behind."""

from pathlib import Path

import pytest
from lightning.pytorch import LightningModule
from test_classification_module import classification, data
from trainers import quiet_trainer

from vidmask.callbacks.classification_report import ClassificationReport
from vidmask.evaluation.scores import read_scores


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
