from typing import Any

from matplotlib.figure import Figure

from vidmask.data.statistics import style as panel_style


def axes() -> Any:
    return Figure().add_subplot()


def test_a_logarithmic_axis_has_plain_numbers():
    panel = axes()
    panel.plot([0.5, 300.0], [1, 2])
    panel_style.set_log(panel, "x")
    panel.figure.draw_without_rendering()
    told = [label.get_text() for label in panel.get_xticklabels()]
    assert {"1", "10", "100"} <= set(told)
    assert panel.get_yscale() == "linear"


def test_an_axis_that_counts_has_whole_numbers():
    panel = axes()
    panel.bar([0, 1], [1, 2])
    panel_style.count_in_whole_numbers(panel.yaxis)
    panel.figure.draw_without_rendering()
    assert [label.get_text() for label in panel.get_yticklabels()][:3] == ["0", "1", "2"]


def test_long_names_are_cut():
    assert panel_style.shown_name("abcdef", 6) == "abcdef"
    assert panel_style.shown_name("abcdefg", 6) == "abcde…"


def test_title_and_remark_stand_beside_each_other():
    panel = axes()
    panel_style.style(panel, r"costs $\frac{$", "below", "beside")
    panel_style.remark(panel, "a remark")
    assert (panel.get_title("left"), panel.get_title("right")) == (r"costs $\frac{$", "a remark")
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("below", "beside")
    # A dollar begins no formula.
    panel.figure.draw_without_rendering()


def test_splits_differ_in_brightness_too():
    grey = [
        0.3 * int(colour[1:3], 16) + 0.59 * int(colour[3:5], 16) + 0.11 * int(colour[5:], 16)
        for colour in panel_style.SPLIT_COLOURS.values()
    ]
    assert min(abs(grey[i] - grey[j]) for i in range(3) for j in range(i)) > 15
