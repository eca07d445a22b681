"""What runs are compared by, and how cells are named and drawn together."""

import itertools

import pandas as pd

from vidmask.report.blocks import Cell
from vidmask.report.cells import as_number, cells_of


def _cells(rows, columns=("recipe", "model.masking", "model.masking.ratio")):
    runs = pd.DataFrame(rows, columns=["run", *columns])
    return cells_of(runs, columns)


def test_cells_are_told_by_what_differs_in_the_order_of_the_plan():
    cells = _cells([("a", "r", "tube", "0.9"), ("b", "r", "random", "0.5"), ("c", "r", "tube", "0.9")])
    assert cells.headings == ("masking", "ratio")
    assert cells.of_run == {"a": 0, "b": 1, "c": 0}
    assert cells.values == (("tube", "0.9"), ("random", "0.5"))
    assert [cells.name(place) for place in range(len(cells))] == ["tube, ratio 0.9", "random, ratio 0.5"]
    assert cells.entries(0) == ["tube", Cell("0.9", 0.9)]


def test_runs_without_a_difference_are_one_cell():
    cells = _cells([("a", "r", "tube", "0.9"), ("b", "r", "tube", "0.9")])
    assert (len(cells), cells.name(0), cells.columns, cells.entries(0)) == (
        1,
        "all runs",
        ["cell"],
        ["all runs"],
    )


def test_a_setting_that_a_run_does_not_know_is_a_dash():
    cells = _cells([("a", "r", "tube", float("nan")), ("b", "r", "tube", "0.9")])
    assert [cells.name(place) for place in range(2)] == ["ratio –", "ratio 0.9"]
    assert cells.numeric_keys() == []


def test_axes_of_numbers_are_those_with_two_of_them():
    cells = _cells([("a", "r", "tube", "0.5"), ("b", "s", "tube", "0.9"), ("c", "s", "none", "null")])
    assert [cells.headings[key] for key in cells.numeric_keys()] == ["ratio"]


def test_few_cells_are_drawn_in_one_plot_and_many_in_one_for_each_first_value():
    few = _cells([(str(n), "r", "tube", str(n)) for n in range(8)])
    (facet,) = few.facets()
    assert facet.title == ""
    assert [number for _, number, _ in facet.lines] == list(range(8))
    grid = itertools.product(["tube", "random", "block"], ["0.5", "0.75", "0.9"])
    many = _cells([(f"{mask}{ratio}", "r", mask, ratio) for mask, ratio in grid])
    facets = many.facets()
    assert [facet.title for facet in facets] == ["tube", "random", "block"]
    assert [place for facet in facets for place, _, _ in facet.lines] == list(range(9))
    # The same ratio looks the same in each plot.
    assert all(
        [line[1:] for line in facet.lines] == [line[1:] for line in facets[0].lines] for facet in facets
    )
    assert [name for _, _, name in facets[0].lines] == ["ratio 0.5", "ratio 0.75", "ratio 0.9"]


def test_texts_that_are_numbers():
    assert [as_number(text) for text in ("0.9", "1e3", "tube", "–")] == [0.9, 1000.0, None, None]
