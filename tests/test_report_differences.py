"""Differences from the reference where seeds, sweeps and tests are shared or not."""

from report_documents import rows_of, table_named, tables_of, text_of
from sweep_folders import key_of, write_sweep

from vidmask.report.comparison import compared
from vidmask.report.differences import difference_section
from vidmask.results import load

CELLS = [{"model.masking": "random"}, {"model.masking": "tube"}]
TOP_1 = "motion: quickstart/linear, top-1, test split"


def test_from_one_seed_the_interval_is_over_videos_and_nothing_is_concluded(tmp_path):
    write_sweep(tmp_path / "s", CELLS, seeds=(0,))
    section = difference_section(compared(load(tmp_path / "s")))
    (row,) = rows_of(table_named(section, TOP_1))
    assert row["95 % interval"].endswith(" (evaluation noise only)")
    assert row["the cell is"] == "–"
    (row,) = rows_of(table_named(section, "motion: linear probe, mean pooled, test split"))
    assert row["95 % interval"] == "one seed"


def test_only_shared_seeds_count(tmp_path):
    endings = {key_of(CELLS[0], 0): ("failed", "x"), key_of(CELLS[1], 1): ("failed", "x")}
    write_sweep(tmp_path / "s", CELLS, seeds=(0, 1), endings=endings)
    section = difference_section(compared(load(tmp_path / "s")))
    rows = [row for table in tables_of(section) for row in rows_of(table)]
    assert {(row["seeds"], row["95 % interval"]) for row in rows} <= {("0", "no seed that both have")}


def test_what_is_far_better_is_said_to_be_better_and_turned_round_worse(tmp_path):
    better = {key_of(CELLS[1], seed): 0.45 + 0.001 * seed for seed in (0, 1, 2)}
    write_sweep(tmp_path / "s", CELLS, seeds=(0, 1, 2), better=better)
    title = "motion: quickstart/linear, top-1, test split"
    for reference, told in (("random", "better"), ("tube", "worse")):
        section = difference_section(compared(load(tmp_path / "s"), reference=reference))
        assert section.title == f"Differences from {reference}"
        (row,) = rows_of(table_named(section, title))
        assert row["the cell is"] == told, row


def test_of_several_sweeps_each_is_compared_within_itself(tmp_path):
    for name in ("a", "b"):
        write_sweep(tmp_path / name, CELLS, seeds=(0, 1))
    section = difference_section(compared(load(tmp_path)))
    rows = rows_of(table_named(section, TOP_1))
    assert [(row["sweep"], row["masking"]) for row in rows] == [("a", "tube"), ("b", "tube")]
    # The same runs stand in both.
    assert rows[0] | {"sweep": ""} == rows[1] | {"sweep": ""}
    assert section.title == "Differences from random"
    assert "random of the same sweep" in text_of(section)


def test_one_cell_is_compared_with_nothing(tmp_path):
    write_sweep(tmp_path / "s", CELLS[:1], seeds=(0, 1))
    assert difference_section(compared(load(tmp_path / "s"))) is None
