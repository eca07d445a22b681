"""How soon cells arrive, and what they have reached for the same."""

from report_documents import rows_of, table_named, tables_of, text_of
from sweep_folders import write_sweep, write_training

from vidmask.report.budgets import convergence_section, matched_section
from vidmask.report.comparison import compared
from vidmask.results import load

CELLS = [{"model.masking": "random"}, {"model.masking": "tube"}]


def test_multiply_adds_that_are_not_known_have_no_column(tmp_path):
    write_sweep(tmp_path / "s", CELLS, seeds=(0,), macs_per_step=None)
    comparison = compared(load(tmp_path / "s"))
    columns = list(tables_of(convergence_section(comparison))[0].columns)
    assert columns == ["masking", "untrained", "final", "of its steps", "steps", "seconds"]
    columns = list(tables_of(matched_section(comparison))[0].columns)
    assert columns == ["masking", "at 40 steps", "at 12.5 seconds"]


def test_what_is_matched_is_what_the_shortest_run_has_spent(tmp_path):
    write_sweep(tmp_path / "long", CELLS, seeds=(0,), steps=80, budget="clips")
    write_sweep(tmp_path / "short", CELLS, seeds=(0,), steps=40)
    section = matched_section(compared(load(tmp_path)))
    table = table_named(section, "motion: linear probe")
    columns = ["at 40 steps", "at 60 G multiply-adds", "at 12.5 seconds"]
    assert list(table.columns) == ["sweep", "masking", *columns]
    for row in rows_of(table):
        shares = [row[column].rpartition("(")[2] for column in columns[:2]]
        assert shares == (["100 %)"] * 2 if row["sweep"] == "short" else ["50 %)"] * 2)
    at_end = table_named(section, "motion: quickstart/linear, top-1, test split: accuracy at the end")
    assert list(at_end.columns) == ["masking", "2,560 clips", "40 steps"]
    assert [row["masking"] for row in rows_of(at_end)] == ["random", "tube"]
    assert "only at 100 %" in text_of(section)


def test_one_run_converges_to_its_own_final_accuracy_and_is_matched_with_none(tmp_path):
    comparison = compared(load(write_training(tmp_path / "run")))
    assert "95 % of its own final accuracy" in text_of(convergence_section(comparison))
    assert matched_section(comparison) is None


def test_what_the_untrained_encoder_has_already_is_there_from_the_start(tmp_path):
    # The fixture's probes begin at 30 % and end so much lower.
    run = write_training(tmp_path / "run", bonus=-0.4)
    (row,) = rows_of(table_named(convergence_section(compared(load(run))), "motion: linear probe"))
    assert (row["of its steps"], row["steps"]) == ("from the start", "0")


def test_runs_without_probes_converge_to_nothing(tmp_path):
    run = write_training(tmp_path / "run")
    file = run / "metrics.jsonl"
    lines = [line for line in file.read_text().splitlines(keepends=True) if "probe" not in line]
    file.write_text("".join(lines))
    comparison = compared(load(run))
    assert convergence_section(comparison) is None
    assert matched_section(comparison) is None
