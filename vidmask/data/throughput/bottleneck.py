"""From measurements to a verdict: what holds training back, and which setting to change."""

from dataclasses import dataclass, replace
from typing import Literal

from vidmask.data.readers import ReaderName
from vidmask.data.throughput.measurements import (
    LoaderRate,
    LoaderSetting,
    Measurements,
    StageTimes,
    StepRate,
    TrainingRate,
)

Bottleneck = Literal["model", "augmentation", "data", "processors"]

ENOUGH = 0.9
"""Training at this share of the rate that it has with batches ready is held back by its own step."""

BETTER = 1.1
"""A setting is another one's better if it gives so many times its rate; less is the noise of measuring."""

WAITING = 0.1
"""Share of the time for which training must wait for batches that it counts as waiting for data."""

AS_MANY_LOST = 0.01
"""Share of the clips by which what two readers lose may differ by chance."""

MOST_OF_A_STEP = 0.5
"""Share of a step that goes into augmentation, from which it is the bottleneck."""

SHORT_EPOCH = 8
"""Batches of an epoch from which on its end does not count."""

MANY_REPEATS = 4
"""Clips of one opening: MAE-ST's number."""


@dataclass(frozen=True)
class Verdict:
    """What holds training back.

    Attributes:
        bottleneck: ``model``: its step; ``augmentation``: most of the step goes into that; ``data``: training
            waits for batches; ``processors``: it does not wait, but decoding takes the processors it needs.
        reason: The numbers that this follows from, in lines.
        setting: What to change, as it is typed; None where nothing on the way of the data helps.
        advice: What that changes, and what else can be done, in lines.
    """

    bottleneck: Bottleneck
    reason: tuple[str, ...]
    setting: str | None
    advice: tuple[str, ...]


def expected(loader: LoaderRate, step: StepRate) -> float:
    """Return the clips a second that training would do if decoding and training did not share processors.

    Without workers one waits for the other; with workers the slower of the two decides.
    """
    alone, needed = loader.clips_per_second, step.clips_per_second
    return min(alone, needed) if loader.setting.num_workers else 1 / (1 / alone + 1 / needed)


def is_enough(training: TrainingRate, step: StepRate) -> bool:
    """Say whether training goes about as fast as with batches always ready."""
    return training.clips_per_second >= ENOUGH * step.clips_per_second


def worth_trying(measured: Measurements, most: int = 2) -> list[LoaderSetting]:
    """Return the settings of the loader with which training may be faster, the most promising first.

    First those with which the step should hardly wait, of these the fewest workers, and the same reader
    before another one; then those that should give the most. A reader that cannot read what the configured
    one can is none of them.

    Args:
        measured: The measurements, of which the first training is the configured one.
        most: How many settings, at most.
    """
    now, step = measured.trainings[0], measured.step
    if is_enough(now, step):
        return []
    most_lost = lost_share(measured, now.setting.reader) + AS_MANY_LOST
    rates = {
        loader.setting: expected(loader, step)
        for loader in measured.loaders
        if lost_share(measured, loader.setting.reader) <= most_lost
    }
    faster = [
        setting
        for setting, rate in rates.items()
        if setting != now.setting and rate >= BETTER * now.clips_per_second
    ]

    def rank(setting: LoaderSetting) -> tuple[bool, int, bool, float]:
        enough = rates[setting] >= ENOUGH * step.clips_per_second
        workers = setting.num_workers if enough else 0
        return not enough, workers, enough and setting.reader != now.setting.reader, -rates[setting]

    return sorted(faster, key=rank)[:most]


def lost_share(measured: Measurements, reader: ReaderName) -> float:
    """Return the share of the clips that a reader could not read."""
    loaders = [loader for loader in measured.loaders if loader.setting.reader == reader]
    lost = sum(loader.num_skipped for loader in loaders)
    return lost / (lost + sum(loader.num_clips for loader in loaders)) if loaders else 0.0


def judge(measured: Measurements) -> Verdict:
    """Name the bottleneck, and the setting to change.

    Args:
        measured: The measurements.
    """
    now, step = measured.trainings[0], measured.step
    rates = (
        f"training does {_told(now)} clips/s, waiting for data for {now.data_wait:.0%} of the time; "
        f"{_told(step)} with batches always ready"
    )
    if is_enough(now, step):
        return _of_the_step(measured, rates)
    bottleneck: Bottleneck = "data" if now.data_wait >= WAITING else "processors"
    reason = (rates, _dearest(_stages_of(measured, now)))
    best = max(measured.trainings, key=lambda training: training.clips_per_second)
    if best.clips_per_second < BETTER * now.clips_per_second:
        setting, effect = _cheaper_clips(measured, now)
        tried = [str(training.setting) for training in measured.trainings[1:]]
        told = (f"tried, and no faster: {'; '.join(tried)}",) if tried else ()
        return Verdict(bottleneck, reason, setting, (*told, *_short_epochs(measured), effect))
    gain = (
        f"measured: {_told(best)} clips/s instead of {_told(now)}, waiting for data for {best.data_wait:.0%} "
        "of the time"
    )
    if is_enough(best, step):
        then = "then the training step is the bottleneck"
    else:
        setting, effect = _cheaper_clips(measured, best)
        then = f"then {'' if setting is None else f'{setting}, which '}{effect}"
    return Verdict(bottleneck, reason, _difference(now.setting, best.setting), (gain, then))


