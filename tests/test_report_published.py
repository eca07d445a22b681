"""The papers' numbers, where the recipe is theirs and nowhere else."""

import json
from pathlib import Path

import pandas as pd
import pytest
from report_documents import rows_of, tables_of

import vidmask.recipes
from vidmask.report.cells import cells_of
from vidmask.report.published import FILE, published_section

PAPERS = json.loads(FILE.read_text(encoding="utf-8"))
NUMBERS = [number for paper in PAPERS.values() for number in paper["numbers"]]
COLUMNS = ["run", "source", "split", "encoder", "label", "readout", "value"]


def _section(recipes, scores=()):
    rows = [{"run": str(place), "recipe": recipe} for place, recipe in enumerate(recipes)]
    runs = pd.DataFrame(rows)
    return published_section(runs, pd.DataFrame(scores, columns=COLUMNS), cells_of(runs, ["recipe"]))


def test_other_recipes_have_no_published_number():
    assert _section(["quickstart/mae_st", "compare/mam2"]) is None


def test_ours_stands_beside_where_it_was_fine_tuned():
    evaluation = "kinetics400/mam2_finetune"
    scores = [
        ("0", evaluation, "test", "trained", "action", "top1", 0.8),
        ("0", evaluation, "test", "trained", "action", "top5", 0.9),
        ("0", evaluation, "val", "trained", "action", "top1", 0.1),
        ("0", "kinetics400/linear", "test", "trained", "action", "top1", 0.2),
    ]
    section = _section(["kinetics400/mam2", "ssv2/mam2"], scores)
    assert rows_of(tables_of(section)[0]) == [
        {
            "recipe": recipe,
            "cell": recipe,
            "paper": "MAM2 (arXiv 2210.05234)",
            "its model": "ViT-B, fine-tuned",
            "its source": "abstract",
            "its top-1": theirs,
            "here": ours,
        }
        for recipe, theirs, ours in (
            ("kinetics400/mam2", "82.3", "80.0"),
            ("ssv2/mam2", "71.3", "not fine-tuned here"),
        )
    ]


def test_the_ablations_of_the_paper_stand_beside_its_recipe():
    tables = tables_of(_section(["kinetics400/mae_st"]))
    (ablations,) = [table for table in tables if "source" in table.columns]
    rows = {row["what"]: row for row in rows_of(ablations)}
    assert rows["mask: tubes, 90 %"] == {"what": "mask: tubes, 90 %", "top-1": "83.5", "source": "table 2a"}
    assert len(rows) == 23
    assert len(tables_of(_section(["kinetics400/videomae"]))) == 1


@pytest.mark.parametrize(
    "recipe", sorted({name for row in NUMBERS for name in row["recipes"] + row["evaluations"]})
)
def test_the_recipes_are_there_and_name_the_paper(recipe):
    path = Path(vidmask.recipes.__file__).parents[1] / "experiments" / f"{recipe}.yaml"
    paper = next(
        paper
        for paper in PAPERS.values()
        if any(recipe in row["recipes"] + row["evaluations"] for row in paper["numbers"])
    )
    arxiv = paper["paper"].partition("arXiv ")[2].rstrip(")")
    assert arxiv in path.read_text(encoding="utf-8")


def test_every_number_is_a_percentage_with_a_source():
    rows = [(row["top_1"], row["source"]) for row in NUMBERS]
    rows += [
        (top_1, source)
        for paper in PAPERS.values()
        for source, _, top_1 in paper.get("ablations", {}).get("rows", [])
    ]
    assert all(50 < top_1 < 100 and source for top_1, source in rows)
