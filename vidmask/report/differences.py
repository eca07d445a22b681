"""Differences between a cell and the reference on the seeds that both have."""

from collections.abc import Sequence

import pandas as pd

from vidmask.report import phrases
from vidmask.report.blocks import Block, Cell, Entry, Folded, Section, Table, Text
from vidmask.report.comparison import CELL, Comparison
from vidmask.report.measures import Measure
from vidmask.report.selecting import Frame, records, where
from vidmask.results import against, video_differences
from vidmask.results.videos import EVALUATION_NOISE


def difference_section(comparison: Comparison) -> Section | None:
    """Return the section of the differences, or None if there is nothing to compare."""
    trained = where(comparison.frame, encoder="trained")
    if trained[CELL].nunique() < 2 or comparison.reference not in set(trained[CELL]):
        return None
    found, by_video = _compared(comparison, trained)
    cells = comparison.cells
    keys = [place for place, key in enumerate(cells.keys) if key != "sweep"]
    name = cells.name_by(comparison.reference, keys) or cells.name(comparison.reference)
    whose = " of the same sweep" if keys and "sweep" in cells.keys else ""
    blocks: list[Block] = [
        Text(
            f"Each cell less {name}{whose}, seed by seed, in points of per cent. Positive: the cell is "
            "better. The interval is Student's over the seeds that both have. It is not corrected for how "
            "many cells are compared: of twenty equal ones, one is expected to seem different."
        )
    ]
    blocks += [_table(comparison, found, by_video, measure) for measure in comparison.first]
    others = [_table(comparison, found, by_video, measure) for measure in comparison.others]
    if others:
        blocks.append(Folded("The other scores", others))
    return Section("differences", f"Differences from {name}", blocks)


def _compared(comparison: Comparison, trained: Frame) -> tuple[Frame, Frame]:
    """Return each cell's differences over seeds and over videos from what it is compared with."""
    cells = set(trained[CELL])
    groups: dict[int, list[int]] = {}
    for cell in sorted(cells):
        reference = comparison.reference_of(cell)
        reference = reference if reference in cells else comparison.reference
        groups.setdefault(reference, [reference]).append(cell)
    over_seeds: list[Frame] = []
    over_videos: list[Frame] = []
    for reference, members in groups.items():
        chosen: Frame = trained[trained[CELL].isin(members)]
        over_seeds.append(against(chosen, [CELL], {CELL: reference}))
        by_video: Frame = video_differences(comparison.results, [CELL], {CELL: reference})
        over_videos.append(by_video[by_video[CELL].isin(members)])
    return pd.concat(over_seeds), pd.concat(over_videos)


def _table(comparison: Comparison, found: Frame, by_video: Frame, measure: Measure) -> Table:
    rows: list[Sequence[Entry]] = []
    videos = where(by_video, source=measure.source, split=measure.split, label=measure.label)
    for row in records(measure.of(found).sort_values(CELL)):
        interval = Cell("one seed" if row["n"] == 1 else "no seed that both have")
        told = phrases.NOTHING
        if pd.notna(row["low"]):
            interval, told = _bounds(row["low"], row["high"]), _verdict(row["low"], row["high"])
        elif measure.readout == "top1":
            noise = where(videos, **{CELL: row[CELL]}).dropna(subset=["low"])
            if len(noise) == 1:
                low, high = noise["low"].iloc[0], noise["high"].iloc[0]
                interval = _bounds(low, high, f" ({EVALUATION_NOISE})")
        rows.append(
            [
                *comparison.cells.entries(row[CELL]),
                phrases.points(row["difference"]),
                interval,
                told,
                phrases.number(row["n"]),
                phrases.share(row["first"]),
                phrases.share(row["second"]),
            ]
        )
    columns = ["difference", "95 % interval", "the cell is", "seeds", "the cell", "the reference"]
    return Table(measure.title, [*comparison.cells.columns, *columns], rows)


def _bounds(low: float, high: float, note: str = "") -> Cell:
    return Cell(f"{phrases.points(low).text} to {phrases.points(high).text}{note}", low)


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "better"
    return "worse" if high < 0 else "not told apart"
