"""Rows of a table by their values."""

import pandas as pd

from vidmask.report.selecting import records, where


def test_rows_with_all_values_are_kept_in_order():
    table = pd.DataFrame({"a": [1, 2, 1, 1], "b": ["x", "x", "y", "x"], "c": [0, 1, 2, 3]})
    assert records(where(table, a=1, b="x")) == [{"a": 1, "b": "x", "c": 0}, {"a": 1, "b": "x", "c": 3}]
    assert where(table, a=5).empty
