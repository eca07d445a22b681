"""Which frames a clip takes, worked out by hand."""

import pytest

from vidmask.data.readers.timing import EveryFrame, Instants, Span, on_screen

TIMES = [0, 10, 20, 45, 50, 60]


@pytest.mark.parametrize(("instant", "index"), [(-5, 0), (0, 0), (9, 0), (10, 1), (44, 2), (45, 3), (99, 5)])
def test_the_frame_on_screen_is_the_last_one_shown(instant: int, index: int) -> None:
    assert on_screen(TIMES, instant) == index


def test_every_other_frame() -> None:
    choice = EveryFrame(first=12, count=3, stride=2)
    assert choice.pick(TIMES) == [10, 45, 60]
    assert choice.until(TIMES) == 60


def test_every_frame_past_the_end_is_the_last_one() -> None:
    choice = EveryFrame(first=45, count=4, stride=2)
    assert choice.pick(TIMES) == [45, 60, 60, 60]
    assert choice.until(TIMES) is None


def test_the_frame_on_screen_at_each_instant() -> None:
    choice = Instants((5, 22, 44, 46, 80))
    assert choice.first == 5
    assert choice.pick(TIMES) == [0, 20, 20, 45, 60]
    assert choice.until(TIMES) == 80


def test_a_span_holds_its_first_and_not_its_end() -> None:
    assert Span(10, 50).pick(TIMES) == [10, 20, 45]
    assert Span(11, 20).pick(TIMES) == []
    assert Span(10, 50).until(TIMES) == 49


def test_the_frame_on_screen_is_known_only_past_the_first_instant():
    # With B-frames 3 may be yet to come where 2 and 9 are known.
    assert EveryFrame(first=3, count=1, stride=1).until([0, 1, 2]) == 3
    assert EveryFrame(first=3, count=2, stride=1).until([0, 1, 2, 9]) == 9
