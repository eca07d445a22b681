"""Scores along an axis of numbers, such as the mask ratio: a line for each value of the other axes."""

from collections.abc import Sequence

from vidmask.report.blocks import Block, Grid, Legend, Picture, Section, Series, Text
from vidmask.report.cells import Cells, as_number
from vidmask.report.comparison import CELL, Comparison
from vidmask.report.measures import Measure
from vidmask.report.plots import Level, Line, line_plot
from vidmask.report.selecting import Frame, where
from vidmask.results import summary


def number_sections(comparison: Comparison) -> list[Section]:
    """Return a section for each axis of numbers."""
    cells = comparison.cells
    if not cells.numeric_keys() or comparison.frame.empty:
        return []
    found = summary(where(comparison.frame, encoder="trained"), [CELL])
    sections = []
    for key in cells.numeric_keys():
        heading = cells.headings[key]
        lines = _members(cells, key)
        pictures = [
            picture
            for order, measure in enumerate(comparison.first)
            if (picture := _picture(comparison, found, measure, key, lines, f"along-{key}-{order}"))
        ]
        if pictures:
            blocks: list[Block] = [
                Text("Points are means over seeds, the bar is one standard deviation to each side.")
            ]
            if len(lines) > 1:
                blocks.append(Legend([Series(name, number) for number, name in enumerate(lines)]))
            sections.append(Section(f"along-{key}", f"Score by {heading}", [*blocks, Grid(pictures)]))
    return sections


def _members(cells: Cells, key: int) -> dict[str, list[int]]:
    """Return the cells that agree in all but one axis, by what they agree in."""
    rest = [place for place in range(len(cells.keys)) if place != key]
    groups: dict[str, list[int]] = {}
    for place, values in enumerate(cells.values):
        if as_number(values[key]) is not None:
            groups.setdefault(cells.name_by(place, rest), []).append(place)
    return {name: members for name, members in groups.items() if len(members) > 1}


def _picture(
    comparison: Comparison,
    found: Frame,
    measure: Measure,
    key: int,
    members: dict[str, list[int]],
    name: str,
) -> Picture | None:
    of_measure = measure.of(found).set_index(CELL)
    lines = [
        _line(
            comparison.cells, key, [place for place in places if place in of_measure.index], of_measure, look
        )
        for look, places in enumerate(members.values())
    ]
    lines = [line for line in lines if len(line.x) > 1]
    if not lines:
        return None
    chance = comparison.chance_of(measure)
    levels = [] if chance is None else [Level("chance", chance)]
    ticks = sorted({x for line in lines for x in line.x})
    heading = comparison.cells.headings[key]
    return line_plot(name, measure.title, heading, "accuracy, %", lines, levels, per_cent=True, ticks=ticks)


def _line(cells: Cells, key: int, places: Sequence[int], found: Frame, look: int) -> Line:
    by_value = sorted((as_number(cells.values[place][key]) or 0.0, place) for place in places)
    rows = found.loc[[place for _, place in by_value]]
    std = rows["std"].fillna(0.0)
    return Line(
        look,
        [value for value, _ in by_value],
        rows["mean"].tolist(),
        (rows["mean"] - std).tolist(),
        (rows["mean"] + std).tolist(),
    )
