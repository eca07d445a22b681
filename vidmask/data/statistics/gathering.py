"""Measure a data set: classes, durations, sizes, frame rates, and what its pixels are like."""

import bisect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np

from vidmask.data.manifest import is_manifest, iterate_manifest
from vidmask.data.processes import Failure, processors, run_tasks
from vidmask.data.progress_bar import progress_bar
from vidmask.data.sources.base import SPLITS, VideoSource
from vidmask.data.sources.opening import open_source
from vidmask.data.statistics import tasks as measuring_tasks
from vidmask.data.statistics.headers import Header
from vidmask.data.statistics.pixels import PixelStatistics, combine
from vidmask.data.statistics.splits import SplitStatistics, SplitTally, duration_edges, mixed_rates
from vidmask.data.statistics.tasks import Tasks
from vidmask.randomness import sample_seed

CLIP_SECONDS = 16 * 4 / 30
"""A clip of 16 frames, every fourth of a video of 30 frames a second."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A video that could not be read.

    Attributes:
        path: The file.
        split: Its split.
        reason: Why, in one line.
    """

    path: str
    split: str
    reason: str


@dataclass(frozen=True)
class DataStatistics:
    """What a data set is like. Only videos that can be read count, but where it says otherwise.

    Attributes:
        source: The data set, in a word.
        from_manifest: Whether the numbers are a manifest's, and no file was opened but for its pixels.
        splits: Each split that the data set has, by name.
        clip_seconds: The length of a clip that some videos are too short for.
        duration_edges: Edges in seconds of the bins that each split counts its durations in.
        mixed_rates: Whether frame rates differ, so that a stride in frames would mix speeds.
        pixels: What the pixels are like; None if that was not asked for or no video drawn could be decoded.
        pixels_asked: How many videos were drawn for the pixels.
        unreadable: Videos that cannot be read, of all splits.
        undecodable: Videos drawn for the pixels of which only the header could be read.
    """

    source: str
    from_manifest: bool
    splits: dict[str, SplitStatistics]
    clip_seconds: float
    duration_edges: tuple[float, ...]
    mixed_rates: bool
    pixels: PixelStatistics | None
    pixels_asked: int
    unreadable: tuple[Unreadable, ...]
    undecodable: tuple[Unreadable, ...]

    def as_json(self) -> dict[str, Any]:
        """Return everything, but for the sample frames, in types that JSON can hold."""
        pixels = None if self.pixels is None else self.pixels.as_json()
        lists = {name: [asdict(entry) for entry in getattr(self, name)] for name in _LISTS}
        splits = {name: asdict(split) for name, split in self.splits.items()}
        return vars(self) | lists | {"splits": splits, "pixels": pixels}


_LISTS = ("unreadable", "undecodable")


def statistics(
    source: VideoSource | str | PathLike[str],
    num_videos: int = 256,
    seed: int = 0,
    *,
    clip_seconds: float = CLIP_SECONDS,
    num_workers: int | None = None,
    timeout_seconds: float | None = 60.0,
    with_bar: bool = False,
) -> DataStatistics:
    """Measure a data set.

    Of each file the header is read and the first frame. Of a manifest no file is opened: its numbers count.
    The pixels are those of some videos, of the training split where there is one.

    Args:
        source: A source, or what ``open_source`` accepts.
        num_videos: Videos drawn for the pixels; 0 for no statistics of pixels.
        seed: Draws them.
        clip_seconds: Shorter videos are counted.
        num_workers: Processes; as many as there are processors if None, and 0 works in this one, without a
            time limit.
        timeout_seconds: The longest that a video may take; None for no limit.
        with_bar: Whether to show on standard error how far it is.

    Raises:
        FileNotFoundError: If the source is not there.
        ValueError: If the source or an argument makes no sense, or no video can be read.
    """
    for name, value in (("num_videos", num_videos), ("num_workers", num_workers or 0), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} must be 0 or more, got {value}")
    for name, value in (("clip_seconds", clip_seconds), ("timeout_seconds", timeout_seconds)):
        if value is not None and value <= 0:
            raise ValueError(f"{name} must be positive, got {value}")
    collected = _Collected(num_videos, seed, clip_seconds)
    if not isinstance(source, VideoSource) and is_manifest(source):
        collected.add_manifest(source)
    else:
        opened = source if isinstance(source, VideoSource) else open_source(fspath(source))
        opened.prepare()
        collected.add_source(opened)
    tasks = Tasks(collected.videos, collected.drawn())
    workers = processors() if num_workers is None else num_workers
    with ExitStack() as stack:
        count = stack.enter_context(progress_bar("videos", len(tasks))) if with_bar and len(tasks) else None
        for place, answer in run_tasks(
            f"{measuring_tasks.__name__}:measure", tasks, workers, timeout_seconds=timeout_seconds
        ):
            collected.take(tasks, place, answer)
            if count is not None:
                count(1)
    name = type(source).__name__ if isinstance(source, VideoSource) else fspath(source)
    return collected.result(name)


