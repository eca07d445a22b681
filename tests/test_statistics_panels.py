"""What is drawn of the statistics: the data of the panels, not their looks."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from data_statistics import pixel_statistics, record, statistics_of
from matplotlib.figure import Figure

from vidmask.data.statistics import panels


def drawn(panel, found) -> Any:
    axes: Any = Figure(figsize=(6, 3)).add_subplot()
    panel(axes, found)
    axes.figure.draw_without_rendering()
    return axes


def heights(axes):
    return [patch.get_height() for patch in axes.patches]


def widths(axes):
    return [patch.get_width() for patch in axes.patches]


def test_durations_are_shares_of_each_split(tmp_path):
    records = [record(f"{second}.mp4", duration_seconds=float(second)) for second in range(1, 9)]
    records.append(record("v.mp4", "val", duration_seconds=3.0))
    axes = drawn(panels.draw_durations, statistics_of(tmp_path, records, clip_seconds=3.5))
    train, _, val = (patch.get_data() for patch in axes.patches)
    assert train.values.sum() == val.values.sum() == pytest.approx(100)
    assert val.values.max() == 100
    assert axes.get_title("right") == "44.4% shorter than a clip of 3.50 s"
    assert axes.lines[0].get_xdata() == [3.5, 3.5]


def test_sizes_that_are_rare_are_one_bar(tmp_path):
    sizes = [100] * 600 + [200] * 300 + list(range(300, 400))
    records = [record(f"{place}.mp4", width=size) for place, size in enumerate(sizes)]
    axes = drawn(panels.draw_sizes, statistics_of(tmp_path, records))
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *("100×256", "200×256", "300×256"),
        "99 others",
    ]
    assert widths(axes) == [600, 300, 1, 99]
    assert [text.get_text().strip() for text in axes.texts] == ["60.0%", "30.0%", "0.1%", "9.9%"]


def test_rates_are_stacked_by_split(tmp_path):
    records = [record(f"{place}.mp4", fps=fps) for place, fps in enumerate((30.0, 30.0, 12.0))]
    records += [record("v.mp4", "val"), record("t.mp4", "test", fps=None)]
    axes = drawn(panels.draw_rates, statistics_of(tmp_path, records))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["30 fps", "12 fps"]
    assert widths(axes) == [2, 1, 1, 0, 0, 0]
    assert "stride in seconds" in axes.get_title("right")


def test_some_classes_are_bars_with_names(tmp_path):
    names = ["$a_1$", "b", "b"]
    records = [record(f"{place}.mp4", labels={"class": name}) for place, name in enumerate(names)]
    records.append(record("v.mp4", "val", labels={"class": "b"}))
    axes = drawn(panels.class_panel("class"), statistics_of(tmp_path, records))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["b", "$a_1$"]
    assert heights(axes) == [2, 1, 1, 0]
    assert axes.get_xlabel() == "smallest to largest: train 1 : 2, val 1 : 1"


@pytest.mark.parametrize(("largest", "scale"), [(12, "log"), (2, "linear")])
def test_many_classes_are_a_curve(tmp_path, largest, scale):
    labels = [f"{number:03}" for number in range(100)] + ["000"] * (largest - 1)
    records = [record(f"{place}.mp4", labels={"class": name}) for place, name in enumerate(labels)]
    axes = drawn(panels.class_panel("class"), statistics_of(tmp_path, records))
    values = axes.patches[0].get_data().values
    assert (len(values), values[0], values[1], values[-1]) == (100, largest, 1, 1)
    assert axes.get_yscale() == scale
    lines = axes.texts[0].get_text().splitlines()
    assert (lines[1], lines[-1]) == (f"000  {largest}", "099  1")
    assert max(axes.get_xticks()) == 100


def test_pixels_are_shares_in_percent(tmp_path):
    found = dataclasses.replace(statistics_of(tmp_path, [record("a.mp4")]), pixels=pixel_statistics())
    axes = drawn(panels.draw_pixels, found)
    assert [patch.get_data().values.sum() for patch in axes.patches] == pytest.approx([100] * 3)
    assert axes.get_legend().get_texts()[0].get_text() == "R  0.500 (0.100)"
    assert axes.get_title("right") == "5 videos of train"


def test_black_borders_do_not_flatten_the_pixels(tmp_path):
    histogram = np.full((3, 256), 0.5 / 255)
    histogram[:, 0] = 0.5
    pixels = dataclasses.replace(pixel_statistics(), histogram=histogram)
    found = dataclasses.replace(statistics_of(tmp_path, [record("a.mp4")]), pixels=pixels)
    axes = drawn(panels.draw_pixels, found)
    assert axes.get_ylim()[1] < 2
    assert axes.get_title("right") == "5 videos of train, cut off: 51 % black"


@pytest.mark.parametrize(("number", "width", "rows"), [(1, 144, 1), (3, 144, 1), (12, 108, 1), (12, 192, 2)])
def test_frames_stand_in_rows(tmp_path, number, width, rows):
    pixels = pixel_statistics(number, width)
    found = dataclasses.replace(statistics_of(tmp_path, [record("a.mp4")]), pixels=pixels)
    picture = drawn(panels.draw_samples, found).images[0].get_array()
    columns = number // rows
    assert picture.shape == (108 * rows + 6 * (rows - 1), width * columns + 6 * (columns - 1), 3)
    assert 1 < panels.strip_inches(found, 12.0) < 4