def _of_the_step(measured: Measurements, rates: str) -> Verdict:
    reason = (rates,)
    if measured.trainings[0].clips_per_second > BETTER * measured.step.clips_per_second:
        told = "training cannot be faster than its step: something else took the processors, so measure again"
        return Verdict("model", reason, None, (told,))
    share = measured.step.augment_milliseconds / measured.step.step_milliseconds
    if share >= MOST_OF_A_STEP:
        advice = f"{share:.0%} of a step is augmentation on the device: fewer or cheaper data.augmentations"
        return Verdict("augmentation", reason, None, (advice,))
    fastest = max(measured.loaders, key=lambda loader: loader.clips_per_second)
    told = (
        f"nothing to gain in the data path: the loader alone gives {_told(fastest)} clips/s "
        f"({fastest.setting})"
    )
    if measured.pinned is None:
        return Verdict("model", reason, None, (told, "a GPU would be faster, or a smaller model"))
    if measured.precision.startswith("32"):
        setting = "--trainer.precision bf16-mixed"
        return Verdict("model", reason, setting, (told, "most GPUs take a step in less time so"))
    return Verdict("model", reason, None, (told, "a smaller model would be faster, or more devices"))


def _stages_of(measured: Measurements, training: TrainingRate) -> StageTimes:
    return next(stages for stages in measured.stages if stages.reader == training.setting.reader)


def _dearest(stages: StageTimes) -> str:
    spent = stages.milliseconds | {"what is in no stage": stages.other}
    name = max(spent, key=lambda name: spent[name])
    return f"of the {stages.total:.1f} ms of a clip, {name} takes the most: {spent[name]:.1f}"


def _short_epochs(measured: Measurements) -> tuple[str, ...]:
    """Say that workers are of little use where they are, in a line or none."""
    number = measured.num_batches
    if number >= SHORT_EPOCH:
        return ()
    batches = "1 batch" if number == 1 else f"{number} batches"
    return (f"an epoch has {batches}: workers read nothing ahead over its end, so they gain little",)


def _cheaper_clips(measured: Measurements, training: TrainingRate) -> tuple[str | None, str]:
    """Return the setting that makes clips cheapest, if one is worth it, and what it gives."""
    stages = _stages_of(measured, training)
    savings = _savings(measured, stages)
    setting = max(savings, key=lambda name: savings[name], default=None)
    if setting is not None:
        rate = _with_saving(training, measured.step, stages.total, savings[setting])
        if rate >= BETTER * training.clips_per_second:
            told = _told(replace(training, clips_per_second=rate))
            return setting, f"saves at most {savings[setting]:.1f} ms of a clip: {told} clips/s"
    return None, "more processors would help, or smaller clips"


def _savings(measured: Measurements, stages: StageTimes) -> dict[str, float]:
    """Return for each change how many milliseconds of a clip it saves, at the most."""
    spent = stages.milliseconds
    savings = {}
    for repeats in range(MANY_REPEATS, measured.repeats, -1):
        if measured.batch_size % repeats == 0:
            # One opening, and mostly one reading of the packets, for all of them.
            opening = spent["open"] + spent["seek"]
            savings[f"--data.repeats {repeats}"] = opening * (1 - measured.repeats / repeats)
            break
    if measured.can_prepare:
        # Smaller pictures, and fewer of them before the first that is wanted.
        pixels = (spent["convert"] + spent["crop"]) * (1 - 1 / max(measured.shrinking, 1.0))
        savings["vidmask data prepare"] = spent["seek"] + spent["decode"] + pixels
    if measured.pinned is False:
        savings["--data.pin_memory true"] = spent["transfer"]
    return savings


def _with_saving(training: TrainingRate, step: StepRate, total: float, saved: float) -> float:
    """Return the clips a second of training, where each takes so many milliseconds less of ``total``."""
    rate = training.clips_per_second
    if training.setting.num_workers:
        faster = rate * total / max(total - saved, 1e-9)
    else:
        faster = 1000 / max(1000 / rate - saved, 1e-9)
    return min(faster, step.clips_per_second)


def _difference(old: LoaderSetting, new: LoaderSetting) -> str:
    words = []
    if new.reader != old.reader:
        words.append(f"--data.reader {new.reader}")
    if new.num_workers != old.num_workers:
        words.append(f"--data.num_workers {new.num_workers}")
    return " ".join(words)


def _told(rate: LoaderRate | StepRate | TrainingRate) -> str:
    value = rate.clips_per_second
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
