import time

import pytest
import torch

from vidmask.data.clips import ClipDataset
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.readers import VideoReadError, installed_readers
from vidmask.data.sources import VideoFolder
from vidmask.data.stages import STAGES
from vidmask.data.throughput import LoaderSetting, measure_stages, stage_times

CPU = torch.device("cpu")


@pytest.fixture
def data(video_folder) -> VideoDataModule:
    return VideoDataModule(VideoFolder(video_folder), frames=4, size=16, batch_size=2, num_workers=0)


@pytest.mark.parametrize("reader", installed_readers())
def test_the_stages_make_up_the_time_of_a_clip(data, reader):
    measured = measure_stages(data, LoaderSetting(reader, 0), CPU, 0.2)
    assert list(measured.milliseconds) == list(STAGES)
    assert sum(measured.milliseconds.values()) + measured.other == pytest.approx(measured.total)
    assert measured.other > 0
    assert all(measured.milliseconds[name] > 0 for name in ("open", "decode", "crop", "collate", "transfer"))
    # The clock of all of them is the one of the loop.
    assert 0.2 <= measured.num_clips * measured.total / 1000 < 2


def test_time_goes_to_the_stage_that_takes_it(data, monkeypatch):
    crop = "vidmask.data.clips.crop_and_resize"
    from vidmask.data.transforms import crop_and_resize

    def slow(*args) -> torch.Tensor:
        time.sleep(0.03)
        return crop_and_resize(*args)

    monkeypatch.setattr(crop, slow)
    measured = measure_stages(data, LoaderSetting("pyav", 0), CPU, 0.1)
    assert 30 < measured.milliseconds["crop"] < measured.total
    assert measured.other < 30


def test_what_a_clip_takes_outside_the_stages_is_the_rest(data, monkeypatch):
    read = ClipDataset.__getitem__

    def slow(self, key) -> list:
        time.sleep(0.03)
        return read(self, key)

    monkeypatch.setattr(ClipDataset, "__getitem__", slow)
    measured = measure_stages(data, LoaderSetting("pyav", 0), CPU, 0.1)
    assert 30 < measured.other < measured.total
    assert measured.milliseconds["crop"] < 30


@pytest.mark.parametrize(("num_workers", "threads"), [(0, 2), (3, 1)])
def test_a_worker_has_one_thread(data, monkeypatch, num_workers, threads):
    seen = []
    to_float = stage_times.to_float

    def noting(clips) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return to_float(clips)

    monkeypatch.setattr(stage_times, "to_float", noting)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        measure_stages(data, LoaderSetting("pyav", num_workers), CPU, 0.0)
        assert set(seen) == {threads}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_training_clips_keep_their_reader_and_no_clock(data):
    clips = data.dataset("train", training=True)
    clock = clips.clock
    measure_stages(data, LoaderSetting("pyav", 0), CPU, 0.0)
    assert clips.clock is clock


def test_nothing_to_be_read_is_told(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.mp4").write_bytes(b"no video" * 100)
    data = VideoDataModule(VideoFolder(tmp_path), frames=4, size=16, batch_size=2, num_workers=0)
    with pytest.raises(VideoReadError, match="none of 2 clips could be read by the reader pyav"):
        measure_stages(data, LoaderSetting("pyav", 0), CPU, 0.0)
