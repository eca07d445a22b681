"""The cells of a comparison: what its runs differ in, apart from the seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vidmask.report import phrases
from vidmask.report.blocks import Cell, Entry
from vidmask.report.drawing import COLOURS
from vidmask.report.selecting import Frame, records


@dataclass(frozen=True)
class Facet:
    """Cells that are drawn in one plot.

    Args:
        title: What they have in common; empty where all are in one plot.
        lines: Each cell's place, the number of its look, and what tells it from the others of its plot.
    """

    title: str
    lines: Sequence[tuple[int, int, str]]


@dataclass(frozen=True)
class Cells:
    """What is compared.

    Args:
        keys: Columns of the runs by which the cells differ; none where there is one cell.
        headings: Their names.
        values: For each cell, its value of each.
        of_run: The place of each run's cell.
    """

    keys: tuple[str, ...]
    headings: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    of_run: dict[str, int]

    def __len__(self) -> int:
        return len(self.values)

    def name(self, place: int) -> str:
        """Return a cell's name: its values, with a heading where a value alone says little."""
        return self.name_by(place, range(len(self.keys))) or "all runs"

    def entries(self, place: int) -> list[Entry]:
        """Return a cell's values as entries of a table."""
        return [_entry(value) for value in self.values[place]] or ["all runs"]

    @property
    def columns(self) -> list[str]:
        """Return the headings of these entries."""
        return list(self.headings) or ["cell"]

    def facets(self) -> list[Facet]:
        """Return which cells are drawn together: all, or where these are many, those of one first value."""
        if len(self) <= COLOURS or len(self.keys) < 2:
            return [Facet("", [(place, place, self.name(place)) for place in range(len(self))])]
        rest = range(1, len(self.keys))
        numbers: dict[tuple[str, ...], int] = {}
        facets: dict[str, list[tuple[int, int, str]]] = {}
        for place, (first, *others) in enumerate(self.values):
            number = numbers.setdefault(tuple(others), len(numbers))
            facets.setdefault(first, []).append((place, number, self.name_by(place, rest)))
        return [Facet(_named(self.headings[0], first), lines) for first, lines in facets.items()]

    def numeric_keys(self) -> list[int]:
        """Return the places of the keys that are numbers, of which there are at least two."""
        found = []
        for place in range(len(self.keys)):
            numbers = {as_number(values[place]) for values in self.values}
            if len(numbers - {None}) > 1:
                found.append(place)
        return found

    def name_by(self, place: int, keys: Sequence[int]) -> str:
        """Return what some of the keys say of a cell, by their places."""
        return ", ".join(_named(self.headings[key], self.values[place][key]) for key in keys)


def cells_of(runs: Frame, columns: Sequence[str]) -> Cells:
    """Return the cells of runs, in the order in which they appear.

    Args:
        runs: The runs of ``vidmask.results.Results``.
        columns: Its columns that say what was tried.
    """
    keys = [key for key in columns if len({_text(value) for value in runs[key]}) > 1]
    names = phrases.setting_names(keys)
    values: dict[tuple[str, ...], int] = {}
    of_run = {}
    for row in records(runs):
        cell = tuple(_text(row[key]) for key in keys)
        of_run[row["run"]] = values.setdefault(cell, len(values))
    return Cells(tuple(keys), tuple(names[key] for key in keys), tuple(values), of_run)


def as_number(text: str) -> float | None:
    """Return the number that a value is, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    # NaN is what a run has that knows no such setting.
    return phrases.NOTHING if value is None or value != value else str(value)


def _entry(value: str) -> Entry:
    number = as_number(value)
    return value if number is None else Cell(value, number)


def _named(heading: str, value: str) -> str:
    bare = as_number(value) is not None or value in {phrases.NOTHING, "True", "False", "None", "null"}
    return f"{heading} {value}" if bare else value
