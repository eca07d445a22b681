"""What a data set is like: its classes, durations, sizes, frame rates and pixels, as table and picture."""

from vidmask.data.statistics.gathering import DataStatistics, Unreadable, statistics
from vidmask.data.statistics.pixels import PixelStatistics
from vidmask.data.statistics.splits import LabelStatistics, Quantiles, SplitStatistics

__all__ = [
    "DataStatistics",
    "LabelStatistics",
    "PixelStatistics",
    "Quantiles",
    "SplitStatistics",
    "Unreadable",
    "statistics",
]
