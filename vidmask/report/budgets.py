"""How soon cells arrive, and what they have reached at equal steps, multiply-adds and seconds."""

from collections.abc import Sequence

import pandas as pd

from vidmask.report import phrases
from vidmask.report.blocks import Block, Cell, Entry, Section, Table, Text
from vidmask.report.comparison import CELL, Comparison
from vidmask.report.measures import Measure
from vidmask.report.selecting import Frame, records, where
from vidmask.results import convergences, intervals, matched
from vidmask.results.curves import Axis

SHARE = 0.95

AXES: dict[Axis, str] = {"step": "steps", "macs": "multiply-adds", "seconds": "seconds"}


def convergence_section(comparison: Comparison) -> Section | None:
    """Return the section that tells how soon each cell comes near the reference's final accuracy."""
    curves = comparison.curves
    reference = {CELL: comparison.reference}
    tables: list[Block] = []
    for metric, title in comparison.probes:
        of_metric = where(curves, metric=metric).dropna(subset=["value"])
        if comparison.reference not in set(of_metric[CELL]):
            continue
        by_axis: dict[Axis, Frame] = {
            axis: convergences(curves, [CELL], reference, metric, SHARE, axis).set_index(CELL)
            for axis in AXES
            if comparison.reference in set(of_metric.dropna(subset=[axis])[CELL])
        }
        tables.append(_convergence(comparison, title, by_axis))
    if not tables:
        return None
    name = comparison.cells.name(comparison.reference)
    one = len(comparison.cells) == 1
    whose = "its own final accuracy" if one else f"the final accuracy of {name}"
    text = Text(
        f"When each cell's mean curve first reaches {100 * SHARE:.0f} % of {whose}. An "
        "untrained encoder may have much of that already: compare the column “untrained”. Seconds are by the "
        "clock, with probes and validation in them."
    )
    return Section("convergence", "Convergence", [text, *tables])


def _convergence(comparison: Comparison, title: str, by_axis: dict[Axis, Frame]) -> Table:
    steps = by_axis["step"]
    target = SHARE * float(steps["reference_final"].iloc[0])
    rows: list[Sequence[Entry]] = []
    for place, row in steps.sort_index().iterrows():
        entries: list[Entry] = [
            *comparison.cells.entries(int(str(place))),
            phrases.share(row["start"]),
            phrases.share(row["final"]),
        ]
        entries.append(_arrival(row, target))
        for found in by_axis.values():
            entries.append(phrases.number(found["at"].get(place)))
        rows.append(entries)
    columns = ["untrained", "final", "of its steps", *(AXES[axis] for axis in by_axis)]
    caption = f"{title}: {100 * target:.1f} % reached after"
    return Table(caption, [*comparison.cells.columns, *columns], rows)


def _arrival(row: Frame, target: float) -> Cell:
    if row["start"] >= target:
        return Cell("from the start", 0.0)
    share = row["share_of_budget"]
    return Cell("not reached") if pd.isna(share) else Cell(f"{100 * share:.0f} %", float(share))


def matched_section(comparison: Comparison) -> Section | None:
    """Return the section that sets cells beside each other that have spent the same."""
    tables: list[Block] = [*_by_budget(comparison)]
    curves = comparison.curves
    if curves[CELL].nunique() > 1:
        for metric, title in comparison.probes:
            by_axis: dict[Axis, Frame] = {
                axis: found for axis in AXES if len(found := _equal(curves, metric, axis))
            }
            if by_axis:
                tables.append(_matched(comparison, title, by_axis))
    if not tables:
        return None
    text = Text(
        "At equal steps, multiply-adds and seconds: what each cell's curve had reached when it had spent as "
        "much as the run that spends least. In brackets stands which share of its own run that was. In the "
        "middle of a run the learning rate is still high, so that a shorter run would most often have come "
        "out better: only at 100 % is it a result of its own."
    )
    return Section("matched", "Equal spending", [text, *tables])


def _equal(curves: Frame, metric: str, axis: Axis) -> Frame:
    found: Frame = matched(curves, [CELL], metric, axis)
    return found[found["n"] > 0]


def _matched(comparison: Comparison, title: str, by_axis: dict[Axis, Frame]) -> Table:
    columns = list(comparison.cells.columns)
    rows: list[list[Entry]] = [comparison.cells.entries(place) for place in range(len(comparison.cells))]
    for axis, found in by_axis.items():
        columns.append(f"at {phrases.quantity(found['at'].iloc[0])} {AXES[axis]}")
        known = {row[CELL]: row for row in records(found)}
        for place, entries in enumerate(rows):
            row = known.get(place)
            if row is None:
                entries.append(Cell(phrases.NOTHING))
                continue
            text = _with_sd(row["mean"], row["std"])
            entries.append(Cell(f"{text} ({100 * row['share_of_budget']:.0f} %)", row["mean"]))
    return Table(f"{title}: accuracy, per cent, mean ± sd", columns, rows)


def _by_budget(comparison: Comparison) -> list[Table]:
    """Return tables of final scores with a column for each budget, where sweeps differ in it."""
    runs: Frame = comparison.results.finished
    budgets = runs[["budget", "budget_amount"]].dropna().drop_duplicates()
    if len(budgets) < 2:
        return []
    cells = comparison.cells
    kept = [place for place, key in enumerate(cells.keys) if key != "sweep"]
    if not kept:
        return []
    names = {
        place: f"{phrases.quantity(amount)} {phrases.BUDGETS.get(kind, kind)}"
        for place, kind, amount in runs[[CELL, "budget", "budget_amount"]].dropna().itertuples(index=False)
    }
    columns = list(dict.fromkeys(names.values()))
    found = intervals(comparison.results, [CELL])
    return [_budget_table(comparison, found, measure, kept, names, columns) for measure in comparison.first]


def _budget_table(
    comparison: Comparison,
    found: Frame,
    measure: Measure,
    kept: Sequence[int],
    names: dict[int, str],
    columns: Sequence[str],
) -> Table:
    cells = comparison.cells
    scores: dict[tuple[str, ...], dict[str, Cell]] = {}
    for row in records(where(measure.of(found), encoder="trained")):
        if row[CELL] in names:
            values = tuple(cells.values[row[CELL]][key] for key in kept)
            text = _with_sd(row["mean"], row["std"])
            scores.setdefault(values, {})[names[row[CELL]]] = Cell(text, row["mean"])
    rows = [
        [*values, *(by_budget.get(name, Cell(phrases.NOTHING)) for name in columns)]
        for values, by_budget in scores.items()
    ]
    headings = [cells.headings[key] for key in kept]
    caption = f"{measure.title}: accuracy at the end of runs of each budget, per cent, mean ± sd"
    return Table(caption, [*headings, *columns], rows)


def _with_sd(mean: float, std: float) -> str:
    return f"{100 * mean:.1f}" + ("" if pd.isna(std) else f" ± {100 * std:.1f}")
