"""Draw and encode the videos of MovingShapes, a run of them at a time."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vidmask.data.moving_shapes.presets import PRESETS
from vidmask.data.moving_shapes.scenes import FPS, SplitName, render
from vidmask.data.processes import Failure, run_tasks
from vidmask.data.writers import is_whole, write_video

Chunk = tuple[SplitName, int, int]
"""A split, the first video of a run of them, and the one after the last."""


def make_videos(
    folder: Path,
    preset: str,
    seed: int,
    chunks: Sequence[Chunk],
    num_workers: int,
    count: Callable[[int], None],
) -> None:
    """Make the videos that are missing or not whole; others are left alone.

    Args:
        folder: Holds a folder for each split.
        preset: How hard the videos are.
        seed: Of the data set.
        chunks: The videos, in runs that one process makes at a time.
        num_workers: Processes; 0 makes them in this one.
        count: Called with a number of videos whenever so many more are there.

    Raises:
        OSError: If a file cannot be written, or a process was killed.
    """
    tasks = [(str(folder.resolve()), preset, seed, *chunk) for chunk in chunks]
    for place, answer in run_tasks(f"{__name__}:make_chunk", tasks, num_workers):
        split, start, stop = chunks[place]
        if isinstance(answer, Failure):
            raise OSError(f"{folder / split}: {answer.reason}")
        count(stop - start)


def make_chunk(task: Sequence[Any]) -> None:
    """Make the videos of one chunk: folder, preset, seed, split, first, and the one after the last."""
    folder, preset, seed, split, start, stop = task
    for index in range(start, stop):
        path = Path(folder, split, f"{index:05d}.mp4")
        if not is_whole(path):
            write_video(path, render(PRESETS[preset], seed, split, index), FPS)
