"""Each second is counted for one stage."""

import time

import pytest

from vidmask.data.stages import NO_CLOCK, STAGES, StageClock


def test_an_inner_stage_is_taken_off_the_outer_one():
    clock = StageClock()
    with clock.stage("seek"):
        time.sleep(0.05)
        with clock.stage("decode"):
            time.sleep(0.1)
        time.sleep(0.05)
    assert clock.seconds["seek"] == pytest.approx(0.1, abs=0.04)
    assert clock.seconds["decode"] == pytest.approx(0.1, abs=0.04)
    assert all(clock.seconds[stage] == 0 for stage in STAGES if stage not in ("seek", "decode"))


def test_an_error_ends_its_stage():
    clock = StageClock()
    with pytest.raises(ValueError, match="broken"), clock.stage("open"):
        raise ValueError("broken")
    before = clock.seconds["open"]
    with clock.stage("crop"):
        time.sleep(0.02)
    assert clock.seconds["open"] == before


def test_the_clock_that_does_not_run_counts_nothing():
    with NO_CLOCK.stage("decode"):
        time.sleep(0.01)
    assert set(NO_CLOCK.seconds.values()) == {0.0}


def test_the_time_that_items_take_to_come_is_counted():
    def slow():
        for number in range(3):
            time.sleep(0.01)
            yield number

    clock = StageClock()
    for _ in clock.each("seek", slow()):
        time.sleep(0.02)
    assert 0.03 <= clock.seconds["seek"] < 0.05
    assert list(NO_CLOCK.each("seek", [1, 2])) == [1, 2]
