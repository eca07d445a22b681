"""How fast clips come, where their time goes, and what to change when training waits for them."""

from vidmask.data.throughput.bottleneck import Verdict, expected, is_enough, judge, worth_trying
from vidmask.data.throughput.loading import configured, first_batches, measure_loader, use
from vidmask.data.throughput.measurements import (
    LoaderRate,
    LoaderSetting,
    Measurements,
    StageTimes,
    StepRate,
    TrainingRate,
)
from vidmask.data.throughput.stage_times import measure_stages, synchronise

__all__ = [
    "LoaderRate",
    "LoaderSetting",
    "Measurements",
    "StageTimes",
    "StepRate",
    "TrainingRate",
    "Verdict",
    "configured",
    "expected",
    "first_batches",
    "is_enough",
    "judge",
    "measure_loader",
    "measure_stages",
    "synchronise",
    "use",
    "worth_trying",
]
