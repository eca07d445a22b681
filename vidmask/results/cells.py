"""Cells of a table: the rows that have the same values in some columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from pandas import DataFrame

Cell = Mapping[str, Any]
"""Columns and the values in them; None where a cell has none, as of an axis that is not its own."""

_NAMED = 8


def cells(table: DataFrame, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], DataFrame]]:
    """Yield each cell and its rows, in the order in which they appear.

    Args:
        table: The table.
        columns: What makes a cell; all rows are one if there are none.
    """
    if not columns:
        yield {}, table
        return
    groups: Any = table.groupby(list(columns), sort=False, dropna=False)
    for values, rows in groups:
        yield dict(zip(columns, map(_known, values), strict=True)), rows


def choose(table: DataFrame, cell: Cell) -> DataFrame:
    """Return the rows of a cell.

    Raises:
        ValueError: If there is no such column, or no such row.
    """
    check_columns(table, list(cell))
    rows: Any = table
    for column, value in cell.items():
        rows = rows[rows[column].isna() if _known(value) is None else rows[column] == value]
    if rows.empty:
        known = [_described(other) for other, _ in cells(table, list(cell))]
        more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
        raise ValueError(f"there is no cell {_described(cell)}, only {'; '.join(known[:_NAMED])}{more}")
    return rows


def checked_cell(table: DataFrame, by: Sequence[str], cell: Cell) -> dict[str, Any]:
    """Return a cell as ``cells`` yields it, if it is one of those.

    Raises:
        ValueError: If it has other columns, or there is no row of it.
    """
    if set(by) != set(cell):
        raise ValueError(f"a cell needs the columns {', '.join(by)}, got {', '.join(cell) or 'none'}")
    choose(table, cell)
    return {column: _known(cell[column]) for column in by}


def check_columns(table: DataFrame, columns: Sequence[str]) -> None:
    """Check that a table has columns.

    Raises:
        ValueError: If it lacks one.
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"the table has no column {', '.join(missing)}, only {', '.join(table.columns)}")


def _known(value: Any) -> Any:
    return None if pd.isna(value) else value


def _described(cell: Cell) -> str:
    return ", ".join(f"{column}={value}" for column, value in cell.items())
