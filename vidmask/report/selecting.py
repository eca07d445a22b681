"""Rows of a table of results by what stands in them."""

from typing import Any

Frame = Any
"""A DataFrame of pandas, whose operators have more types than a checker can follow."""


def where(table: Frame, **values: Any) -> Frame:
    """Return the rows of a table that have these values in the columns of these names."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def records(table: Frame) -> list[dict[str, Any]]:
    """Return the rows of a table by column."""
    return table.to_dict("records")
