import math

import pytest
from pandas import DataFrame

from vidmask.results.cells import cells, check_columns, checked_cell, choose

TABLE = DataFrame(
    {"mask": ["tube", "random", "tube", None], "ratio": ["0.5", "0.5", "0.5", "0.9"], "value": [1, 2, 3, 4]}
)


def test_cells_come_as_they_appear_also_where_an_axis_is_not_theirs():
    found = [(cell, list(rows["value"])) for cell, rows in cells(TABLE, ["mask", "ratio"])]
    assert found == [
        ({"mask": "tube", "ratio": "0.5"}, [1, 3]),
        ({"mask": "random", "ratio": "0.5"}, [2]),
        ({"mask": None, "ratio": "0.9"}, [4]),
    ]
    assert [(cell, len(rows)) for cell, rows in cells(TABLE, [])] == [({}, 4)]


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_a_cell_chooses_its_rows(nothing):
    assert list(choose(TABLE, {"mask": "tube"})["value"]) == [1, 3]
    assert list(choose(TABLE, {"mask": nothing})["value"]) == [4]
    assert checked_cell(TABLE, ["mask", "ratio"], {"ratio": "0.9", "mask": nothing}) == {
        "mask": None,
        "ratio": "0.9",
    }


def test_a_cell_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="no cell mask=cube, only mask=tube; mask=random; mask=None"):
        choose(TABLE, {"mask": "cube"})


def test_a_cell_of_other_columns_is_refused():
    with pytest.raises(ValueError, match="a cell needs the columns mask, ratio, got mask"):
        checked_cell(TABLE, ["mask", "ratio"], {"mask": "tube"})


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="the table has no column depth, only mask, ratio, value"):
        check_columns(TABLE, ["mask", "depth"])
