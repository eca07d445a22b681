"""The tables that runs are read into."""

from dataclasses import dataclass

from pandas import DataFrame

MEASURE = ("source", "split", "encoder", "label", "readout")
"""Columns that say what a score is of; see ``Results.scores``."""


@dataclass(frozen=True, eq=False)
class Results:
    """What runs have found.

    A run is known by ``run``: ``<sweep>/<key>``, and for a run of no sweep its folder's name, with as many
    folders above it as it takes to tell it from the others. What is not known is NaN (NA for a seed).

    Attributes:
        runs: One row for each run, those that failed or are missing too, in the order of the plan. ``run``;
            ``folder`` of its training; ``sweep``; ``recipe``; ``seed``; ``status``: finished, failed,
            running, interrupted, missing (planned and never begun), or unfinished (a run of no sweep that has
            not come to its end); ``reason`` why it has not finished; ``budget``, its kind, and
            ``budget_amount``; ``steps`` trained, and the ``clips`` and ``macs`` (multiply-adds, as the sweep
            has counted them) behind them; ``seconds`` of training by the wall clock, with the probes in it;
            ``skipped`` training samples; then a column for each of ``axes``, with labels.
        scores: One row for each score at the end of a finished run: ``run``; ``source``, "probe" or the
            recipe of an evaluation; ``split``, "val" or "test"; ``encoder``, "trained", "untrained" or "none"
            (what needs no encoder); ``label``; ``readout``, such as "linear_mean" or "top1"; ``value`` in
            [0, 1].
        curves: One row for each number that was logged in training: ``run``, ``step``, ``clips``, ``macs``,
            ``seconds``, ``metric``, ``value`` (NaN where it was not finite).
        chance: One row for each run and label: ``run``, ``label``, ``chance`` of guessing, and
            ``without_encoder``, the accuracy on the validation split of what needs none.
        trivial: One row for each validation metric and trivial answer to it: ``run``, ``metric``, such as
            "val/pixels"; ``name`` of the answer; ``value``.
        steps: One row for each command of a run: ``run``; ``name``, "fit", a recipe, or that and " test";
            ``folder``; ``status``; ``reason``; ``seconds``; ``log``, the file of what it printed.
        axes: The settings in which the runs differ.
        unplanned: How many runs lie in the sweeps' folders that are not, or no longer, in their plans. They
            are left out; each can be given to ``load`` by its own folder.
    """

    runs: DataFrame
    scores: DataFrame
    curves: DataFrame
    chance: DataFrame
    trivial: DataFrame
    steps: DataFrame
    axes: tuple[str, ...] = ()
    unplanned: int = 0

    @property
    def cell_columns(self) -> list[str]:
        """Return the columns of ``runs`` that say what was tried: all but the seed.

        They are the axes, after the sweep and the recipe where there are several of these; the recipe where
        there is nothing else.
        """
        several = [name for name in ("sweep", "recipe") if len(set(self.runs[name].fillna(""))) > 1]
        return [*several, *self.axes] or ["recipe"]

    @property
    def finished(self) -> DataFrame:
        """Return the rows of ``runs`` that count in numbers."""
        return self.runs.query("status == 'finished'")

    @property
    def failures(self) -> DataFrame:
        """Return the rows of ``runs`` that do not count, whatever has become of them."""
        return self.runs.query("status != 'finished'")

    def with_cells(self, table: DataFrame) -> DataFrame:
        """Return the rows of a table that are of finished runs, with the columns of their cells and the seed.

        Args:
            table: Any of the tables with a column ``run``, such as ``curves``.
        """
        return table.merge(self.finished[["run", *self.cell_columns, "seed"]], on="run")

    def frame(self) -> DataFrame:
        """Return scores and runs in one table: a row for each score of a finished run."""
        return self.finished.merge(self.scores, on="run")
