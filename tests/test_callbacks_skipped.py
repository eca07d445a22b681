"""Samples that could not be decoded: counted, listed, and told of."""

import csv
import json
import logging
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from torch import Tensor
from torch.utils.data import DataLoader
from trainers import quiet_trainer

from vidmask.callbacks import SkippedSamples
from vidmask.cli import main
from vidmask.tokens import ClipBatch

A, B = ("a.mp4", "a.mp4: is empty"), ("b, b.mp4", "b, b.mp4: is\nno video")
LISTED = [["path", "reason"], ["a.mp4", "is empty"], ["b, b.mp4", "is\nno video"]]


class Line(LightningModule):
    """The least that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        return self.weight * batch.clips.mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Kept(Logger):
    """Keeps what is logged."""

    name = version = "kept"

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, dict[str, float]]] = []

    def log_hyperparams(self, *args: object, **kwargs: object) -> None:
        pass

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.lines.append((step, metrics))


def fit(folder: Path, epoch: list[list[tuple[str, str]]], num_epochs: int = 1, resume: bool = False):
    """Train on a batch for each of the lists, which it has skipped; save at the end."""
    index = torch.arange(1)
    batch = ClipBatch(torch.rand(1, 3, 2, 2, 2), {}, index, index.float(), index, [0], ["good"], [])
    skipped, logger = SkippedSamples(), Kept()
    trainer = quiet_trainer(
        max_epochs=num_epochs,
        logger=logger,
        callbacks=[skipped],
        default_root_dir=folder,
    )
    loader = DataLoader([batch._replace(skipped=list(lost)) for lost in epoch], batch_size=None)
    trainer.fit(Line(), loader, ckpt_path=folder / "end.ckpt" if resume else None, weights_only=True)
    trainer.save_checkpoint(folder / "end.ckpt")
    lines = [(step, line) for step, line in logger.lines if "train/skipped_samples" in line]
    return skipped.num_skipped, [(step, line["train/skipped_samples"]) for step, line in lines]


def rows(folder: Path) -> list[list[str]]:
    with (folder / "skipped.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_samples_are_counted_and_files_listed_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    count, logged = fit(tmp_path, [[A], [], [A, B]], num_epochs=2)
    assert count == 6
    assert logged == [(1, 1), (3, 3), (4, 4), (6, 6)]
    assert rows(tmp_path) == LISTED
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "skipped" in r.name]
    assert told == [
        "skipped in training, as listed in skipped.csv: a.mp4: is empty",
        "skipped in training, as listed in skipped.csv: b, b.mp4: is no video",
    ]


def test_nothing_skipped_leaves_no_file(tmp_path: Path) -> None:
    assert fit(tmp_path, [[], []]) == (0, [])
    assert not (tmp_path / "skipped.csv").exists()


def test_a_resumed_run_counts_on_and_lists_no_file_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(tmp_path, [[A], []])
    caplog.clear()
    count, logged = fit(tmp_path, [[A], [B]], num_epochs=2, resume=True)
    assert (count, logged) == (3, [(3, 2), (4, 3)])
    assert rows(tmp_path) == LISTED
    assert [record.getMessage()[-20:] for record in caplog.records if "skipped" in record.name] == [
        "b, b.mp4: is no video"[-20:]
    ]


def test_a_name_that_is_not_utf8_is_listed_and_known_again(tmp_path: Path) -> None:
    odd = (b"caf\xe9.mp4".decode(errors="surrogateescape"), "is empty")
    fit(tmp_path, [[odd]])
    fit(tmp_path, [[odd]])
    assert (tmp_path / "skipped.csv").read_bytes() == b"path,reason\ncaf\xe9.mp4,is empty\n"


def test_several_processes_are_added_up_once_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = []

    def all_gather_object(into: list[object], own: object) -> None:
        gathered.append(own)
        into[:] = [own, [B]]

    monkeypatch.setattr(Trainer, "world_size", 2)
    monkeypatch.setattr(torch.distributed, "all_gather_object", all_gather_object)
    count, logged = fit(tmp_path, [[A], [], [A]], num_epochs=2)
    assert gathered == [[A, A], [A, A]]
    assert (count, logged) == (6, [(3, 3), (6, 6)])
    assert rows(tmp_path) == LISTED


def test_a_checkpoint_in_mid_epoch_holds_what_is_not_yet_added_up() -> None:
    skipped, resumed = SkippedSamples(), SkippedSamples()
    skipped.num_skipped, skipped._uncounted = 3, [A, B]
    resumed.load_state_dict(skipped.state_dict())
    assert resumed.num_skipped == 5


def test_a_run_of_the_command_line_counts_lists_and_tells(
    video_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for split in ("train", "val"):
        (tmp_path / "videos" / split / "jump").mkdir(parents=True)
        for number in range(2):
            link = tmp_path / "videos" / split / "jump" / f"{number}.mp4"
            link.symlink_to(video_folder / split / "jump" / f"{number}.mp4")
    bad = tmp_path / "videos/train/jump/bad.mp4"
    bad.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDMASK_RUNS", str(tmp_path / "runs"))
    args = [
        *("fit", "--config", "quickstart/mae_st", "--data.source=VideoFolder"),
        *("--data.source.root", str(tmp_path / "videos"), "--data.batch_size", "3"),
        *("--data.num_workers", "0", "--data.stride_frames", "1", "--data.max_skipped_share", "0.5"),
        *("--trainer.accelerator", "cpu", "--trainer.max_epochs", "2", "--trainer.log_every_n_steps", "1"),
        "--trainer.callbacks=[{class_path: OnlineProbe}, {class_path: RunSummary}]",
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
    ]
    assert main(args) == 0
    folder = (tmp_path / "runs/quickstart/mae_st/latest").resolve()
    header, (path, reason) = rows(folder)
    assert header == ["path", "reason"]
    assert Path(path) == bad
    assert path.endswith("bad.mp4")
    # The path has a column of its own.
    assert "bad.mp4" not in reason
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    counted = [
        (line["step"], line["train/skipped_samples"]) for line in lines if "train/skipped_samples" in line
    ]
    assert counted == [(1, 1), (2, 2)]
    assert "2 samples skipped" in capsys.readouterr().out
    (told,) = [record.getMessage() for record in caplog.records if "skipped" in record.name]
    assert told == f"skipped in training, as listed in skipped.csv: {path}: {reason}"


def test_a_run_with_too_many_broken_videos_stops_says_so_and_lists_them(
    video_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    for number in range(3):
        (tmp_path / f"videos/{number}.mp4").symlink_to(video_folder / f"train/jump/{number}.mp4")
    (tmp_path / "videos/bad.mp4").write_bytes(b"")
    args = [
        *("fit", "--config", "quickstart/mae_st", "--run.root", str(tmp_path / "runs")),
        *("--data.source=VideoFolder", "--data.root", str(tmp_path / "videos"), "--data.batch_size", "2"),
        *("--data.num_workers", "0", "--trainer.accelerator", "cpu", "--trainer.callbacks", "null"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
    ]
    assert main(args) == 2
    told = capsys.readouterr().err
    assert "1 of 4 training videos cannot be decoded, more than the share of 0.05" in told
    (folder,) = (tmp_path / "runs/quickstart/mae_st").glob("2*")
    assert [Path(path).name for path, _ in rows(folder)[1:]] == ["bad.mp4"]
    assert main([*args, "--data.max_skipped_share", "0.25", "--trainer.max_steps", "2"]) == 0
