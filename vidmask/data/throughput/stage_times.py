"""Where the time of a clip goes, from the file to the device."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from time import perf_counter

import torch

from vidmask.data.datamodule import VideoDataModule
from vidmask.data.readers import VideoReadError
from vidmask.data.stages import StageClock
from vidmask.data.throughput.loading import read_here
from vidmask.data.throughput.measurements import LoaderSetting, StageTimes
from vidmask.data.transforms import to_float
from vidmask.tokens import ClipBatch


def measure_stages(
    data: VideoDataModule, setting: LoaderSetting, device: torch.device, seconds: float
) -> StageTimes:
    """Measure what each stage takes in this process, on whole training batches.

    Where workers decode, this process does so with one thread, as a worker has it, and what a worker takes
    to hand a batch over is not in the transfer.

    Args:
        data: A data module whose files are there.
        setting: Which decoder reads them, and whether in workers.
        device: Where clips are trained on.
        seconds: The least time to count for; the first batch is the warm-up.

    Raises:
        VideoReadError: If a video cannot be read and the data module does not skip it, or if none could.
        ValueError: If the videos fill no batch.
    """
    clips = copy(data.training_clips())
    clips.reader = setting.reader
    batches = read_here(data, clips)
    num_clips, num_skipped = 0, 0
    with _threads(1 if setting.num_workers else torch.get_num_threads()):
        _bring(next(batches), data, device, clips.clock)
        clock = clips.clock = StageClock()
        start = perf_counter()
        while (passed := perf_counter() - start) < seconds or num_clips + num_skipped == 0:
            batch = next(batches)
            _bring(batch, data, device, clock)
            num_clips += len(batch.clips)
            num_skipped += len(batch.skipped)
    if num_clips == 0:
        raise VideoReadError(f"none of {num_skipped} clips could be read by the reader {setting.reader}")
    per_clip = 1000 / num_clips
    return StageTimes(
        setting.reader,
        {name: spent * per_clip for name, spent in clock.seconds.items()},
        passed * per_clip,
        num_clips,
    )


def synchronise(device: torch.device) -> None:
    """Wait until a device has done what it was told."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _bring(batch: ClipBatch, data: VideoDataModule, device: torch.device, clock: StageClock) -> None:
    with clock.stage("transfer"):
        if data.pin_memory and device.type != "cpu":
            batch = batch._replace(clips=batch.clips.pin_memory())
        moved: ClipBatch = data.transfer_batch_to_device(batch, device, 0)
        to_float(moved.clips)
        synchronise(device)
