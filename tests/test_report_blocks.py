"""The parts of a report."""

import pytest

from vidmask.report.blocks import Cell, Table


def test_a_column_is_one_of_numbers_if_any_entry_is():
    table = Table("T", ("name", "score"), [("a", "none"), ("b", Cell("1", 1.0))])
    assert [table.numeric(column) for column in range(2)] == [False, True]


def test_a_row_has_an_entry_for_each_heading():
    with pytest.raises(AssertionError, match="T: 1 of 2 entries"):
        Table("T", ("name", "score"), [("a",)])
