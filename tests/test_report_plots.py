"""Lines with bands, levels, and a point for each seed."""

import re

import pytest

from vidmask.report import plots
from vidmask.report.plots import MOST_POINTS, Level, Line, line_plot, seed_plot


def _line(number=0, points=5, spread=0.1):
    x = [float(place) for place in range(points)]
    return Line(number, x, [0.5] * points, [0.5 - spread] * points, [0.5 + spread] * points)


def _texts(picture):
    return re.findall(r">([^<>]+)</text>", picture.svg)


def test_a_plot_has_its_axes_levels_and_a_band_where_seeds_differ():
    picture = line_plot(
        "a", "Title", "steps", "accuracy, %", [_line()], [Level("chance", 0.125)], per_cent=True
    )
    assert {"steps", "accuracy, %", "chance"} <= set(_texts(picture))
    assert 'aria-label="Title"' in picture.svg
    assert "opacity: 0.16" in picture.svg
    assert "opacity: 0.16" not in line_plot("a", "T", "x", "y", [_line(spread=0.0)]).svg


def test_per_cent_is_a_hundred_times_the_share():
    assert {"30", "60"} <= set(_texts(line_plot("a", "T", "x", "y", [_line(spread=0.3)], per_cent=True)))


def test_an_axis_of_few_values_is_marked_there_and_nowhere_else():
    line = Line(0, [0.5, 0.75, 0.95], [0.1, 0.2, 0.3], [0.0, 0.1, 0.2], [0.2, 0.3, 0.4])
    picture = line_plot("a", "T", "ratio", "y", [line], ticks=line.x)
    assert [text for text in _texts(picture) if text.startswith("0.")][:3] == ["0.5", "0.75", "0.95"]
    assert "opacity: 0.16" not in picture.svg


@pytest.mark.parametrize("number", [MOST_POINTS, MOST_POINTS + 1, 5000])
def test_a_long_line_is_drawn_with_as_many_points_as_can_be_seen_from_end_to_end(number):
    line = _line(points=number)
    x, middle, low, high = plots._thinned(line, 100.0)
    assert len(x) == len(middle) == len(low) == len(high) == min(number, MOST_POINTS)
    assert (x[0], x[-1]) == (0.0, number - 1.0)
    assert x == sorted(set(x))
    assert low[0] == pytest.approx(40.0)


def test_names_that_mean_something_to_matplotlib_are_text():
    assert "$x_1$ & <b>" in [
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        for text in _texts(line_plot("a", "T", "$x_1$ & <b>", "y", [_line()]))
    ]


def test_each_seed_has_its_point_and_each_cell_its_row():
    cells = [("tube, $0.9", 0, [0.5, 0.6, 0.7]), ("random", 1, [0.3]), ("none", 2, [])]
    picture = seed_plot("a", "Scores", "accuracy", cells, [Level("chance", 0.125)])
    assert {"tube, $0.9", "random", "none", "chance", "accuracy, %"} <= set(_texts(picture))
    assert picture.svg.count("<use") >= 4
    assert seed_plot("a", "Scores", "accuracy", cells).svg == seed_plot("a", "Scores", "accuracy", cells).svg


def test_a_long_name_is_cut():
    assert "x" * 25 + "…" in _texts(seed_plot("a", "S", "accuracy", [("x" * 60, 0, [0.5])]))
