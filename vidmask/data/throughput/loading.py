"""The rate of the training loader, by itself."""

from collections.abc import Generator, Iterator
from itertools import count, islice
from time import perf_counter
from typing import Any

from vidmask.data.clips import ClipDataset, collate
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.readers import VideoReadError
from vidmask.data.sampling import ClipLoader
from vidmask.data.throughput.measurements import LoaderRate, LoaderSetting
from vidmask.tokens import ClipBatch

SHORT_EPOCH = 4
"""An epoch of so many batches for each worker, or fewer, is counted as a whole."""


def use(data: VideoDataModule, setting: LoaderSetting) -> None:
    """Let a data module's training clips be read by another reader, in another number of workers."""
    data.reader, data.num_workers = setting.reader, setting.num_workers
    data.training_clips().reader = setting.reader


def configured(data: VideoDataModule) -> LoaderSetting:
    """Return who decodes as a data module is configured."""
    return LoaderSetting(data.training_clips().reader, data.train_dataloader().num_workers)


def first_batches(data: VideoDataModule, num_batches: int) -> list[ClipBatch]:
    """Return the first training batches in which a video could be read.

    Args:
        data: A data module whose files are there.
        num_batches: How many, at most; an epoch may have fewer.

    Raises:
        VideoReadError: If no training video can be read.
        ValueError: If the videos fill no batch.
    """
    batches: list[ClipBatch] = []
    skipped: dict[str, str] = {}
    for batch in islice(read_here(data, data.training_clips()), len(data.train_dataloader())):
        skipped |= dict(batch.skipped)
        if len(batch.clips):
            batches.append(batch)
        if len(batches) == num_batches:
            break
    if not batches:
        reason = next(reversed(skipped.values()))
        raise VideoReadError(
            f"none of the {len(skipped)} training videos tried can be read; the last: {reason}"
        )
    return batches


def read_here(data: VideoDataModule, clips: ClipDataset) -> Iterator[ClipBatch]:
    """Yield training batches for ever, read in this process, with the collating on the clock of the clips.

    Args:
        data: Which order and size of batches.
        clips: Its training clips.
    """
    sampler: Any = data.train_dataloader().sampler
    for epoch in count():
        sampler.set_epoch(epoch)
        keys = iter(sampler)
        while loads := [clips[key] for key in islice(keys, sampler.videos_per_batch)]:
            with clips.clock.stage("collate"):
                batch = collate(loads, allow_empty=True)
            yield batch


def measure_loader(data: VideoDataModule, setting: LoaderSetting, seconds: float) -> LoaderRate:
    """Measure the very loader that training uses, while nobody trains.

    Workers that started together deliver together, so that only whole rounds of one batch from each worker
    are counted, and of short epochs whole ones: at the end of an epoch workers run idle, in training too.
    The first round is the warm-up.

    Args:
        data: A data module whose files are there.
        setting: Who decodes.
        seconds: The least time to count for.

    Raises:
        VideoReadError: If a video cannot be read and the data module does not skip it, or if none could.
        ValueError: If the videos fill no batch.
    """
    use(data, setting)
    loader = data.train_dataloader()
    batches = _endless(loader)
    start = perf_counter()
    next(batches)
    first_batch_seconds = perf_counter() - start
    round_of_batches = round_length(len(loader), setting.num_workers)
    for _ in islice(batches, round_of_batches - 1):
        pass
    num_clips = num_skipped = 0
    unreadable: dict[str, str] = {}
    start = perf_counter()
    while (passed := perf_counter() - start) < seconds or num_clips + num_skipped == 0:
        for batch in islice(batches, round_of_batches):
            num_clips += len(batch.clips)
            num_skipped += len(batch.skipped)
            unreadable |= dict(batch.skipped)
    # The workers end with the iterator and its loader.
    batches.close()
    if num_clips == 0:
        raise VideoReadError(f"none of {num_skipped} clips could be read by the reader {setting.reader}")
    return LoaderRate(setting, num_clips / passed, first_batch_seconds, num_clips, num_skipped, unreadable)


def round_length(num_batches: int, num_workers: int) -> int:
    """Return the batches after which a loader stands as it stood before.

    Args:
        num_batches: Batches of an epoch.
        num_workers: Processes that decode.
    """
    if num_batches <= SHORT_EPOCH * num_workers:
        return num_batches
    return max(num_workers, 1)


def _endless(loader: ClipLoader) -> Generator[ClipBatch, None, None]:
    sampler: Any = loader.sampler
    for epoch in count():
        sampler.set_epoch(epoch)
        yield from loader
