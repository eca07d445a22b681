"""The measurements of ``vidmask data bench``, one after the other."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vidmask.cli.measuring import MeasuringCLI, build
from vidmask.data.processes import processors
from vidmask.data.progress_bar import progress_bar
from vidmask.data.readers import ReaderName, check_reader, installed_readers
from vidmask.data.synthetic import MovingShapes
from vidmask.data.throughput import (
    LoaderSetting,
    Measurements,
    Verdict,
    configured,
    first_batches,
    is_enough,
    judge,
    measure_loader,
    measure_stages,
    worth_trying,
)
from vidmask.tokens import ClipBatch

MOST_WORKERS = 16
"""Where the numbers of workers are not given: the most of them."""

MOST_TRIALS = 2
"""Other settings with which training is tried."""

STEADIER = 2
"""Training is measured so many times as long as a loader: its steps are few, and the verdict is theirs."""

NUM_READY = 2
"""Batches that the training step is measured on; of large clips they are large."""


@dataclass(frozen=True)
class Benchmark:
    """What was found.

    Attributes:
        recipe: Its name.
        words: What followed the verb, without the verb's own options.
        load: Processes that ran on the machine before it was measured, on average over a minute.
        device: Where the recipe trains, in words.
        frames: Frames of a clip.
        size: Rows and columns of a clip, in pixels.
        frame_folders: Whether the videos are folders of frames, which have a reader of their own.
        max_skipped_share: Share of the videos above which ``vidmask fit`` would stop.
        measured: The numbers.
        verdict: What follows from them.
    """

    recipe: str
    words: list[str]
    load: float
    device: str
    frames: int
    size: int
    frame_folders: bool
    max_skipped_share: float
    measured: Measurements
    verdict: Verdict


def benchmark(
    words: Sequence[str],
    folder: Path,
    *,
    readers: Sequence[str] | None = None,
    workers: Sequence[int] | None = None,
    seconds: float = 2.0,
) -> Benchmark:
    """Measure a recipe.

    Args:
        words: What would follow ``vidmask fit``.
        folder: An empty folder for what a trainer may write.
        readers: Readers to compare; all that are installed if None. The recipe's is among them in any case.
        workers: Numbers of workers to compare, as for readers; powers of two up to the processors if None.
        seconds: The least time of each measurement.

    Raises:
        Mistake: For what is wrong in the recipe.
        ValueError: If there is no such reader, or the videos fill no batch.
        VideoReadError: If no video can be read.
    """
    load = os.getloadavg()[0]
    compared: tuple[ReaderName, ...]
    compared = installed_readers() if readers is None else tuple(check_reader(name) for name in readers)
    cli = build(words, folder)
    data = cli.datamodule
    cli.prepare()
    share, data.max_skipped_share = data.max_skipped_share, 1.0
    ready = first_batches(data, NUM_READY)
    now = configured(data)
    path, _ = data.training_clips().videos[0]
    frame_folders = os.path.isdir(path)  # noqa: PTH112
    settings = _settings(now, (now.reader,) if frame_folders else compared, workers)
    in_one_process = [
        replace(now, reader=reader) for reader in {setting.reader: None for setting in settings}
    ]
    with progress_bar("measuring", len(settings) + len(in_one_process) + 2 + MOST_TRIALS) as advance:
        loaders = []
        for setting in settings:
            loaders.append(measure_loader(data, setting, seconds))
            advance(1)
        stages = []
        for setting in in_one_process:
            stages.append(measure_stages(data, setting, cli.device, seconds))
            advance(1)
        step = cli.measure_step(ready, STEADIER * seconds)
        advance(1)
        trainings = [cli.measure_training(now, STEADIER * seconds)]
        advance(1)
        measured = Measurements(
            loaders=tuple(loaders),
            stages=tuple(stages),
            step=step,
            trainings=tuple(trainings),
            num_batches=data.num_train_batches(),
            batch_size=data.batch_size,
            repeats=data.repeats,
            shrinking=_shrinking(ready, data.size),
            can_prepare=not frame_folders and not isinstance(data.source, MovingShapes),
            pinned=None if cli.device.type == "cpu" else data.pin_memory,
            precision=str(cli.trainer.precision),
        )
        for setting in worth_trying(measured, MOST_TRIALS):
            trainings.append(cli.measure_training(setting, STEADIER * seconds))
            advance(1)
            if is_enough(trainings[-1], step):
                break
        measured = replace(measured, trainings=tuple(trainings))
        advance(MOST_TRIALS + 1 - len(trainings))
    return Benchmark(
        recipe=cli.filing.recipe,
        words=list(words),
        load=load,
        device=_in_words(cli),
        frames=data.frames,
        size=data.size,
        frame_folders=frame_folders,
        max_skipped_share=float(share),
        measured=measured,
        verdict=judge(measured),
    )


def _settings(
    now: LoaderSetting, readers: Sequence[ReaderName], workers: Sequence[int] | None
) -> list[LoaderSetting]:
    if workers is None:
        most = min(processors(), MOST_WORKERS)
        workers = [0, *(2**power for power in range(most.bit_length()))]
    numbers = sorted({*workers, now.num_workers})
    readers = list(dict.fromkeys([*readers, now.reader]))
    return [LoaderSetting(reader, number) for reader in readers for number in numbers]


def _shrinking(batches: Sequence[ClipBatch], size: int) -> float:
    """Return the pixels that are cut out of a video for each pixel of the clip."""
    areas = [boxes[:, 2:].prod(dim=1) for batch in batches if (boxes := batch.boxes) is not None]
    return float(torch.cat(areas).double().mean()) / size**2


def _in_words(cli: MeasuringCLI) -> str:
    if cli.device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} thread(s)"
    return torch.cuda.get_device_name(cli.device) if cli.device.type == "cuda" else str(cli.device)
