import multiprocessing
import time
from pathlib import Path

import pytest
from videos import write_numbered

from vidmask.data import clips
from vidmask.data.clips import ClipDataset
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.readers import ClipReader, VideoReadError, open_video
from vidmask.data.sources import VideoFolder
from vidmask.data.throughput import LoaderSetting, configured, first_batches, measure_loader
from vidmask.data.throughput.loading import read_here, round_length


def module(folder: Path, **options) -> VideoDataModule:
    options = {"frames": 4, "size": 16, "batch_size": 2, "num_workers": 0} | options
    return VideoDataModule(VideoFolder(folder), **options)


@pytest.fixture
def partly_broken(tmp_path: Path) -> Path:
    for number in range(3):
        write_numbered(tmp_path / f"{number}.mp4", 20)
    (tmp_path / "3.mp4").write_bytes(b"no video" * 100)
    return tmp_path


@pytest.mark.parametrize(
    ("num_batches", "num_workers", "length"),
    [(5, 0, 1), (1, 0, 1), (100, 1, 1), (100, 8, 8), (8, 2, 8), (9, 2, 2), (1, 4, 1)],
)
def test_a_round_is_a_batch_of_each_worker_or_a_short_epoch(num_batches, num_workers, length):
    assert round_length(num_batches, num_workers) == length


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_rate_is_what_decoding_allows(video_folder, monkeypatch, num_workers):
    read = ClipDataset.__getitem__

    def slow(self, key) -> list:
        time.sleep(0.02)
        return read(self, key)

    monkeypatch.setattr(ClipDataset, "__getitem__", slow)
    measured = measure_loader(module(video_folder), LoaderSetting("pyav", num_workers), 0.3)
    # No more than 50 clips a second from each process that reads them.
    assert 0 < measured.clips_per_second < 51 * max(num_workers, 1)
    assert (measured.num_skipped, measured.unreadable) == (0, {})
    assert measured.first_batch_seconds > 0.04


def test_the_reader_and_the_workers_are_those_asked_for(video_folder, monkeypatch):
    seen = []

    def noting(path, reader, clock) -> ClipReader:
        seen.append(reader)
        return open_video(path, "pyav", clock)

    monkeypatch.setattr(clips, "open_video", noting)
    data = module(video_folder)
    measure_loader(data, LoaderSetting("torchcodec", 0), 0.0)
    assert set(seen) == {"torchcodec"}
    seen.clear()
    measure_loader(data, LoaderSetting("torchcodec", 1), 0.0)
    # Not in this process.
    assert seen == []


def test_workers_end_with_the_measurement(video_folder):
    before = multiprocessing.active_children()
    measured = measure_loader(module(video_folder), LoaderSetting("pyav", 2), 0.1)
    assert multiprocessing.active_children() == before
    # Whole epochs of ten videos.
    assert measured.num_clips % 10 == 0


def test_what_cannot_be_read_is_counted_and_is_in_no_rate(partly_broken):
    measured = measure_loader(module(partly_broken), LoaderSetting("pyav", 1), 0.0)
    # One epoch, of two batches.
    assert (measured.num_clips, measured.num_skipped) == (3, 1)
    assert list(measured.unreadable) == [str(partly_broken / "3.mp4")]


def test_the_first_batches_are_those_of_training(video_folder):
    data = module(video_folder)
    trained = [batch.video_index.tolist() for batch in data.train_dataloader()]
    assert [batch.video_index.tolist() for batch in first_batches(data, 3)] == trained[:3]
    assert len(first_batches(data, 100)) == 5


def test_the_next_epoch_has_its_own_order(video_folder):
    data = module(video_folder)
    batches = read_here(data, data.training_clips())
    epochs = [[index for _ in range(5) for index in next(batches).video_index.tolist()] for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]


def test_videos_of_which_none_can_be_read_are_told(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(VideoReadError, match=r"none of the 4 training videos tried can be read; the last: "):
        first_batches(module(tmp_path), 2)


def test_too_few_videos_are_told(video_folder):
    with pytest.raises(ValueError, match="give a batch_size of at most 10"):
        first_batches(module(video_folder, batch_size=16), 2)


@pytest.mark.parametrize("num_workers", [None, 1])
def test_the_configured_workers_are_those_of_the_loader(video_folder, num_workers):
    data = module(video_folder, num_workers=num_workers)
    assert configured(data) == LoaderSetting("pyav", data.train_dataloader().num_workers)
