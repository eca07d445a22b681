"""What runs and sweeps have found, as tables, and what may be concluded from it."""

from vidmask.results.curves import Convergence, convergence, convergences, matched, mean_curves
from vidmask.results.loading import frame, load
from vidmask.results.seeds import PairedSeeds, against, paired, summary
from vidmask.results.tables import MEASURE, Results
from vidmask.results.videos import intervals, video_differences, video_intervals

__all__ = [
    "MEASURE",
    "Convergence",
    "PairedSeeds",
    "Results",
    "against",
    "convergence",
    "convergences",
    "frame",
    "intervals",
    "load",
    "matched",
    "mean_curves",
    "paired",
    "summary",
    "video_differences",
    "video_intervals",
]
