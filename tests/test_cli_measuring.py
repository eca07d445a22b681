import os
import time

import pytest
import torch
from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader
from trainers import quiet_trainer

from vidmask.cli import measuring
from vidmask.cli.measuring import MeasuringCLI, Stopwatch, build
from vidmask.data.clips import ClipDataset
from vidmask.data.throughput import LoaderSetting, first_batches
from vidmask.data.transforms import to_float
from vidmask.progress import DataWait
from vidmask.tokens import ClipBatch

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = [
    *("--trainer.accelerator", "cpu"),
    *("--data.batch_size", "4"),
    *("--data.num_workers", "0"),
    *("--model.encoder.embed_dim", "24"),
    *("--model.encoder.depth", "1"),
    *("--model.encoder.num_heads", "2"),
]


@pytest.fixture(scope="module")
def cli(moving_shapes, tmp_path_factory) -> MeasuringCLI:
    source = ["--data.root", str(moving_shapes)]
    for split, number in (("train", 16), ("val", 4), ("test", 4)):
        source.append(f"--data.source.num_{split}={number}")
    folder = tmp_path_factory.mktemp("measured")
    # A recipe that would stop at once, write and call back.
    stops = ["--trainer.max_epochs", "1", "--trainer.fast_dev_run", "true", "--trainer.devices", "2"]
    built = build(["--config", "quickstart/mae_st", *source, *TINY, *stops], folder)
    built.prepare()
    assert list(folder.iterdir()) == []
    return built


@pytest.fixture
def slow(monkeypatch):
    """Every video takes 20 ms more."""
    read = ClipDataset.__getitem__

    def slowly(self, key) -> list:
        time.sleep(0.02)
        return read(self, key)

    monkeypatch.setattr(ClipDataset, "__getitem__", slowly)


def test_nothing_is_filed_or_told_to_other_processes(cli):
    assert cli.trainer.loggers == []
    assert cli.trainer.checkpoint_callback is None
    assert not any(name.startswith("VIDMASK_RUN_FOLDER") for name in os.environ)
    assert list(cli.filing.root.iterdir()) == []


def test_training_waits_for_slow_data(cli, slow):
    measured = cli.measure_training(LoaderSetting("pyav", 0), 0.3)
    assert measured.clips_per_second < 50
    # Four videos a step.
    assert 1 > measured.data_wait > 0.08 * measured.clips_per_second / 4


def test_a_step_with_batches_ready_reads_nothing(cli, monkeypatch):
    batches = first_batches(cli.datamodule, 2)
    monkeypatch.delattr(ClipDataset, "__getitem__")
    step = cli.measure_step(batches, 0.1)
    assert step.clips_per_second == pytest.approx(4000 / step.step_milliseconds)
    assert 0 < step.augment_milliseconds < step.step_milliseconds


def test_training_is_measured_with_the_workers_asked_for(cli, slow):
    with_worker = cli.measure_training(LoaderSetting("pyav", 1), 0.2)
    assert with_worker.setting == LoaderSetting("pyav", 1)
    assert with_worker.clips_per_second < 51


def test_a_step_is_the_one_of_the_recipe(cli, monkeypatch):
    before = {name: weight.clone() for name, weight in cli.model.state_dict().items()}
    steps = []
    training_step = cli.model.training_step

    def noting(batch, batch_idx) -> torch.Tensor:
        steps.append((batch.clips.dtype, len(batch.clips), float(batch.clips.max()) <= 1))
        return training_step(batch, batch_idx)

    monkeypatch.setattr(cli.model, "training_step", noting)
    cli.measure_step(first_batches(cli.datamodule, 1), 0.0)
    assert steps == [(torch.float32, 4, True)] * 4
    # The optimizer has stepped, at the start of a schedule so long that little changes.
    after = cli.model.state_dict()
    assert any(not torch.equal(before[name], weight) for name, weight in after.items())
    assert all(torch.allclose(before[name], weight, atol=1e-4) for name, weight in after.items())


def test_ready_batches_are_augmented_as_in_training(cli, monkeypatch):
    (batch,) = first_batches(cli.datamodule, 1)
    seen = []
    training_step = cli.model.training_step

    def noting(given, batch_idx) -> torch.Tensor:
        seen.append(given.clips)
        return training_step(given, batch_idx)

    monkeypatch.setattr(cli.model, "training_step", noting)
    monkeypatch.setattr(cli.datamodule, "augmentations", [lambda clips, seeds: clips.flip(-1)])
    monkeypatch.setattr(cli.datamodule, "trainer", None)
    cli.measure_step([batch], 0.0)
    assert all(torch.equal(clips, to_float(batch.clips).flip(-1)) for clips in seen)


def test_what_could_not_be_read_stops_no_measurement(cli):
    (batch,) = first_batches(cli.datamodule, 1)
    lossy = batch._replace(skipped=[("a.mp4", "is broken")] * 100)
    assert cli.measure_step([lossy], 0.0).clips_per_second > 0


def test_the_training_of_a_tokenizer_is_measured_too(tokenizer_folder, tmp_path):
    built = build(["--config", str(tokenizer_folder / "small.yaml"), *_sizes()], tmp_path)
    built.prepare()
    assert built.measure_step(first_batches(built.datamodule, 2), 0.0).clips_per_second > 0
    assert built.measure_training(LoaderSetting("pyav", 0), 0.0).clips_per_second > 0


def _sizes() -> list[str]:
    return [
        f"--data.source.num_{split}={number}" for split, number in (("train", 16), ("val", 4), ("test", 4))
    ]


class Step(LightningModule):
    """The least that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch, batch_idx):
        return self.weight.square().sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def test_a_stopwatch_counts_steps_of_accumulated_batches_after_the_warm_up(monkeypatch):
    times = [10.0, 11.0, 13.0, 16.0, 20.0]
    monkeypatch.setattr(measuring, "perf_counter", lambda: times.pop(0))
    index = torch.arange(3)
    clips = torch.zeros(3, 3, 2, 4, 4)
    batch = ClipBatch(clips, {}, index, index.float(), index, [0] * 3, [""] * 3, [])
    watch = Stopwatch(5.0, 1)
    settings = {"accumulate_grad_batches": 2, "profiler": DataWait(), "max_epochs": -1}
    trainer = quiet_trainer(callbacks=[watch], **settings)
    trainer.fit(Step(), DataLoader([batch] * 100, batch_size=None))
    assert watch.seconds == [1.0, 2.0, 3.0]
    assert watch.num_clips == [6, 6, 6]
    assert all(0 < wait < 1 for wait in watch.waits)
    assert times == [20.0]
