import json
import math

import numpy as np
import pytest
from pandas import DataFrame
from scipy import stats
from sweep_folders import CELLS, RECIPE, write_sweep

from vidmask.results import Convergence, convergence, convergences, load, matched, mean_curves

METRIC = "probe/motion/linear_mean"


def curves(**cells):
    """Rows of cells: each a list of runs, each a dict from step to value."""
    rows = [
        {
            "cell": cell,
            "run": f"{cell}{seed}",
            "seed": seed,
            "step": step,
            "clips": step * 2.0,
            "macs": math.nan if cell == "unknown" else step * (10.0 if cell == "dear" else 1.0),
            "seconds": step + 0.5,
            "metric": METRIC,
            "value": value,
        }
        for cell, runs in cells.items()
        for seed, points in enumerate(runs)
        for step, value in points.items()
    ]
    return DataFrame(rows).astype({"seed": "Int64"})


def test_the_mean_curve_is_that_of_the_files(tmp_path):
    write_sweep(tmp_path / "masks", CELLS[:1], (0, 1, 2))
    values = {}
    for file in sorted(tmp_path.glob(f"masks/*/{RECIPE}/run/metrics.jsonl")):
        for line in map(json.loads, file.read_text().splitlines()):
            if METRIC in line:
                values.setdefault(line["step"], []).append(line[METRIC])
    results = load(tmp_path)
    found = mean_curves(results.with_cells(results.curves), results.cell_columns, METRIC)
    assert list(found["step"]) == sorted(values) == [0, 10, 20, 30, 40]
    for row in found.itertuples():
        of_step = values[row.step]
        assert (row.n, row.mean) == (3, pytest.approx(np.mean(of_step)))
        if row.step:
            interval = stats.t.interval(0.95, 2, np.mean(of_step), stats.sem(of_step))
            assert (row.low, row.high) == pytest.approx(interval)


@pytest.mark.parametrize(("axis", "factor"), [("clips", 2.0), ("macs", 10.0), ("seconds", 1.0)])
def test_a_curve_is_drawn_against_what_was_spent(axis, factor):
    found = mean_curves(curves(dear=[{0: 0.1, 4: 0.5}]), ["cell"], METRIC, axis)
    start = 0.5 if axis == "seconds" else 0.0
    assert list(found[axis]) == [start, start + 4 * factor]
    assert list(found["mean"]) == [0.1, 0.5]
    assert found["low"].isna().all()


def test_runs_with_points_at_different_places_meet_in_between():
    table = curves(a=[{0: 0.0, 10: 1.0, 20: 1.0}, {4: 0.4, 12: 0.8}])
    found = mean_curves(table, ["cell"], METRIC)
    assert list(found["step"]) == [4, 10, 12]
    assert list(found["mean"]) == pytest.approx([(0.4 + 0.4) / 2, (1.0 + 0.7) / 2, (1.0 + 0.8) / 2])


def test_points_that_are_not_finite_are_left_out():
    found = mean_curves(curves(a=[{0: 0.0, 5: math.nan, 10: 1.0}]), ["cell"], METRIC)
    assert list(found["step"]) == [0, 10]


def test_a_cell_whose_spending_is_not_known_has_no_curve():
    table = curves(known=[{0: 0.0, 1: 1.0}], unknown=[{0: 0.0, 1: 1.0}])
    assert set(mean_curves(table, ["cell"], METRIC, "macs")["cell"]) == {"known"}
    assert mean_curves(table, ["cell"], "no such metric").empty


def test_convergence_by_hand():
    # The mean of a is 0.2, 0.4, 0.8 at 0, 10, 30; of b the final value is 0.6, of which 0.9 is 0.54.
    table = curves(a=[{0: 0.1, 10: 0.3, 30: 0.9}, {0: 0.3, 10: 0.5, 30: 0.7}], b=[{0: 0.1, 40: 0.6}])
    found = convergence(table, {"cell": "a"}, {"cell": "b"}, METRIC, share=0.9)
    at = 10 + 20 * (0.54 - 0.4) / (0.8 - 0.4)
    assert found.target == pytest.approx(0.54)
    assert (found.start, found.final, found.reference_final) == pytest.approx((0.2, 0.8, 0.6))
    assert found.at == pytest.approx(at)
    assert found.share_of_budget == pytest.approx(at / 30)
    assert found.share_of_reference == pytest.approx(at / 40)


def test_convergence_is_never_where_the_target_is_not_reached():
    table = curves(a=[{0: 0.1, 10: 0.3}], b=[{0: 0.1, 40: 0.6}])
    found = convergence(table, {"cell": "a"}, {"cell": "b"}, METRIC)
    assert (found.at, found.share_of_budget, found.share_of_reference) == (None, None, None)


def test_convergence_is_at_the_start_where_an_untrained_encoder_is_there_already():
    table = curves(a=[{0: 0.7, 10: 0.3, 20: 0.9}], b=[{0: 0.1, 40: 0.6}])
    found = convergence(table, {"cell": "a"}, {"cell": "b"}, METRIC)
    assert (found.at, found.share_of_budget, found.start) == (0, 0, 0.7)


