"""How a sweep stands, as a table on the terminal: what is done, what has failed, how long the rest takes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from rich.table import Table

from vidmask import runs
from vidmask.sweeps.definition import Cell, SweepDefinition
from vidmask.sweeps.estimates import duration
from vidmask.sweeps.execution import missing
from vidmask.sweeps.planning import PlannedRun
from vidmask.sweeps.records import RunRecord, read_record
from vidmask.sweeps.steps import steps_of


@dataclass(frozen=True)
class Standing:
    """What is known of each run of a sweep now.

    Args:
        definition: The sweep.
        planned: Its runs.
        folder: Its folder.
        jobs: How many run at a time.
    """

    definition: SweepDefinition
    planned: Sequence[PlannedRun]
    folder: Path
    jobs: int = 1

    def records(self) -> dict[str, RunRecord]:
        """Return what is known of the runs that were begun, by key."""
        found = ((run.key, read_record(self.folder / run.key)) for run in self.planned)
        return {key: record for key, record in found if record is not None}

    def counts(self) -> Counter[str]:
        """Return how many runs have which status; those that were not begun are ``waiting``."""
        return Counter(self.status(run, record) for run, record in self._each())

    def status(self, run: PlannedRun, record: RunRecord | None) -> str:
        """Return a run's status: one that lacks an evaluation that was added since waits too."""
        if record is None or (record.status == "finished" and missing(run, record, self.folder / run.key)):
            return "waiting"
        return record.status

    def table(self) -> Table:
        """Return a row for each combination: its runs by status, what is under way, and the best so far."""
        table = Table(title=self.headline(), title_justify="left")
        several = len({run.cell.base for run in self.planned}) > 1
        columns = [*(["recipe"] if several else []), *self.definition.axes]
        for column in columns:
            table.add_column(column, overflow="fold")
        for column in ("finished", "under way", "failed", "waiting"):
            table.add_column(column, justify="right")
        metric, best = self.definition.best, self._best()
        if metric is not None:
            table.add_column(f"{metric}, mean of finished", justify="right", overflow="fold")
        for cell, each in self._by_cell():
            status = Counter(self.status(run, record) for run, record in each)
            under_way = [self._share(run) for run, record in each if self.status(run, record) == "running"]
            row = [*([cell.base] if several else []), *cell.labels.values()]
            row += [
                str(status["finished"] or ""),
                ", ".join(f"{share:.0%}" for share in under_way),
                str(status["failed"] or ""),
                str(status["waiting"] + status["interrupted"] or ""),
            ]
            if metric is not None:
                value = self._mean(each)
                row.append("" if value is None else f"{value:.4g}{' ← best' if cell == best else ''}")
            table.add_row(*row)
        return table

    def failures(self) -> list[str]:
        """Return a line for each run that failed: which, and why."""
        return [
            f"failed: {run.cell}, seed {run.seed}: {record.reason} ({self.folder / run.key})"
            for run, record in self._each()
            if record is not None and self.status(run, record) == "failed"
        ]

    def headline(self) -> str:
        """Return how many runs have which status, and how long those that are left will take."""
        counts = self.counts()
        parts = [f"{counts['finished']} of {len(self.planned)} runs finished"]
        parts += [f"{counts[name]} {name}" for name in ("running", "failed") if counts[name]]
        left = self.seconds_left()
        if left:
            parts.append(f"about {duration(left)} left")
        return f"{self.definition.name}: {', '.join(parts)}"

    def seconds_left(self) -> float | None:
        """Return how long the runs that are left will take, or None where nothing tells.

        A run takes what those of its combination took, else those of its recipe, else what its steps take by
        the measured time of one.
        """
        total = 0.0
        records = self.records()
        for run in self.planned:
            record = records.get(run.key)
            if self.status(run, record) in ("finished", "failed"):
                continue
            expected = self._expected(run, records)
            if expected is None:
                return None
            total += max(expected - (record.seconds if record is not None else 0.0), 0.0)
        return total / self.jobs

    def _expected(self, run: PlannedRun, records: Mapping[str, RunRecord]) -> float | None:
        for alike in (
            [other for other in self.planned if other.cell == run.cell],
            [other for other in self.planned if other.cell.base == run.cell.base],
        ):
            seconds = [
                record.seconds
                for other in alike
                if (record := records.get(other.key)) is not None and record.status == "finished"
            ]
            if seconds:
                return mean(seconds)
        if run.cost is None or run.cost.seconds_per_step is None or run.steps is None:
            return None
        return run.steps * run.cost.seconds_per_step

    def _each(self) -> Iterator[tuple[PlannedRun, RunRecord | None]]:
        records = self.records()
        return ((run, records.get(run.key)) for run in self.planned)

    def _by_cell(self) -> Iterator[tuple[Cell, list[tuple[PlannedRun, RunRecord | None]]]]:
        each = list(self._each())
        for cell in {str(run.cell): run.cell for run in self.planned}.values():
            yield cell, [(run, record) for run, record in each if run.cell == cell]

    def _share(self, run: PlannedRun) -> float:
        """Return how much of a run's training is done."""
        last = next(self._lines(run), None)
        return last["step"] / run.steps if last is not None and run.steps else 0.0

    def _best(self) -> Cell | None:
        means = [(value, cell) for cell, each in self._by_cell() if (value := self._mean(each)) is not None]
        if not means:
            return None
        # All else that is logged is a loss, or an accuracy by its name.
        name = self.definition.best or ""
        choose = max if name.startswith(("probe/", "test/")) or "accuracy" in name or "top" in name else min
        return choose(means, key=lambda pair: pair[0])[1]

    def _mean(self, each: Sequence[tuple[PlannedRun, RunRecord | None]]) -> float | None:
        values = [
            value
            for run, record in each
            if self.status(run, record) == "finished" and (value := self._metric(run)) is not None
        ]
        return mean(values) if values else None

    def _metric(self, run: PlannedRun) -> float | None:
        """Return the last value of the metric by which the best is named."""
        name = self.definition.best
        return next((line[name] for line in self._lines(run) if line.get(name) is not None), None)

    def _lines(self, run: PlannedRun) -> Iterator[dict]:
        """Yield what a run's training has logged, the last line first."""
        path = self.folder / run.key / next(steps_of(run)).folder / runs.METRICS
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return (json.loads(line) for line in reversed(lines) if line.endswith("}"))