class _Collected:
    """What is known so far."""

    def __init__(self, num_videos: int, seed: int, clip_seconds: float) -> None:
        self.videos: dict[str, Any] = {}
        self._classes: Mapping[str, Sequence[str]] = {}
        self._tallies: dict[str, SplitTally] = {}
        self._clip_seconds = clip_seconds
        self._seed = seed
        self._num_videos = num_videos
        self._samples: dict[str, list[tuple[int, str]]] = {}
        self._unreadable: list[Unreadable] = []
        self._undecodable: list[Unreadable] = []
        self._from_manifest = False
        self._counted: dict[int, Any] = {}

    def add_manifest(self, path: str | PathLike[str]) -> None:
        """Count what a manifest tells."""
        self._from_manifest = True
        for index, record in enumerate(iterate_manifest(path)):
            tally = self._tally(record.split)
            if record.verdict == "broken":
                self._fail(record.path, record.split, record.reason)
                continue
            header = Header(
                record.duration_seconds,
                record.fps,
                record.width,
                record.height,
                record.codec,
                record.size_bytes,
            )
            tally.add(header, record.labels)
            self._draw(record.split, index, record.path)

    def add_source(self, source: VideoSource) -> None:
        """Make ready for the videos of a source."""
        self._classes = source.classes
        for split in SPLITS:
            videos = source.split(split)
            if videos is not None:
                self.videos[split] = videos
                self._tally(split)
                for index in range(len(videos)):
                    self._draw(split, index, videos[index][0])

    def drawn(self) -> list[str]:
        """Return the paths of the videos drawn, of the first split that has any."""
        return [path for _, path in self._samples.get(self._drawn_split(), [])]

    def take(self, tasks: Tasks, place: int, answer: Any) -> None:
        """Take up the answer to a task."""
        if isinstance(answer, Failure):
            answer = {"reason": answer.reason}
        reason = answer.get("reason")
        if place >= tasks.headers:
            path = tasks[place][0]
            if reason is None:
                self._counted[place] = answer | {"counts": np.array(answer["counts"], np.int64)}
            else:
                self._undecodable.append(Unreadable(path, self._drawn_split(), reason))
            return
        split, path, indices = tasks.video(place)
        if reason is None:
            labels = {name: self._classes[name][index] for name, index in indices.items()}
            self._tallies[split].add(Header(**answer), labels)
        else:
            self._fail(path, split, reason)

    def result(self, source: str) -> DataStatistics:
        """Return the statistics.

        Raises:
            ValueError: If no video can be read.
        """
        if not any(tally.videos for tally in self._tallies.values()):
            if not self._unreadable:
                raise ValueError(f"{source}: holds no video")
            first = self._unreadable[0]
            raise ValueError(
                f"{source}: none of {len(self._unreadable)} videos can be read; the first, {first.path}: "
                f"{first.reason}"
            )
        unreadable = {entry.path for entry in self._unreadable}
        undecodable = [entry for entry in self._undecodable if entry.path not in unreadable]
        edges = duration_edges(self._tallies.values())
        classes = {name: dict.fromkeys(names) for name, names in self._classes.items()}
        for tally in self._tallies.values():
            for name, counted in tally.labels.items():
                classes.setdefault(name, {}).update(dict.fromkeys(counted))
        counted = [self._counted[place] for place in sorted(self._counted)]
        return DataStatistics(
            source=source,
            from_manifest=self._from_manifest,
            splits={
                split: tally.result(classes, edges, self._clip_seconds)
                for split, tally in sorted(self._tallies.items(), key=lambda item: SPLITS.index(item[0]))
            },
            clip_seconds=self._clip_seconds,
            duration_edges=tuple(edges),
            mixed_rates=mixed_rates(self._tallies.values()),
            pixels=combine(self._drawn_split(), self._seed, counted) if counted else None,
            pixels_asked=len(self.drawn()),
            unreadable=tuple(_in_order(self._unreadable)),
            undecodable=tuple(_in_order(undecodable)),
        )

    def _tally(self, split: str) -> SplitTally:
        return self._tallies.setdefault(split, SplitTally())

    def _fail(self, path: str, split: str, reason: str) -> None:
        self._tallies[split].unreadable += 1
        self._unreadable.append(Unreadable(path, split, reason))

    def _draw(self, split: str, index: int, path: str) -> None:
        """Keep the videos whose numbers are the smallest: a draw that needs to know neither end nor paths."""
        kept = self._samples.setdefault(split, [])
        number = sample_seed(self._seed, 0, index)
        if len(kept) < self._num_videos or (kept and number < kept[-1][0]):
            bisect.insort(kept, (number, path))
            del kept[self._num_videos :]

    def _drawn_split(self) -> str:
        return next((split for split in SPLITS if self._samples.get(split)), SPLITS[0])


def _in_order(entries: Sequence[Unreadable]) -> Iterator[Unreadable]:
    """Yield them in an order that does not depend on which worker was faster."""
    yield from sorted(entries, key=lambda entry: (SPLITS.index(entry.split), entry.path))  # pyright: ignore[reportArgumentType]
