"""What a report is about: the results, their cells, and which of them the others are compared with."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidmask.report.cells import Cells, cells_of
from vidmask.report.measures import Measure, measures_of
from vidmask.report.selecting import Frame, where
from vidmask.results import Results

CELL = "_cell"
"""Column that holds the place of a run's cell: by it all statistics are grouped."""


@dataclass(frozen=True)
class Comparison:
    """Results, and what of them is shown first.

    Args:
        results: What was read, with the column ``CELL`` beside the axes.
        frame: Its scores of finished runs, with what is known of these runs.
        cells: What is compared.
        reference: The cell that the others are compared with.
        first: What is shown first.
        others: What is folded.
    """

    results: Results
    frame: Frame
    cells: Cells
    reference: int
    first: Sequence[Measure]
    others: Sequence[Measure]

    def reference_of(self, cell: int) -> int:
        """Return what a cell is compared with: the reference, and of several sweeps that of its own.

        Sweeps differ in their budget, say: a cell is compared with what has spent the same. A sweep that has
        no such cell is compared with the reference itself.
        """
        keys, values = self.cells.keys, self.cells.values
        wanted = tuple(
            values[cell if key == "sweep" else self.reference][place] for place, key in enumerate(keys)
        )
        return values.index(wanted) if wanted in values else self.reference

    @property
    def probes(self) -> list[tuple[str, str]]:
        """Return the probes whose curves are shown, as metric and name in phrases.

        These are the ones that are shown first, and where those are evaluations, which have no curve, the
        linear probe.
        """
        readouts = list(dict.fromkeys(one.readout for one in self.first if one.source == "probe"))
        logged = set(self.results.curves["metric"])
        labels = list(dict.fromkeys(one.label for one in (*self.first, *self.others)))
        return [
            (metric, Measure("probe", "val", label, readout).title)
            for label in labels
            for readout in readouts or ["linear_mean"]
            if (metric := f"probe/{label}/{readout}") in logged
        ]

    @property
    def chance(self) -> dict[str, float]:
        """Return what guessing scores, by label."""
        known: Frame = self.results.chance.dropna(subset=["chance"])
        return {str(label): float(values.iloc[0]) for label, values in known.groupby("label")["chance"]}

    def chance_of(self, measure: Measure) -> float | None:
        """Return what guessing scores in a measure, of k guesses k times as much; None if not known."""
        chance = self.chance.get(measure.label)
        return None if chance is None else min(measure.num_guesses * chance, 1.0)

    @property
    def curves(self) -> Frame:
        """Return the curves of finished runs, with their cells."""
        return self.results.with_cells(self.results.curves)

    def first_run(self, cell: int) -> Any | None:
        """Return the row of a cell's finished run with the lowest seed, or None."""
        of_cell = where(self.results.finished, **{CELL: cell}).sort_values("seed", kind="stable")
        return None if of_cell.empty else of_cell.iloc[0]

    def folder(self, cell: int) -> Path | None:
        """Return the folder of that run's training."""
        run = self.first_run(cell)
        return None if run is None else Path(run["folder"])


def compared(results: Results, metric: str | None = None, reference: str | None = None) -> Comparison:
    """Return what is compared in some results.

    Args:
        results: What was read.
        metric: What is shown first, as of ``measures_of``.
        reference: Name of the cell that the others are compared with; the first with a result if None.

    Raises:
        ValueError: If there is no such cell or measure.
    """
    cells = cells_of(results.runs, results.cell_columns)
    places = [cells.of_run[run] for run in results.runs["run"]]
    numbered = dataclasses.replace(
        results, runs=results.runs.assign(**{CELL: places}), axes=(*results.axes, CELL)
    )
    first, others = measures_of(results.scores, metric)
    return Comparison(
        numbered, numbered.frame(), cells, _reference(numbered, cells, reference), first, others
    )


def _reference(results: Results, cells: Cells, name: str | None) -> int:
    if name is None:
        return min(results.finished[CELL].tolist(), default=0)
    names = [cells.name(place) for place in range(len(cells))]
    wanted = [place for place, known in enumerate(names) if name in (known, *cells.values[place])]
    if len(wanted) == 1:
        return wanted[0]
    which = "several cells" if wanted else "no cell"
    raise ValueError(f"--reference {name}: {which} of that name; there are {'; '.join(names)}")
