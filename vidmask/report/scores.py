"""The tables of scores: mean, standard deviation and interval of each cell, chance and untrained beside."""

from collections.abc import Sequence

import pandas as pd

from vidmask.report import phrases
from vidmask.report.blocks import Block, Cell, Entry, Folded, Grid, Picture, Section, Table, Text
from vidmask.report.comparison import CELL, Comparison
from vidmask.report.measures import Measure
from vidmask.report.plots import Level, seed_plot
from vidmask.report.selecting import Frame, records, where
from vidmask.results import intervals
from vidmask.results.videos import EVALUATION_NOISE, SEEDS

_MOST_ROWS_OF_A_PLOT = 24


def score_section(comparison: Comparison) -> Section:
    """Return the section of the scores."""
    if not comparison.first:
        return Section("scores", "Scores", [Text("No run has a score yet.")])
    found = intervals(comparison.results, [CELL])
    blocks: list[Block] = [Text(_explained(found))]
    blocks += [score_table(comparison, found, measure) for measure in comparison.first]
    if len(comparison.cells) <= _MOST_ROWS_OF_A_PLOT:
        blocks.append(Grid([_plot(comparison, one, place) for place, one in enumerate(comparison.first)]))
    for kind in dict.fromkeys(measure.kind for measure in comparison.others):
        tables = [score_table(comparison, found, one) for one in comparison.others if one.kind == kind]
        blocks.append(Folded(kind, tables))
    return Section("scores", "Scores", blocks)


def score_table(comparison: Comparison, found: Frame, measure: Measure) -> Table:
    """Return the table of one measure.

    Args:
        comparison: What is compared.
        found: What ``vidmask.results.intervals`` says of it.
        measure: What the table is of.
    """
    of_measure = measure.of(found)
    rows: list[Sequence[Entry]] = []
    chance = comparison.chance_of(measure)
    beside = {
        "untrained": _by_cell(where(of_measure, encoder="untrained")),
        "without encoder": _without_encoder(comparison, measure),
    }
    trained = _by_cell(where(of_measure, encoder="trained"))
    for place in range(len(comparison.cells)):
        row = trained.get(place)
        entries: list[Entry] = [*comparison.cells.entries(place), *_entries(row)]
        untrained = beside["untrained"].get(place)
        if beside["untrained"]:
            entries.append(phrases.share(None if untrained is None else untrained["mean"]))
        if beside["without encoder"]:
            entries.append(phrases.share(beside["without encoder"].get(place)))
        rows.append([*entries, phrases.share(chance)])
    columns = [*comparison.cells.columns, "mean", "± sd", "95 % interval", "seeds"]
    columns += [name for name, known in beside.items() if known]
    return Table(f"{measure.title}: accuracy, per cent", [*columns, "chance"], rows)


def _explained(found: Frame) -> str:
    trained = where(found, encoder="trained")
    kinds = set(trained["interval"].dropna())
    parts = ["Mean and standard deviation (sd) are over seeds."]
    if SEEDS in kinds:
        parts.append("The interval is Student's, over seeds; from so few it may reach beyond 0 and 100.")
    if (trained["n"] == 1).any():
        parts.append("From one seed no interval over seeds follows.")
    if EVALUATION_NOISE in kinds:
        parts.append(
            "Where there is one, “evaluation noise only” stands beside it: a bootstrap over test videos, "
            "which says nothing of another training."
        )
    return " ".join(parts)


def _by_cell(found: Frame) -> dict[int, dict]:
    return {row[CELL]: row for row in records(found)}


def _entries(row: dict | None) -> list[Entry]:
    if row is None:
        return [Cell(phrases.NOTHING), Cell(phrases.NOTHING), Cell(phrases.NOTHING), Cell("0", 0.0)]
    bounds = Cell("one seed" if row["n"] == 1 else phrases.NOTHING)
    if pd.notna(row["low"]):
        noise = f" ({EVALUATION_NOISE})" if row["interval"] == EVALUATION_NOISE else ""
        bounds = Cell(
            f"{phrases.share(row['low']).text} to {phrases.share(row['high']).text}{noise}", row["low"]
        )
    return [phrases.share(row["mean"]), phrases.share(row["std"]), bounds, phrases.number(row["n"])]


def _without_encoder(comparison: Comparison, measure: Measure) -> dict[int, float]:
    """Return each cell's accuracy of what needs no encoder, where it was measured on the same videos."""
    if (measure.source, measure.split) != ("probe", "val"):
        return {}
    chance = comparison.results.with_cells(comparison.results.chance)
    known = where(chance, label=measure.label).dropna(subset=["without_encoder"])
    return known.groupby(CELL)["without_encoder"].mean().to_dict()


def _plot(comparison: Comparison, measure: Measure, number: int) -> Picture:
    frame = measure.of(where(comparison.frame, encoder="trained"))
    cells = [
        (comparison.cells.name(place), look, where(frame, **{CELL: place})["value"].tolist())
        for facet in comparison.cells.facets()
        for place, look, _ in facet.lines
    ]
    chance = comparison.chance_of(measure)
    levels = [] if chance is None else [Level("chance", chance)]
    return seed_plot(f"scores-{number}", f"{measure.title}, each seed", "accuracy", cells, levels)
