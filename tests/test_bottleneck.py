"""Verdicts on measurements made by hand."""

from dataclasses import replace

import pytest

from vidmask.data.stages import STAGES
from vidmask.data.throughput import (
    LoaderRate,
    LoaderSetting,
    Measurements,
    StageTimes,
    StepRate,
    TrainingRate,
    expected,
    judge,
    worth_trying,
)
from vidmask.data.throughput.bottleneck import lost_share


def rate(workers, clips_per_second, reader="pyav", skipped=0):
    setting = LoaderSetting(reader, workers)
    return LoaderRate(setting, float(clips_per_second), 0.1, 100, skipped, {})


def training(workers, clips_per_second, wait, reader="pyav"):
    return TrainingRate(LoaderSetting(reader, workers), float(clips_per_second), wait)


def stages(total=10.0, reader="pyav", **milliseconds):
    return StageTimes(reader, dict.fromkeys(STAGES, 0.0) | milliseconds, total, 100)


STEP = StepRate(100.0, 80.0, 1.0)

SLOW_DATA = Measurements(
    loaders=(rate(0, 100), rate(1, 95), rate(2, 180)),
    stages=(stages(open=0.5, seek=0.5, decode=6.0, convert=1.0, crop=2.0),),
    step=STEP,
    trainings=(training(0, 50, 0.5),),
    num_batches=100,
    batch_size=8,
    repeats=1,
    shrinking=4.0,
    can_prepare=True,
    pinned=None,
    precision="32-true",
)
"""Decoding takes as long as the step, and nothing else was tried yet."""


def test_without_workers_decoding_and_the_step_take_turns():
    assert expected(rate(0, 100), STEP) == pytest.approx(50.0)


@pytest.mark.parametrize(("alone", "both"), [(40, 40.0), (300, 100.0)])
def test_with_workers_the_slower_one_decides(alone, both):
    assert expected(rate(2, alone), STEP) == both


def test_the_fewest_workers_that_are_enough_are_tried_first():
    assert worth_trying(SLOW_DATA) == [LoaderSetting("pyav", 1), LoaderSetting("pyav", 2)]


def test_what_is_enough_comes_before_what_is_not():
    measured = replace(SLOW_DATA, loaders=(rate(0, 100), rate(1, 70), rate(2, 180)))
    assert worth_trying(measured) == [LoaderSetting("pyav", 2), LoaderSetting("pyav", 1)]


def test_where_none_is_enough_the_fastest_is_tried_first():
    loaders = (rate(0, 30), rate(1, 32), rate(2, 60), rate(2, 70, "torchcodec"))
    slow = replace(SLOW_DATA, loaders=loaders, trainings=(training(0, 23, 0.7),))
    assert worth_trying(slow) == [LoaderSetting("torchcodec", 2), LoaderSetting("pyav", 2)]


def test_another_reader_comes_after_the_same_one():
    loaders = (rate(0, 100), rate(1, 200), rate(1, 400, "torchcodec"))
    both = worth_trying(replace(SLOW_DATA, loaders=loaders))
    assert both == [LoaderSetting("pyav", 1), LoaderSetting("torchcodec", 1)]


def test_a_reader_that_loses_videos_is_not_tried():
    loaders = (rate(0, 100), rate(1, 400, "torchcodec", skipped=4))
    measured = replace(SLOW_DATA, loaders=loaders)
    assert lost_share(measured, "torchcodec") == pytest.approx(4 / 104)
    assert worth_trying(measured) == []


def test_fewer_workers_are_tried_where_they_take_the_model_its_processors():
    crowded = replace(SLOW_DATA, loaders=(rate(0, 500), rate(2, 600)), trainings=(training(2, 40, 0.01),))
    assert worth_trying(crowded) == [LoaderSetting("pyav", 0)]


def test_nothing_is_tried_where_the_step_is_the_bottleneck():
    assert worth_trying(replace(SLOW_DATA, trainings=(training(0, 91, 0.09),))) == []


def test_a_setting_that_was_measured_to_be_faster_is_named():
    verdict = judge(replace(SLOW_DATA, trainings=(training(0, 50, 0.5), training(1, 92, 0.05))))
    assert (verdict.bottleneck, verdict.setting) == ("data", "--data.num_workers 1")
    assert verdict.reason == (
        "training does 50.0 clips/s, waiting for data for 50% of the time; 100 with batches always ready",
        "of the 10.0 ms of a clip, decode takes the most: 6.0",
    )
    assert verdict.advice == (
        "measured: 92.0 clips/s instead of 50.0, waiting for data for 5% of the time",
        "then the training step is the bottleneck",
    )


def test_another_reader_is_named_with_its_workers_and_what_comes_next():
    measured = replace(
        SLOW_DATA,
        trainings=(training(0, 50, 0.5), training(2, 60, 0.4, "torchcodec")),
        stages=(*SLOW_DATA.stages, stages(20.0, "torchcodec", open=1.0, decode=16.0)),
    )
    verdict = judge(measured)
    assert verdict.setting == "--data.reader torchcodec --data.num_workers 2"
    # 60 clips/s with 16 of 20 ms saved are 300, and no more than the step takes.
    then = "then vidmask data prepare, which saves at most 16.0 ms of a clip: 100 clips/s"
    assert verdict.advice[1] == then


