import itertools
import json
import math
import random

import numpy as np
import pandas as pd
import pytest
from pandas import DataFrame
from scipy import stats
from sweep_folders import CELLS, key_of, write_sweep

from vidmask.results import against, frame, load, paired, summary

BY = ["model.masking", "model.masking.ratio"]
METRIC = "probe/test/trained/motion/linear_mean"
REFERENCE = {"model.masking": "random", "model.masking.ratio": "0.5"}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps") / "masks"
    write_sweep(folder, seeds=(0, 1, 2, 3), endings={key_of(CELLS[1], 2): ("failed", "why")})
    return folder


def logged(sweep, metric=METRIC):
    """Values by cell and seed, from the lines of the files."""
    values = {}
    for file in sweep.glob("*/record.json"):
        record = json.loads(file.read_text())
        if record["status"] == "finished":
            for line in (
                (file.parent / record["steps"][0]["folder"] / "metrics.jsonl").read_text().splitlines()
            ):
                if metric in (numbers := json.loads(line)):
                    cell = tuple(record["cell"].values())
                    values.setdefault(cell, {})[record["seed"]] = numbers[metric]
    return values


def chosen(table):
    return table[
        (table["split"] == "test")
        & (table["encoder"] == "trained")
        & (table["label"] == "motion")
        & (table["readout"] == "linear_mean")
    ]


def test_the_summary_is_that_of_the_files(sweep):
    found = chosen(summary(frame(sweep), BY))
    values = logged(sweep)
    assert len(found) == len(values) == 4
    for row in found.itertuples(index=False):
        of_cell = list(values[row[0], row[1]].values())
        assert row.n == len(of_cell) == (3 if (row[0], row[1]) == ("random", "0.75") else 4)
        assert row.mean == pytest.approx(sum(of_cell) / len(of_cell), rel=1e-12)
        assert row.std == pytest.approx(np.std(of_cell, ddof=1), rel=1e-9)
        interval = stats.t.interval(0.95, len(of_cell) - 1, np.mean(of_cell), stats.sem(of_cell))
        assert (row.low, row.high) == pytest.approx(interval, rel=1e-9)


def test_differences_are_those_of_the_files_on_shared_seeds(sweep):
    found = chosen(against(frame(sweep), BY, REFERENCE))
    values = logged(sweep)
    assert len(found) == 3
    for row in found.itertuples(index=False):
        cell, reference = values[row[0], row[1]], values["random", "0.5"]
        seeds = sorted(cell.keys() & reference.keys())
        first, second = [cell[seed] for seed in seeds], [reference[seed] for seed in seeds]
        test = stats.ttest_rel(first, second)
        low, high = test.confidence_interval(0.95)
        assert row.n == len(seeds)
        assert (row.first, row.second) == pytest.approx((np.mean(first), np.mean(second)), rel=1e-12)
        assert row.difference == pytest.approx(np.mean(np.subtract(first, second)), rel=1e-9)
        assert (row.low, row.high, row.p_value) == pytest.approx((low, high, test.pvalue), rel=1e-9)


def test_two_cells_are_compared_as_in_the_table(sweep):
    table = chosen(frame(sweep))
    one = paired(table, CELLS[3], REFERENCE, level=0.8)
    row = against(table, BY, REFERENCE, level=0.8).set_index(BY).loc[tuple(CELLS[3].values())]
    assert vars(one) == {name: row[name] for name in vars(one)}


def test_trained_is_compared_with_untrained_in_the_same_runs(sweep):
    table = frame(sweep)
    table = table[
        (table["split"] == "test") & (table["label"] == "motion") & (table["readout"] == "linear_mean")
    ]
    table = table[(table["model.masking"] == "tube") & (table["model.masking.ratio"] == "0.5")]
    found = paired(table, {"encoder": "trained"}, {"encoder": "untrained"})
    assert found.second == pytest.approx(0.25)
    assert found.first == pytest.approx(np.mean(list(logged(sweep)["tube", "0.5"].values())))


