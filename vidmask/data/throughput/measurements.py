"""What is measured on the way from a file to a training step."""

from dataclasses import dataclass

from vidmask.data.readers import ReaderName


@dataclass(frozen=True, order=True)
class LoaderSetting:
    """Who decodes.

    Attributes:
        reader: Which decoder.
        num_workers: In how many processes; 0 is the training process itself.
    """

    reader: ReaderName
    num_workers: int

    def __str__(self) -> str:
        return f"{self.reader}, {self.num_workers} worker{'' if self.num_workers == 1 else 's'}"


@dataclass(frozen=True)
class LoaderRate:
    """What the loader gives where nobody trains.

    Attributes:
        setting: Who decodes.
        clips_per_second: Clips that could be read, per second, once the workers are at work.
        first_batch_seconds: Until the first batch: the start of the workers, and one batch.
        num_clips: Clips that were counted.
        num_skipped: Clips that could not be read meanwhile.
        unreadable: The files of these, and why.
    """

    setting: LoaderSetting
    clips_per_second: float
    first_batch_seconds: float
    num_clips: int
    num_skipped: int
    unreadable: dict[str, str]


@dataclass(frozen=True)
class StageTimes:
    """Where the time of a clip goes in one process.

    Attributes:
        reader: Which decoder.
        milliseconds: Milliseconds of a clip in each of the ``STAGES``.
        total: Milliseconds of a clip from the file to the device, by one clock around all of them.
        num_clips: Clips that were read.
    """

    reader: ReaderName
    milliseconds: dict[str, float]
    total: float
    num_clips: int

    @property
    def other(self) -> float:
        """Return the milliseconds of no stage: drawing the clip, threads, Python between the stages."""
        return self.total - sum(self.milliseconds.values())


@dataclass(frozen=True)
class StepRate:
    """What training takes where batches are always ready.

    Attributes:
        clips_per_second: Clips that the training process takes, from its memory to the optimizer's step.
        step_milliseconds: The median step.
        augment_milliseconds: Of a step: float and augmentations, on the device.
    """

    clips_per_second: float
    step_milliseconds: float
    augment_milliseconds: float


@dataclass(frozen=True)
class TrainingRate:
    """What training does with its loader.

    Attributes:
        setting: Who decodes.
        clips_per_second: Clips trained on, per second.
        data_wait: Share of the time for which training waited for its next batch.
    """

    setting: LoaderSetting
    clips_per_second: float
    data_wait: float


@dataclass(frozen=True)
class Measurements:
    """All that was measured of a recipe on a machine.

    Attributes:
        loaders: The loader alone, for each reader and number of workers.
        stages: One process, for each reader.
        step: The training step with batches ready.
        trainings: Training with its loader: first as configured, then what was tried instead.
        num_batches: Batches of an epoch.
        batch_size: Clips of a batch.
        repeats: Clips of each video that is opened.
        shrinking: Pixels that are cut out of a video for each pixel of the clip.
        can_prepare: Whether the source's videos can be written anew, smaller and with more key frames.
        pinned: Whether batches are put into pinned memory; None where there is no accelerator.
        precision: The trainer's.
    """

    loaders: tuple[LoaderRate, ...]
    stages: tuple[StageTimes, ...]
    step: StepRate
    trainings: tuple[TrainingRate, ...]
    num_batches: int
    batch_size: int
    repeats: int
    shrinking: float
    can_prepare: bool
    pinned: bool | None
    precision: str
