"""Counts over a split, by hand."""

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest

from vidmask.data.statistics.headers import Header
from vidmask.data.statistics.splits import SplitTally, duration_edges, mixed_rates


def header(seconds=4.0, fps=30.0, width=340, height=256, codec="h264", size_bytes=100):
    return Header(seconds, fps, width, height, codec, size_bytes)


def quantiles(found: Any) -> tuple:
    return astuple(found)


def tally_of(*headers, labels=()):
    tally = SplitTally()
    for place, one in enumerate(headers):
        tally.add(one, labels[place] if labels else {})
    return tally


def result(tally, classes=None, clip_seconds=2.0):
    return tally.result(classes or {}, duration_edges([tally]), clip_seconds)


def test_durations_by_hand():
    found = result(tally_of(*(header(seconds) for seconds in (1.0, 2.0, 3.0, 4.0, 5.0))), clip_seconds=2.5)
    assert found.videos == 5
    assert found.seconds == 15.0
    assert quantiles(found.durations) == pytest.approx((1.0, 1.2, 3.0, 4.8, 5.0))
    assert found.too_short == 2
    assert sum(found.duration_counts) == 5
    assert found.size_bytes == 500


def test_a_video_as_long_as_a_clip_is_long_enough():
    # 64 frames at 30 a second, once as a header in milliseconds tells it.
    tally = tally_of(header(64 / 30), header(2.133), header(2.1))
    assert result(tally, clip_seconds=64 / 30).too_short == 1


def test_sizes_orientations_and_codecs_by_hand():
    sizes = [(340, 256), (340, 256), (240, 320), (100, 100)]
    found = result(tally_of(*(header(width=width, height=height) for width, height in sizes)))
    assert list(found.sizes.items()) == [("340×256", 2), ("100×100", 1), ("240×320", 1)]
    assert found.orientations == {"landscape": 2, "portrait": 1, "square": 1}
    assert quantiles(found.short_sides) == pytest.approx((100.0, 121.0, 248.0, 256.0, 256.0))
    assert found.codecs == {"h264": 4}


def test_rates_are_rounded_to_two_decimals():
    found = result(tally_of(header(fps=30000 / 1001), header(fps=29.97), header(fps=25.0)))
    assert list(found.frame_rates.items()) == [(29.97, 2), (25.0, 1)]


def test_what_nothing_tells_is_counted():
    found = result(tally_of(Header(), header(), Header(codec="vp9")))
    assert found.videos == 3
    assert found.unknown == {"duration": 2, "size": 2, "frame rate": 2, "codec": 1}


def test_classes_by_hand():
    labels = [{"class": name} for name in "aaaabbc"] + [{}]
    tally = tally_of(*[header()] * 8, labels=labels)
    found = result(tally, {"class": ["a", "b", "c", "d"], "speed": ["slow"]}).labels
    assert list(found["class"].videos.items()) == [("a", 4), ("b", 2), ("c", 1)]
    assert (found["class"].classes, found["class"].unlabelled) == (3, 1)
    assert (found["class"].smallest, found["class"].median, found["class"].largest) == (1, 2.0, 4)
    assert found["class"].imbalance == 4.0
    assert found["class"].missing == ("d",)
    # Nothing misses where the split is unlabelled.
    assert (found["speed"].classes, found["speed"].unlabelled, found["speed"].missing) == (0, 8, ())


def test_an_empty_split():
    found = result(SplitTally(), {"class": ["a"]})
    assert (found.videos, found.seconds, found.durations, found.short_sides) == (0, 0.0, None, None)
    assert sum(found.duration_counts) == found.too_short == 0


@pytest.mark.parametrize(
    "seconds", [[4.0, 4.0], [1.0, 3.0, 9.0], [0.0, 1.0, 500.0], [0.7, 1.3, 77.7, 600.1], []]
)
def test_edges_hold_every_duration(seconds):
    tally = tally_of(*map(header, seconds))
    edges = duration_edges([tally, SplitTally()])
    assert (np.diff(edges) > 0).all()
    assert np.histogram(seconds, edges)[0].sum() == len(seconds)


def test_edges_are_equal_ratios_where_durations_differ_much():
    ratios = duration_edges([tally_of(header(1.0), header(100.0))])
    assert ratios[1:] / ratios[:-1] == pytest.approx(ratios[1] / ratios[0])
    widths = np.diff(duration_edges([tally_of(header(1.0), header(9.0))]))
    assert widths == pytest.approx(widths[0])


@pytest.mark.parametrize(
    ("rates", "mixed"),
    [
        ([30.0] * 100, False),
        ([30.0] * 50 + [29.97] * 50, False),
        ([30.0] * 99 + [12.0], False),
        ([30.0] * 98 + [12.0] * 2, True),
        ([30.0, 25.0], True),
        ([], False),
    ],
)
def test_rates_are_mixed_where_more_than_a_hundredth_differs(rates, mixed):
    half = len(rates) // 2
    tallies = [tally_of(*(header(fps=rate) for rate in part)) for part in (rates[:half], rates[half:])]
    assert mixed_rates(tallies) is mixed