def test_order_of_rows_changes_nothing(sweep):
    table = frame(sweep)
    shuffled = table.sample(frac=1, random_state=1)
    columns = [*BY, "source", "split", "encoder", "label", "readout"]
    for result in (lambda t: summary(t, BY), lambda t: against(t, BY, REFERENCE)):
        first, second = (
            result(each).sort_values(columns).reset_index(drop=True) for each in (table, shuffled)
        )
        pd.testing.assert_frame_equal(first, second)


def toy(*rows):
    table = DataFrame(rows, columns=["cell", "seed", "value"])
    return table.astype({"seed": "Int64"})


def test_one_seed_has_no_interval_and_no_p_value():
    table = toy(("a", 0, 0.5), ("b", 0, 0.6), ("b", 1, 0.9))
    found = summary(table, ["cell"]).set_index("cell").loc["a"]
    assert (found["n"], found["mean"]) == (1, 0.5)
    assert found[["std", "low", "high"]].isna().all()
    difference = paired(table, {"cell": "b"}, {"cell": "a"})
    assert (difference.n, difference.difference) == (1, pytest.approx(0.1))
    assert all(math.isnan(number) for number in (difference.low, difference.high, difference.p_value))


def test_no_shared_seed_is_no_difference():
    found = paired(toy(("a", 0, 0.5), ("b", 1, 0.6)), {"cell": "a"}, {"cell": "b"})
    assert found.n == 0
    assert math.isnan(found.difference)


def test_a_repeated_run_does_not_pass_for_another_seed():
    table = toy(("a", 0, 0.4), ("a", 0, 0.6), ("a", 1, 0.9))
    (row,) = summary(table, ["cell"]).to_dict("records")
    assert (row["n"], row["mean"]) == (2, pytest.approx(0.7))


def test_a_seed_that_is_not_known_counts_alone_and_is_shared_with_none():
    table = toy(("a", None, 0.4), ("a", None, 0.6), ("b", None, 0.9))
    assert list(summary(table, ["cell"])["n"]) == [2, 1]
    assert paired(table, {"cell": "a"}, {"cell": "b"}).n == 0


def test_equal_differences_have_no_p_value():
    table = toy(("a", 0, 0.5), ("a", 1, 0.75), ("b", 0, 0.25), ("b", 1, 0.5))
    found = paired(table, {"cell": "a"}, {"cell": "b"})
    assert (found.low, found.high) == (0.25, 0.25)
    assert math.isnan(found.p_value)


def test_different_scores_are_not_mixed(sweep):
    table = frame(sweep)
    with pytest.raises(ValueError, match="source is one of probe, quickstart/linear: choose the rows of one"):
        paired(table, CELLS[0], CELLS[1])
    assert (summary(table, BY)["n"] <= 4).all()
    assert len(summary(table, BY)) == 4 * (8 + 2 + 8 + 3)


def test_a_reference_that_is_no_cell_is_refused(sweep):
    with pytest.raises(ValueError, match=r"a cell needs the columns model.masking, model.masking.ratio"):
        against(frame(sweep), BY, {"model.masking": "tube"})
    with pytest.raises(
        ValueError, match=r"there is no cell model.masking=cube, .* only model.masking=random"
    ):
        against(frame(sweep), BY, {**REFERENCE, "model.masking": "cube"})
    with pytest.raises(ValueError, match="the table has no column depth"):
        summary(frame(sweep), ["depth"])
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 95"):
        summary(frame(sweep), BY, level=95.0)


def test_intervals_of_equals_miss_as_often_as_they_say():
    chance, missed = random.Random(0), 0
    for _ in range(400):
        rows = [(cell, seed, chance.gauss(0.5, 0.1)) for cell, seed in itertools.product("ab", range(3))]
        found = paired(toy(*rows), {"cell": "a"}, {"cell": "b"})
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)
        missed += found.p_value < 0.05
    assert 0.02 < missed / 400 < 0.09


def test_a_sweep_of_no_finished_run_has_empty_tables(tmp_path):
    write_sweep(tmp_path / "masks", CELLS[:1], (0,), endings={key_of(CELLS[0], 0): ("missing", None)})
    results = load(tmp_path)
    assert summary(results.frame(), results.cell_columns).empty
