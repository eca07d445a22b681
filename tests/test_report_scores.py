"""The tables of scores where there is one seed, none, or something beside."""

import pytest
from report_documents import rows_of, table_named, tables_of, text_of
from sweep_folders import key_of, write_sweep

from vidmask.report.blocks import Grid
from vidmask.report.comparison import compared
from vidmask.report.scores import score_section
from vidmask.results import load

CELLS = [{"model.masking": "random"}, {"model.masking": "tube"}]


def _section(folder, metric=None, **how):
    write_sweep(folder / "s", CELLS, **how)
    return score_section(compared(load(folder / "s"), metric))


def test_from_one_seed_there_is_no_interval_but_over_test_videos(tmp_path):
    section = _section(tmp_path, seeds=(0,))
    first = rows_of(table_named(section, "motion: quickstart/linear, top-1, test split"))
    assert all(row["95 % interval"].endswith(" (evaluation noise only)") for row in first)
    assert [row["± sd"] for row in first] == ["–", "–"]
    probes = rows_of(table_named(section, "motion: linear probe, mean pooled, test split"))
    assert [row["95 % interval"] for row in probes] == ["one seed", "one seed"]
    assert "From one seed no interval over seeds follows." in text_of(section)
    assert "says nothing of another training" in text_of(section)
    assert "Student" not in text_of(section)


def test_from_several_seeds_the_interval_is_over_seeds(tmp_path):
    section = _section(tmp_path, seeds=(0, 1))
    assert "Student" in text_of(section)
    assert "evaluation noise" not in text_of(section)
    assert all(row["seeds"] == "2" for row in rows_of(tables_of(section)[0]))


def test_a_cell_without_a_finished_run_keeps_its_row(tmp_path):
    endings = {key_of(CELLS[1], 0): ("failed", "killed")}
    section = _section(tmp_path, seeds=(0,), endings=endings)
    row = rows_of(tables_of(section)[0])[1]
    assert (row["masking"], row["mean"], row["95 % interval"], row["seeds"]) == ("tube", "–", "–", "0")


def test_what_is_asked_for_stands_first_with_a_plot_and_the_rest_is_folded(tmp_path):
    section = _section(tmp_path, metric="val/motion/knn_mean", seeds=(0,))
    assert tables_of(section)[0].caption.startswith("motion: neighbours, mean pooled, validation split")
    (grid,) = [block for block in section.blocks if isinstance(block, Grid)]
    assert [picture.title for picture in grid.pictures] == [
        "motion: neighbours, mean pooled, validation split, each seed"
    ]
    titles = [table.caption.partition(": accuracy")[0] for table in tables_of(section)]
    assert len(titles) == len(set(titles)) == 11


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("motion: linear probe, mean pooled, test split", ["untrained", "chance"]),
        ("motion: linear probe, mean pooled, validation split", ["untrained", "without encoder", "chance"]),
        ("motion: quickstart/linear, top-1, test split", ["chance"]),
    ],
)
def test_beside_a_score_stands_what_it_is_to_be_judged_by(tmp_path, title, columns):
    table = table_named(_section(tmp_path, seeds=(0,)), title)
    assert list(table.columns) == ["masking", "mean", "± sd", "95 % interval", "seeds", *columns]
