"""Plots for a page: its colours and fonts, names that do not clash, and the same bytes each time."""

import re

import matplotlib as mpl

from vidmask.report.drawing import COLOURS, for_page, look, plot, swatch


def _drawn(name="one", title="A <plot> & more"):
    with plot() as (axes, drawn):
        axes.plot([0, 1], [1, 2], color=look(0)["color"], marker="o")
        axes.fill_between([0, 1], [0, 1], [2, 3], color=look(1)["color"], alpha=0.2)
        axes.set_xlabel("steps")
    return for_page(drawn[0], name, title)


def test_colours_are_those_of_the_page():
    svg = _drawn()
    assert "var(--series-0)" in svg
    assert "var(--series-1)" in svg
    assert "var(--rule)" in svg
    assert "currentColor" in svg
    # White and black would vanish in one of the two themes; "none" is no colour.
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", svg)) == set()


def test_letters_are_text_in_the_font_of_the_page():
    svg = _drawn()
    assert ">steps</text>" in svg
    assert "font-size: 9px" in svg
    assert "font-family" not in svg


def test_nothing_in_a_plot_styles_the_rest_of_the_page():
    assert "<style" not in _drawn()


def test_the_plot_takes_the_width_that_it_is_given_and_says_what_it_shows():
    head = _drawn().split(">", 1)[0]
    assert "viewBox" in head
    assert "width" not in head
    assert 'aria-label="A &lt;plot&gt; &amp; more"' in head


def test_names_within_a_plot_are_its_own():
    first, second = _drawn("one"), _drawn("two")
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, known in zip((first, second), ids, strict=True):
        used = re.findall(r'(?:url\(|href=")#([^")]+)', svg)
        assert used
        assert set(used) <= known


def test_the_same_plot_is_the_same_bytes_whatever_the_user_has_set():
    first = _drawn()
    with mpl.rc_context(
        {"svg.hashsalt": None, "axes.facecolor": "red", "lines.linewidth": 9, "font.size": 30}
    ):
        assert _drawn() == first
    assert "<dc:date>" not in first


def test_lines_differ_in_more_than_their_colour():
    looks = [look(number) for number in range(3 * COLOURS)]
    assert len({(one["color"], one["dashes"], one["marker"]) for one in looks}) == 3 * COLOURS
    first = looks[:COLOURS]
    assert len({one["color"] for one in first}) == COLOURS
    assert len({one["marker"] for one in first}) == COLOURS


def test_a_swatch_is_not_read_out():
    assert 'aria-hidden="true"' in swatch(0)
    assert "var(--series-3)" in swatch(3)
