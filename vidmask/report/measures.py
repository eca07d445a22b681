"""What is measured of a run: a label, read out in some way, on some split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vidmask.report import phrases
from vidmask.report.selecting import Frame, where

# What stands first where nothing is asked for: evaluations before probes, and the probes that can be
# compared with other people's first.
_ORDER = ("top1", "linear_mean", "linear_mean_std_max", "knn_mean", "knn_mean_std_max", "top5")


@dataclass(frozen=True)
class Measure:
    """One kind of score.

    Args:
        source: ``probe``, or the recipe of an evaluation.
        split: Of which videos.
        label: What is asked of them.
        readout: How it is read out.
    """

    source: str
    split: str
    label: str
    readout: str

    @property
    def key(self) -> str:
        """Return its name as ``--metric`` has it."""
        return "/".join((self.source, self.split, self.label, self.readout))

    @property
    def num_guesses(self) -> int:
        """Return among how many answers the right one may be: 5 of ``top5``."""
        number = self.readout.removeprefix("top")
        return int(number) if self.readout.startswith("top") and number.isdecimal() else 1

    @property
    def kind(self) -> str:
        """Return how it is measured, in phrases."""
        by = "" if self.source == "probe" else f"{self.source}, "
        return f"{by}{phrases.readout(self.readout)}, {phrases.SPLITS.get(self.split, self.split)}"

    @property
    def title(self) -> str:
        """Return what it is, in phrases."""
        return f"{self.label}: {self.kind}"

    def of(self, scores: Frame) -> Frame:
        """Return the rows of a table of scores that are of this measure."""
        return where(scores, **vars(self))


def measures_of(scores: Frame, metric: str | None) -> tuple[list[Measure], list[Measure]]:
    """Return the measures that are shown first, and the others.

    Args:
        scores: The scores of ``vidmask.results.Results``.
        metric: Parts of the names of those that are shown first, in order, such as ``linear_mean``,
            ``motion/top1`` or ``val/linear_mean``; the names in ``metrics.jsonl`` are accepted too.

    Raises:
        ValueError: If no measure is named so.
    """
    trained = where(scores, encoder="trained")
    columns = ["source", "split", "label", "readout"]
    found = [Measure(*row) for row in trained[columns].drop_duplicates().itertuples(index=False)]
    found.sort(key=_rank)
    if metric is None:
        first = [one for one in found if found and _kind(one) == _kind(found[0])]
    else:
        first = [one for one in found if _names(one, metric)]
        if not first:
            known = ", ".join(sorted({one.readout for one in found})) or "none"
            labels = ", ".join(sorted({one.label for one in found})) or "none"
            raise ValueError(
                f"--metric {metric}: no score is named so; there are the read-outs {known} of the labels "
                f"{labels}, such as {found[0].key if found else 'none'}"
            )
    return first, [one for one in found if one not in set(first)]


def _rank(measure: Measure) -> tuple[Any, ...]:
    known = _ORDER.index(measure.readout) if measure.readout in _ORDER else len(_ORDER)
    return (
        measure.split != "test",
        measure.source == "probe",
        measure.source,
        known,
        measure.readout,
        measure.label,
    )


def _kind(measure: Measure) -> Sequence[str]:
    return (measure.source, measure.split, measure.readout)


def _names(measure: Measure, metric: str) -> bool:
    # Parts are looked for in order; what stands between them is not asked about.
    left = iter(measure.key.split("/"))
    return all(part in left for part in metric.replace("/trained/", "/").strip("/").split("/"))
