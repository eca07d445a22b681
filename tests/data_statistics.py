"""Statistics of data sets that are not there."""

from typing import Any

import numpy as np

from vidmask.data.manifest import Record, write_manifest
from vidmask.data.statistics.gathering import statistics
from vidmask.data.statistics.pixels import PixelStatistics


def record(path: str, split: str = "train", **values) -> Record:
    """Return a good video of 4 seconds."""
    told: dict[str, Any] = {
        "split": split,
        "labels": {},
        "verdict": "ok",
        "reason": "read 7 of 120 frames",
        "duration_seconds": 4.0,
    }
    told |= {"width": 340, "height": 256, "fps": 30.0, "frames": 120, "codec": "h264", "size_bytes": 1000}
    return Record(path=path, **told | values)


def statistics_of(folder, records, **arguments) -> Any:
    """Return the statistics of a manifest."""
    write_manifest(folder / "videos.csv", records)
    told: dict[str, Any] = {"num_videos": 0, "num_workers": 0} | arguments
    return statistics(folder / "videos.csv", **told)


def pixel_statistics(num_samples: int = 3, width: int = 144) -> PixelStatistics:
    """Return statistics of pixels that are all alike, with frames of that width."""
    samples = tuple(np.full((108, width, 3), 20 * number, np.uint8) for number in range(1, num_samples + 1))
    half, low = (0.5, 0.5, 0.5), (0.1, 0.1, 0.1)
    return PixelStatistics("train", 0, 5, 20, half, low, low, low, np.full((3, 256), 1 / 256), samples)
