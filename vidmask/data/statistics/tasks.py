"""The tasks that measure a data set: a header of every video, and the pixels of some."""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from vidmask.data.readers import VideoReadError
from vidmask.data.statistics.headers import read_header
from vidmask.data.statistics.pixels import FRAMES_PER_VIDEO, count_pixels

# Videos of which a small frame is kept.
_SAMPLES = 12


def measure(task: Sequence[Any]) -> dict[str, Any]:
    """Read a header, or count pixels: a task of a worker.

    Args:
        task: Path, and None for the header, or the arguments of ``count_pixels``.
    """
    path, pixels = task
    try:
        return asdict(read_header(path)) if pixels is None else count_pixels(path, *pixels)
    except (VideoReadError, OSError) as error:
        told = str(error) if isinstance(error, VideoReadError) else f"cannot be read: {error.strerror}"
        return {"reason": " ".join(told.removeprefix(f"{path}: ").split())}


class Tasks(Sequence[Any]):
    """The headers of all videos, then the pixels of those drawn; each made when it is asked for."""

    def __init__(self, videos: Mapping[str, Any], drawn: Sequence[str]) -> None:
        self.drawn = drawn
        self._splits = list(videos.items())
        self._ends = np.cumsum([len(part) for _, part in self._splits], dtype=np.int64).tolist()
        self.headers = self._ends[-1] if self._ends else 0

    def video(self, place: int) -> tuple[str, str, dict[str, int]]:
        """Return the split, the path and the class indices of the video of a header."""
        index = bisect.bisect_right(self._ends, place)
        split, videos = self._splits[index]
        path, info = videos[place - (self._ends[index - 1] if index else 0)]
        return split, path, info["label"]

    def __len__(self) -> int:
        return self.headers + len(self.drawn)

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < len(self):
            raise IndexError(f"task {place} of {len(self)}")
        if place < self.headers:
            return [self.video(place)[1], None]
        number = place - self.headers
        return [self.drawn[number], [FRAMES_PER_VIDEO, number < _SAMPLES]]
