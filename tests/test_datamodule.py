"""Batches are the same whatever the number of workers and ranks; evaluation and probes draw nothing."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from test_callbacks_reconstructions import module as pretraining
from torch import Tensor
from trainers import quiet_trainer

from vidmask.callbacks import OnlineProbe, ReconstructionLogger
from vidmask.data.augmentation import RandomFlip
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.readers import VideoReadError
from vidmask.data.skip_limit import TooManySkippedError
from vidmask.data.sources import VideoFolder
from vidmask.targets import PixelTarget
from vidmask.tokens import ClipBatch


def module(folder: Path, **options: object) -> VideoDataModule:
    defaults = {"frames": 4, "size": 16, "stride_frames": 2, "batch_size": 4, "num_workers": 0, "seed": 3}
    return VideoDataModule(VideoFolder(folder), **(defaults | options))


def equal(first: ClipBatch, second: ClipBatch) -> bool:
    return (
        torch.equal(first.clips, second.clips)
        and torch.equal(first.video_index, second.video_index)
        and torch.equal(first.start_seconds, second.start_seconds)
        and torch.equal(first.labels["class"], second.labels["class"])
        and (first.seeds, first.paths) == (second.seeds, second.paths)
    )


class Probe(LightningModule):
    """Keeps the batches that its steps get."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches: dict[str, list[ClipBatch]] = {"fit": [], "validate": [], "test": [], "predict": []}

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        self.batches["fit"].append(batch)
        return self.weight * batch.clips.mean()

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        self.batches["validate"].append(batch)

    def test_step(self, batch: ClipBatch, batch_idx: int) -> None:
        self.batches["test"].append(batch)

    def predict_step(self, batch: ClipBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.batches["predict"].append(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(**options: object) -> Trainer:
    return quiet_trainer(
        max_epochs=2,
        log_every_n_steps=1,
        **options,
    )


@pytest.mark.filterwarnings("ignore:The .*dataloader.* does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec")
def test_lightning_runs_every_stage(video_folder: Path) -> None:
    data, probe = module(video_folder, flip=1.0), Probe()
    trainer(num_sanity_val_steps=1).fit(probe, data)
    assert len(probe.batches["fit"]) == 2 * (10 // 4)
    trainer().test(probe, data, verbose=False)
    trainer().predict(probe, data)
    for stage in ("fit", "validate", "test", "predict"):
        batch = probe.batches[stage][0]
        assert batch.clips.dtype == torch.float32
        assert 0 <= float(batch.clips.min()) < float(batch.clips.max()) <= 1
        assert batch.clips.shape[1:] == (3, 4, 16, 16)
    raw = next(iter(module(video_folder).train_dataloader()))
    assert torch.equal(probe.batches["fit"][0].clips, raw.clips.flip(-1).float() / 255)
    raw = next(iter(module(video_folder).val_dataloader()))
    assert torch.equal(probe.batches["validate"][0].clips, raw.clips.float() / 255)


def test_workers_change_no_batch(video_folder: Path) -> None:
    alone, helped = (
        module(video_folder).train_dataloader(),
        module(video_folder, num_workers=2).train_dataloader(),
    )
    for epoch in (0, 1):
        alone.sampler.set_epoch(epoch)
        helped.sampler.set_epoch(epoch)
        pairs = list(zip(alone, helped, strict=True))
        assert len(pairs) == 2
        assert all(equal(first, second) for first, second in pairs)


def test_two_ranks_see_the_clips_of_one(video_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def clips(batch_size: int, rank: int, num_ranks: int) -> list[dict[int, Tensor]]:
        monkeypatch.setattr(VideoDataModule, "_ranks", lambda self: (rank, num_ranks))
        loader = module(video_folder, batch_size=batch_size).train_dataloader()
        loader.sampler.set_epoch(1)
        return [dict(zip(batch.seeds, batch.clips, strict=True)) for batch in loader]

    whole, first, second = clips(4, 0, 1), clips(2, 0, 2), clips(2, 1, 2)
    for batch, share, other in zip(whole, first, second, strict=True):
        assert not share.keys() & other.keys()
        both = share | other
        assert both.keys() == batch.keys()
        assert all(torch.equal(both[seed], batch[seed]) for seed in batch)


def test_another_seed_draws_other_clips(video_folder: Path) -> None:
    first, other = (next(iter(module(video_folder, seed=seed).train_dataloader())) for seed in (3, 4))
    assert set(first.seeds).isdisjoint(other.seeds)


def test_the_seed_of_the_run_is_taken(video_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "11")
    assert module(video_folder, seed=None).seed == 11
    monkeypatch.delenv("PL_GLOBAL_SEED")
    assert module(video_folder, seed=None).seed == 0


def test_evaluation_takes_every_video_once_and_always_the_same_clip(video_folder: Path) -> None:
    data = module(video_folder, eval_batch_size=3)
    loader = data.val_dataloader()
    first = list(loader)
    loader.sampler.set_epoch(5)
    assert [index for batch in first for index in batch.video_index.tolist()] == [0, 1, 2, 3]
    assert all(equal(*pair) for pair in zip(first, loader, strict=True))


def test_no_validation_split_gives_no_loader(video_folder: Path) -> None:
    data = module(video_folder / "train")
    assert data.val_dataloader() == []
    assert data.probe_loader("val") is None
    with pytest.raises(ValueError, match="no test split"):
        data.test_dataloader()


@pytest.mark.filterwarnings("ignore:The .*dataloader.* does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec")
def test_to_validate_takes_a_validation_split_and_to_fit_does_not(video_folder: Path) -> None:
    data = module(video_folder / "train")
    trainer().fit(Probe(), data)
    with pytest.raises(ValueError, match="no validation split: name one to validate on"):
        trainer().validate(Probe(), data, verbose=False)


def test_predictions_are_made_for_the_splits_asked_for_that_the_source_has(
    video_folder: Path, tmp_path: Path
) -> None:
    def splits(data: VideoDataModule) -> list[str]:
        return [Path(next(iter(loader)).paths[0]).parts[-3] for loader in data.predict_dataloader()]

    for split in ("test", "train"):
        (tmp_path / split).symlink_to(video_folder / split)
    assert splits(module(tmp_path)) == ["train", "test"]
    assert module(tmp_path).predicted_splits == ("train", "test")
    data = module(video_folder, predict_splits=("test", "val"))
    assert data.predicted_splits == ("test", "val")
    assert splits(data) == ["test", "val"]
    message = "data.predict_splits asks for val, of which the source has none"
    with pytest.raises(ValueError, match=message):
        module(tmp_path, predict_splits=("val",)).predict_dataloader()


def test_each_video_is_predicted_once_in_order_with_the_views_of_a_test(video_folder: Path) -> None:
    data = module(video_folder, flip=1.0, test_clips=2, test_crops=3, eval_batch_size=12)
    train = list(data.predict_dataloader()[0])
    again = list(data.predict_dataloader()[0])
    assert all(equal(*pair) for pair in zip(train, again, strict=True))
    assert [len(batch.paths) for batch in train] == [12] * 5
    pairs = [pair for one in train for pair in zip(one.video_index.tolist(), one.view.tolist(), strict=True)]
    assert pairs == [(video, view) for video in range(10) for view in range(6)]
    tested, predicted = next(iter(data.test_dataloader())), next(iter(data.predict_dataloader()[2]))
    assert equal(tested, predicted)


@pytest.mark.filterwarnings("ignore:The .*dataloader.* does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec")
def test_predictions_pass_over_broken_videos_as_fit_and_evaluation_do(
    video_folder: Path, tmp_path: Path
) -> None:
    for split in ("train", "val"):
        (tmp_path / split / "jump").mkdir(parents=True)
        (tmp_path / split / "jump/0.mp4").symlink_to(video_folder / "train/jump/0.mp4")
        (tmp_path / split / "jump/bad.mp4").write_bytes(b"")
    # One video a batch: that of the broken one has no clips.
    options = {"batch_size": 1, "eval_batch_size": 1}
    train, val = module(tmp_path, **options).predict_dataloader()
    assert [(len(batch.paths), len(batch.skipped)) for batch in train] == [(1, 0), (0, 1)]
    with pytest.raises(VideoReadError, match=r"bad\.mp4.*this validation video.*--data\.on_error_eval skip"):
        list(val)
    probe = Probe()
    trainer().predict(probe, module(tmp_path, on_error_eval="skip", **options), return_predictions=False)
    assert [len(batch.paths) for batch in probe.batches["predict"]] == [1, 0, 1, 0]
    train, _ = module(tmp_path, on_error_fit="raise", on_error_eval="skip", **options).predict_dataloader()
    with pytest.raises(VideoReadError, match=r"bad\.mp4.*this training video.*--data\.on_error_fit skip"):
        list(train)


def test_a_probe_sees_a_fixed_part_of_the_videos_once(video_folder: Path) -> None:
    data = module(video_folder)
    part = [batch for _ in range(2) for batch in data.probe_loader("train", 6)]
    assert torch.equal(part[0].clips, part[2].clips)
    places = part[0].video_index.tolist() + part[1].video_index.tolist()
    assert len(set(places)) == 6
    assert places == sorted(places)
    centre = data.dataset("train")
    assert centre is not None
    assert torch.equal(part[0].clips[0], centre[places[0]][0].clip)
    assert sum(len(batch.paths) for batch in data.probe_loader("val", 99)) == 4
    assert {*places} != {*module(video_folder, seed=4).probe_loader("train", 6).sampler}


def test_a_broken_video_is_skipped_in_training_and_ends_an_evaluation(
    video_folder: Path, tmp_path: Path
) -> None:
    for split in ("train", "val"):
        folder = tmp_path / split / "jump"
        folder.mkdir(parents=True)
        (folder / "good.mp4").symlink_to(video_folder / "train/jump/0.mp4")
        (folder / "bad.mp4").write_bytes(b"")
    data = module(tmp_path, batch_size=2)
    batch = next(iter(data.train_dataloader()))
    assert len(batch.paths) == 1
    assert [Path(path).name for path, _ in batch.skipped] == ["bad.mp4"]
    with pytest.raises(VideoReadError, match=r"bad\.mp4"):
        next(iter(data.val_dataloader()))
    with pytest.raises(VideoReadError, match=r"bad\.mp4"):
        next(iter(module(tmp_path, batch_size=2, on_error_fit="raise").train_dataloader()))


@pytest.mark.filterwarnings("ignore:The .*dataloader.* does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec")
def test_a_probe_skips_broken_training_videos_as_training_does(video_folder: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split / "jump").mkdir(parents=True)
        for number in range(2):
            link = tmp_path / split / "jump" / f"{number}.mp4"
            link.symlink_to(video_folder / "train/jump" / f"{number}.mp4")
    bad = tmp_path / "train/jump/bad.mp4"
    bad.write_bytes(b"")

    def fit(**options: object) -> OnlineProbe:
        probe = OnlineProbe()
        options = {"frames": 4, "size": 8, "batch_size": 3, "max_skipped_share": 1.0} | options
        watched = trainer(callbacks=[probe], default_root_dir=tmp_path)
        watched.fit(pretraining(PixelTarget("none", "all")), module(tmp_path, **options))
        return probe

    assert fit().untrained["rankme"] >= 1
    (batch,) = module(tmp_path).probe_loader("train")
    assert (len(batch.paths), [Path(path).name for path, _ in batch.skipped]) == (2, ["bad.mp4"])
    # In a batch of the probe's own.
    assert fit(batch_size=2).untrained["rankme"] >= 1
    with pytest.raises(VideoReadError, match=r"bad\.mp4.*this training video.*--data\.on_error_fit skip"):
        fit(on_error_fit="raise")
    bad.rename(tmp_path / "val/jump/bad.mp4")
    with pytest.raises(VideoReadError, match=r"bad\.mp4.*this validation video.*--data\.on_error_eval skip"):
        fit()


def test_where_no_training_video_can_be_decoded_the_limit_says_so(video_folder: Path, tmp_path: Path) -> None:
    for number in range(3):
        bad = tmp_path / "train/jump" / f"{number}.mp4"
        bad.parent.mkdir(parents=True, exist_ok=True)
        bad.write_bytes(b"")
    (tmp_path / "val/jump").mkdir(parents=True)
    (tmp_path / "val/jump/0.mp4").symlink_to(video_folder / "train/jump/0.mp4")
    callbacks = [OnlineProbe(), ReconstructionLogger(split="train")]
    watched = trainer(callbacks=callbacks, default_root_dir=tmp_path)
    with pytest.raises(TooManySkippedError, match=r"^[123] of 3 training videos .* data\.max_skipped_share"):
        watched.fit(pretraining(PixelTarget("none", "all")), module(tmp_path, size=8, batch_size=2))


def test_a_probe_leaves_out_validation_videos_that_are_skipped(
    video_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for split in ("train", "val"):
        (tmp_path / split / "jump").mkdir(parents=True)
        for number in range(2):
            link = tmp_path / split / "jump" / f"{number}.mp4"
            link.symlink_to(video_folder / "train/jump" / f"{number}.mp4")
    (tmp_path / "val/jump/bad.mp4").write_bytes(b"")
    probe = OnlineProbe()
    watched = trainer(callbacks=[probe], default_root_dir=tmp_path)
    # Broken videos fill a batch of their own, in probes and in validation.
    watched.fit(
        pretraining(PixelTarget("none", "all")), module(tmp_path, size=8, batch_size=2, on_error_eval="skip")
    )
    assert probe.untrained["rankme"] >= 1
    told = [record.getMessage() for record in caplog.records if "left out of probes" in record.getMessage()]
    assert len(told) == 1
    assert "1 video (" in told[0]
    assert "bad.mp4) of val" in told[0]
    for number in range(2):
        (tmp_path / "val/jump" / f"{number}.mp4").unlink()
    watched = trainer(callbacks=[OnlineProbe()], default_root_dir=tmp_path)
    watched.fit(
        pretraining(PixelTarget("none", "all")), module(tmp_path, size=8, batch_size=2, on_error_eval="skip")
    )


def test_the_number_of_batches_is_known_beforehand(video_folder: Path) -> None:
    data = module(video_folder)
    assert data.num_train_batches() == len(data.train_dataloader()) == 2
    assert data.num_train_batches(num_ranks=2) == 1


def test_classes_are_those_of_the_source(video_folder: Path) -> None:
    assert module(video_folder).classes == {"class": ("jump", "run")}


def test_a_batch_that_no_epoch_fills_is_refused(video_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"10 training videos fill no batch of 64 clips.*at most 10"):
        module(video_folder, batch_size=64).train_dataloader()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"eval_batch_size": 0}, "eval_batch_size must be at least 1, got 0"),
        ({"num_workers": -1}, "num_workers must be at least 0, got -1"),
        ({"flip": 2.0}, r"flip must be a probability in \[0, 1\], got 2.0"),
        ({"stride_seconds": 0.1}, "give one of stride_frames and stride_seconds"),
        ({"scale": (0.0, 1.0)}, "scale must be"),
        ({"predict_splits": ()}, r"predict_splits must be one or more of train, val, test, got \[\]"),
        ({"predict_splits": ("val", "val")}, "predict_splits has a split twice: val, val"),
    ],
)
def test_wrong_numbers_are_refused(video_folder: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module(video_folder, **arguments)


def test_workers_are_the_processors_that_training_leaves(
    video_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidmask.data.workers.processors", lambda: 16)
    data = module(video_folder, num_workers=None)
    data.trainer = SimpleNamespace(num_devices=4)
    assert data.probe_loader("train").num_workers == 2
    assert module(video_folder, num_workers=3).probe_loader("train").num_workers == 3


def test_two_augmentations_of_the_same_draws_are_refused(video_folder: Path) -> None:
    message = "two augmentations draw the same numbers, as both have the choice 'flip'"
    with pytest.raises(ValueError, match=message):
        module(video_folder, flip=0.5, augmentations=[RandomFlip()])