def test_the_first_crossing_counts_though_the_curve_falls_again():
    table = curves(a=[{0: 0.0, 10: 1.0, 20: 0.2, 30: 1.0}], b=[{0: 0.0, 30: 0.5}])
    assert convergence(table, {"cell": "a"}, {"cell": "b"}, METRIC, share=1.0).at == pytest.approx(5)


def test_a_share_of_spending_differs_from_a_share_of_steps():
    table = curves(dear=[{0: 0.0, 10: 1.0}], b=[{0: 0.0, 10: 0.5}])
    arguments = (table, {"cell": "dear"}, {"cell": "b"}, METRIC, 1.0)
    assert convergence(*arguments).share_of_reference == pytest.approx(0.5)
    assert convergence(*arguments, "macs").share_of_reference == pytest.approx(5)
    assert convergence(*arguments, "macs").share_of_budget == pytest.approx(0.5)


def test_all_cells_are_measured_by_one():
    table = curves(a=[{0: 0.0, 10: 1.0}], b=[{0: 0.0, 10: 0.5}], c=[{0: 0.0, 10: 0.1}])
    found = convergences(table, ["cell"], {"cell": "b"}, METRIC, 0.8).set_index("cell")
    assert list(found["at"].fillna(-1)) == pytest.approx([4, 8, -1])
    single = convergence(table, {"cell": "a"}, {"cell": "b"}, METRIC, 0.8)
    assert Convergence(**found.loc["a"].to_dict()) == single


def test_what_is_not_known_cannot_converge():
    table = curves(unknown=[{0: 0.0, 10: 1.0}], b=[{0: 0.0, 10: 0.5}])
    with pytest.raises(ValueError, match=f"of cell=unknown, '{METRIC}' against macs is not known"):
        convergence(table, {"cell": "unknown"}, {"cell": "b"}, METRIC, axis="macs")
    assert convergences(table, ["cell"], {"cell": "unknown"}, METRIC, axis="macs").empty


def test_at_equal_spending_every_cell_is_read_where_the_shortest_run_ends():
    table = curves(a=[{0: 0.0, 20: 1.0}, {0: 0.0, 20: 0.5}], dear=[{0: 0.0, 5: 0.2, 10: 0.3}])
    by_step = matched(table, ["cell"], METRIC).set_index("cell")
    assert set(by_step["at"]) == {10}
    assert list(by_step["mean"]) == pytest.approx([(0.5 + 0.25) / 2, 0.3])
    assert list(by_step["share_of_budget"]) == pytest.approx([0.5, 1])
    low, high = stats.t.interval(0.95, 1, 0.375, stats.sem([0.5, 0.25]))
    assert (by_step.loc["a", "low"], by_step.loc["a", "high"]) == pytest.approx((low, high))
    by_macs = matched(table, ["cell"], METRIC, "macs").set_index("cell")
    assert set(by_macs["at"]) == {20}
    assert list(by_macs["mean"]) == pytest.approx([0.75, 0.2 * 20 / 50])
    assert list(by_macs["share_of_budget"]) == pytest.approx([1, 0.2])


def test_a_cell_whose_spending_is_not_known_is_matched_with_nothing():
    table = curves(a=[{0: 0.0, 20: 1.0}], unknown=[{0: 0.0, 10: 1.0}])
    found = matched(table, ["cell"], METRIC, "macs").set_index("cell")
    assert list(found["n"]) == [1, 0]
    assert set(found["at"]) == {20}
    assert math.isnan(found.loc["unknown", "mean"])


def test_a_run_without_a_point_so_early_is_not_made_up():
    table = curves(a=[{0: 0.0, 4: 1.0}], b=[{10: 0.5, 20: 1.0}])
    found = matched(table, ["cell"], METRIC).set_index("cell")
    assert found.loc["b", "n"] == 0
    assert math.isnan(found.loc["b", "mean"])


def test_runs_of_one_seed_count_once():
    table = curves(a=[{0: 0.0, 10: 0.4}, {0: 0.0, 10: 0.6}, {0: 0.0, 10: 0.9}])
    table.loc[table["run"] == "a1", "seed"] = 0
    assert matched(table, ["cell"], METRIC)["n"].tolist() == [2]
    last = mean_curves(table, ["cell"], METRIC).iloc[-1]
    assert (last["n"], last["mean"]) == (2, pytest.approx((0.5 + 0.9) / 2))


@pytest.mark.parametrize("ask", [mean_curves, matched])
def test_an_unknown_column_is_refused(ask):
    table = curves(a=[{0: 0.0}])
    with pytest.raises(ValueError, match="the table has no column mask"):
        ask(table, ["mask"], METRIC)


@pytest.mark.parametrize("share", [0.0, 95.0])
def test_a_share_in_per_cent_is_refused(share):
    table = curves(a=[{0: 0.0, 1: 1.0}])
    with pytest.raises(ValueError, match=f"share must lie above 0 and at most at 1, got {share}"):
        convergence(table, {"cell": "a"}, {"cell": "a"}, METRIC, share)
