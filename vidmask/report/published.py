"""What the papers report, beside what was measured here, where the recipe is theirs."""

import json
from collections.abc import Sequence
from pathlib import Path

from vidmask.report import phrases
from vidmask.report.blocks import Block, Cell, Folded, Section, Table, Text
from vidmask.report.cells import Cells
from vidmask.report.selecting import Frame, where

FILE = Path(__file__).with_name("published.json")
"""Top-1 accuracies in per cent, each with the table it stands in."""


def published_section(runs: Frame, scores: Frame, cells: Cells) -> Section | None:
    """Return the section of published numbers, or None if no run has a recipe of these papers.

    Args:
        runs: The finished runs.
        scores: Their scores.
        cells: What is compared.
    """
    papers = json.loads(FILE.read_text(encoding="utf-8")).values()
    rows: list[Sequence[Cell | str]] = []
    blocks: list[Block] = []
    for paper in papers:
        for entry in paper["numbers"]:
            for recipe in dict.fromkeys((*entry["recipes"], *entry["evaluations"])):
                of_recipe = where(runs, recipe=recipe)
                for cell in sorted({cells.of_run[run] for run in of_recipe["run"]}):
                    ours = _ours(of_recipe, scores, cells, cell, entry["evaluations"])
                    rows.append(
                        [
                            recipe,
                            cells.name(cell),
                            paper["paper"],
                            entry["what"],
                            entry["source"],
                            Cell(f"{entry['top_1']:.1f}", entry["top_1"]),
                            ours,
                        ]
                    )
        ablations = paper.get("ablations")
        if ablations and (runs["recipe"] == ablations["recipe"]).any():
            table = Table(
                f"{paper['paper']}, {ablations['what']}: top-1 on Kinetics-400, per cent",
                ["what", "top-1", "source"],
                [[what, Cell(f"{top_1:.1f}", top_1), source] for source, what, top_1 in ablations["rows"]],
            )
            blocks.append(Folded("The paper's own ablations", [table]))
    if not rows:
        return None
    columns = ["recipe", "cell", "paper", "its model", "its source", "its top-1", "here"]
    text = Text(
        "The papers' numbers are of their own code, data and hardware. A run here has the recipe's name; "
        "which of its settings were changed is to be seen under Settings."
    )
    return Section(
        "published", "Published numbers", [text, Table("Top-1 accuracy, per cent", columns, rows), *blocks]
    )


def _ours(runs: Frame, scores: Frame, cells: Cells, cell: int, evaluations: Sequence[str]) -> Cell:
    of_cell = [run for run in runs["run"] if cells.of_run[run] == cell]
    found = where(scores, readout="top1", split="test")
    found = found[found["run"].isin(of_cell) & found["source"].isin(list(evaluations))]
    if found.empty:
        return Cell("not fine-tuned here")
    return phrases.share(float(found["value"].mean()))
