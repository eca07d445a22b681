from typing import ClassVar

import pytest
import torch

from vidmask.cli import benchmark
from vidmask.cli.benchmark import Benchmark
from vidmask.data.stages import STAGES
from vidmask.data.throughput import (
    LoaderRate,
    LoaderSetting,
    StageTimes,
    StepRate,
    TrainingRate,
    configured,
    use,
)
from vidmask.tokens import ClipBatch


def settings(now, readers, workers):
    chosen = benchmark._settings(now, readers, workers)
    return [(setting.reader, setting.num_workers) for setting in chosen]


@pytest.mark.parametrize(
    ("processors", "numbers"),
    [(1, [0, 1]), (2, [0, 1, 2]), (6, [0, 1, 2, 4]), (64, [0, 1, 2, 4, 8, 16])],
)
def test_workers_are_compared_up_to_the_processors(monkeypatch, processors, numbers):
    monkeypatch.setattr(benchmark, "processors", lambda: processors)
    assert settings(LoaderSetting("pyav", 0), ["pyav"], None) == [("pyav", number) for number in numbers]


def test_the_configured_setting_is_always_among_the_compared():
    chosen = settings(LoaderSetting("torchcodec", 3), ["pyav"], [1])
    assert chosen == [("pyav", 1), ("pyav", 3), ("torchcodec", 1), ("torchcodec", 3)]


def test_shrinking_is_the_mean_of_the_areas():
    def batch(*boxes) -> ClipBatch:
        number = len(boxes)
        index = torch.arange(number)
        clips = torch.zeros(number, 3, 2, 10, 10)
        names = [""] * number
        return ClipBatch(clips, {}, index, index.float(), index, [0] * number, names, [], torch.tensor(boxes))

    # 400, 200 and 600 pixels, of which clips keep 100.
    batches = [batch((0, 0, 20, 20), (3, 4, 10, 20)), batch((0, 0, 30, 20))]
    assert benchmark._shrinking(batches, 10) == pytest.approx(4.0)


class FakeCLI:
    """A recipe of which only the data are there; training is told what it gives."""

    rates: ClassVar = {0: 50.0, 1: 80.0, 2: 95.0}

    def __init__(self, data) -> None:
        self.datamodule = data
        self.device = torch.device("cpu")
        self.trained = []
        self.trainer = type("Trainer", (), {"precision": "32-true"})()
        self.filing = type("Filing", (), {"recipe": "a/recipe"})()

    def prepare(self) -> None:
        self.datamodule.prepare_data()

    def measure_step(self, batches, seconds) -> StepRate:
        return StepRate(100.0, 40.0, 0.0)

    def measure_training(self, setting, seconds) -> TrainingRate:
        self.trained.append(setting.num_workers)
        return TrainingRate(setting, self.rates[setting.num_workers], 0.5)


@pytest.fixture
def found(video_folder, tmp_path, monkeypatch) -> Benchmark:
    from vidmask.data.datamodule import VideoDataModule
    from vidmask.data.sources import VideoFolder

    cli = FakeCLI(VideoDataModule(VideoFolder(video_folder), 4, 16, batch_size=2, num_workers=0))
    alone = {0: 100.0, 1: 95.0, 2: 200.0}
    monkeypatch.setattr(benchmark, "build", lambda words, folder: cli)
    monkeypatch.setattr(
        benchmark,
        "measure_loader",
        lambda data, setting, seconds: LoaderRate(setting, alone[setting.num_workers], 0.1, 10, 0, {}),
    )
    monkeypatch.setattr(
        benchmark,
        "measure_stages",
        lambda data, setting, *rest: StageTimes(setting.reader, dict.fromkeys(STAGES, 1.0), 10.0, 10),
    )
    monkeypatch.setattr(benchmark, "_in_words", lambda cli: "CPU")
    return benchmark.benchmark([], tmp_path, readers=["pyav"], workers=[0, 1, 2], seconds=0.01)


def test_what_promises_more_is_tried_until_one_is_enough(found):
    trained = [training.setting.num_workers for training in found.measured.trainings]
    assert trained == [0, 1, 2]
    assert found.verdict.setting == "--data.num_workers 2"
    assert found.max_skipped_share == 0.05


def test_trying_ends_with_the_first_that_is_enough(monkeypatch, request):
    monkeypatch.setattr(FakeCLI, "rates", {0: 50.0, 1: 92.0, 2: 95.0})
    found = request.getfixturevalue("found")
    assert [training.setting.num_workers for training in found.measured.trainings] == [0, 1]
    assert found.verdict.setting == "--data.num_workers 1"


def test_a_setting_reaches_the_loader(video_folder):
    from vidmask.data.datamodule import VideoDataModule
    from vidmask.data.sources import VideoFolder

    data = VideoDataModule(VideoFolder(video_folder), 4, 16, batch_size=2, num_workers=0)
    use(data, LoaderSetting("torchcodec", 2))
    assert configured(data) == LoaderSetting("torchcodec", 2)
    assert data.train_dataloader().dataset.reader == "torchcodec"