def test_where_decoding_dominates_and_no_setting_was_faster_videos_are_prepared():
    verdict = judge(replace(SLOW_DATA, trainings=(training(0, 50, 0.5), training(2, 52, 0.3))))
    assert (verdict.bottleneck, verdict.setting) == ("data", "vidmask data prepare")
    # 20 ms a clip, less 6.5 for seek and decode and 3/4 of the 3 for pixels that are not kept: 11.25 ms.
    assert verdict.advice == (
        "tried, and no faster: pyav, 2 workers",
        "saves at most 8.8 ms of a clip: 88.9 clips/s",
    )


def test_where_opening_dominates_clips_are_repeated():
    opening = stages(open=6.0, seek=2.0, decode=1.0)
    verdict = judge(replace(SLOW_DATA, stages=(opening,)))
    # 20 ms a clip, less 3/4 of 8.
    assert verdict.setting == "--data.repeats 4"
    assert verdict.advice == ("saves at most 6.0 ms of a clip: 71.4 clips/s",)
    assert verdict.reason[1] == "of the 10.0 ms of a clip, open takes the most: 6.0"


@pytest.mark.parametrize(
    ("batch_size", "repeats", "setting"),
    [(6, 1, "--data.repeats 3"), (7, 1, None), (8, 2, "--data.repeats 4"), (8, 4, None)],
)
def test_repeats_divide_the_batch_and_are_four_at_most(batch_size, repeats, setting):
    opening = stages(open=9.0, decode=1.0)
    measured = replace(
        SLOW_DATA, stages=(opening,), can_prepare=False, batch_size=batch_size, repeats=repeats
    )
    assert judge(measured).setting == setting


def test_a_change_that_saves_too_little_is_not_named():
    even = stages(open=0.2, decode=0.5, crop=4.0, collate=1.0)
    verdict = judge(replace(SLOW_DATA, stages=(even,), shrinking=1.0))
    assert (verdict.bottleneck, verdict.setting) == ("data", None)
    assert verdict.advice == ("more processors would help, or smaller clips",)
    assert verdict.reason[1] == "of the 10.0 ms of a clip, what is in no stage takes the most: 4.3"


@pytest.mark.parametrize(("num_batches", "told"), [(1, "1 batch"), (7, "7 batches"), (8, None)])
def test_short_epochs_are_why_workers_gain_little(num_batches, told):
    trainings = (training(0, 50, 0.5), training(2, 52, 0.3))
    verdict = judge(replace(SLOW_DATA, num_batches=num_batches, trainings=trainings))
    lines = [line for line in verdict.advice if line.startswith("an epoch has")]
    expected_line = f"an epoch has {told}: workers read nothing ahead over its end, so they gain little"
    assert lines == ([] if told is None else [expected_line])


def test_numbers_that_contradict_each_other_are_told():
    verdict = judge(replace(SLOW_DATA, trainings=(training(0, 120, 0.2),)))
    assert (verdict.bottleneck, verdict.setting) == ("model", None)
    assert "measure again" in verdict.advice[0]


def test_pinned_memory_is_for_a_transfer_that_dominates():
    verdict = judge(replace(SLOW_DATA, stages=(stages(transfer=9.0),), pinned=False))
    assert verdict.setting == "--data.pin_memory true"


def test_training_that_hardly_waits_and_is_slow_lacks_processors():
    verdict = judge(replace(SLOW_DATA, trainings=(training(2, 60, 0.02), training(0, 80, 0.15))))
    assert (verdict.bottleneck, verdict.setting) == ("processors", "--data.num_workers 0")


@pytest.mark.parametrize(
    ("pinned", "precision", "setting"),
    [
        (None, "32-true", None),
        (True, "32-true", "--trainer.precision bf16-mixed"),
        (True, "bf16-mixed", None),
    ],
)
def test_where_the_step_is_the_bottleneck_the_data_are_left_alone(pinned, precision, setting):
    fast = replace(
        SLOW_DATA,
        loaders=(rate(0, 2000),),
        trainings=(training(0, 95, 0.05),),
        pinned=pinned,
        precision=precision,
    )
    verdict = judge(fast)
    assert (verdict.bottleneck, verdict.setting) == ("model", setting)
    assert verdict.advice[0] == (
        "nothing to gain in the data path: the loader alone gives 2000 clips/s (pyav, 0 workers)"
    )


def test_augmentation_can_be_what_a_step_is_made_of():
    heavy = replace(SLOW_DATA, step=StepRate(100.0, 80.0, 60.0), trainings=(training(0, 95, 0.05),))
    verdict = judge(heavy)
    assert verdict.bottleneck == "augmentation"
    assert verdict.advice[0].startswith("75% of a step is augmentation")
