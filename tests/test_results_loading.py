import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
from sweep_folders import CELLS, EVALUATION, RECIPE, key_of, write_sweep, write_test, write_training

from vidmask.results import frame, load


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """Four cells on three seeds; one run has failed, one is missing, one was killed."""
    folder = tmp_path_factory.mktemp("runs") / "sweeps" / "masks"
    endings = {
        key_of(CELLS[0], 1): ("failed", "out of memory: 1 GiB"),
        key_of(CELLS[1], 2): ("missing", None),
        key_of(CELLS[2], 2): ("interrupted", "killed by signal 9 (SIGKILL)"),
    }
    write_sweep(folder, endings=endings)
    return folder


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_every_planned_run_has_a_row_in_the_order_of_the_plan(sweep):
    runs = load(sweep).runs
    planned = json.loads((sweep / "plan.json").read_text())["runs"]
    assert list(runs["run"]) == [f"masks/{run['key']}" for run in planned]
    assert list(runs["seed"]) == [run["seed"] for run in planned]
    assert list(runs["model.masking.ratio"]) == [run["cell"]["model.masking.ratio"] for run in planned]
    assert set(runs["recipe"]) == {RECIPE}
    assert list(runs["status"].value_counts().sort_index().items()) == [
        ("failed", 1),
        ("finished", 9),
        ("interrupted", 1),
        ("missing", 1),
    ]
    reasons = dict(zip(runs["status"], runs["reason"], strict=True))
    assert reasons["failed"] == "out of memory: 1 GiB"
    assert reasons["missing"] == "it was planned and never begun"


def test_totals_are_those_of_the_last_lines(sweep):
    for _, row in load(sweep).runs.iterrows():
        if row["status"] == "missing":
            assert math.isnan(row["steps"])
            assert math.isnan(row["macs"])
            assert pd.isna(row["folder"])
            continue
        logged = lines(sweep / row["run"].split("/")[1] / RECIPE / "run")
        last = max(line["step"] for line in logged)
        assert Path(row["folder"], "metrics.jsonl").is_file()
        assert row["steps"] == last == (40 if row["status"] == "finished" else 20)
        assert (row["clips"], row["macs"]) == (32 * last, 1.5e9 * last)
        assert row["seconds"] == max(line["seconds"] for line in logged)
        assert row["skipped"] == (3 if row["seed"] == 1 else 0)
        assert (row["budget"], row["budget_amount"]) == ("steps", 40)


def test_scores_are_the_last_of_each_finished_run_and_of_no_other(sweep):
    results = load(sweep)
    expected = {}
    for key in json.loads((sweep / "plan.json").read_text())["runs"]:
        folder = sweep / key["key"]
        if not folder.is_dir() or json.loads((folder / "record.json").read_text())["status"] != "finished":
            continue
        run = f"masks/{key['key']}"
        for line in lines(folder / RECIPE / "run"):
            for name, value in line.items():
                parts = name.split("/")
                if parts[0] != "probe" or parts[-1] == "rankme" or parts[1] == "chance":
                    continue
                if parts[1] == "test":
                    expected[run, "probe", "test", parts[2], parts[3], parts[4]] = value
                elif parts[1] == "without_encoder":
                    expected[run, "probe", "val", "none", parts[2], "frame_differences"] = value
                else:
                    encoder = "untrained" if line["step"] == 0 else "trained"
                    expected[run, "probe", "val", encoder, parts[1], parts[2]] = value
        (tested,) = lines(folder / EVALUATION / "run" / "test")
        for k in ("top1", "top5"):
            expected[run, EVALUATION, "test", "trained", "motion", k] = tested[f"test/motion_{k}"]
        expected[run, EVALUATION, "val", "trained", "motion", "top1"] = 0.5
    found = {tuple(row[:-1]): row[-1] for row in results.scores.itertuples(index=False, name=None)}
    assert len(found) == len(results.scores) == 9 * (8 + 2 + 8 + 3)
    assert found == expected


def test_curves_hold_every_number_with_what_was_spent_by_then(sweep):
    results = load(sweep)
    run = results.runs["run"].iloc[0]
    curves = results.curves[results.curves["run"] == run]
    expected = {}
    for line in lines(sweep / run.split("/")[1] / RECIPE / "run"):
        for name, value in line.items():
            if name not in ("step", "epoch", "seconds"):
                spent = (line["step"] * 32, line["step"] * 1.5e9, line["seconds"])
                expected[line["step"], name] = (*spent, value)
    found = {
        (row.step, row.metric): (row.clips, row.macs, row.seconds, row.value) for row in curves.itertuples()
    }
    assert found == expected
    assert set(results.curves["run"]) == set(results.runs.query("status != 'missing'")["run"])


def test_chance_trivial_answers_and_commands_have_tables(sweep):
    results = load(sweep)
    assert set(results.chance["chance"]) == {0.125}
    assert set(results.chance["without_encoder"]) == {0.2}
    assert set(zip(results.chance["run"], results.chance["label"], strict=True)) == {
        (run, label) for run in results.runs.query("steps > 0")["run"] for label in ("appearance", "motion")
    }
    assert set(zip(results.trivial["metric"], results.trivial["name"], strict=True)) == {
        ("val/pixels", "mean")
    }
    run = results.runs["run"].iloc[0]
    steps = results.steps[results.steps["run"] == run]
    assert list(steps["name"]) == ["fit", EVALUATION, f"{EVALUATION} test"]
    assert all(Path(folder).is_dir() for folder in steps["folder"])
    assert all(Path(log).read_text() == "done\n" for log in steps["log"])


def test_scores_and_runs_are_joined_in_one_call(sweep):
    table, results = frame(sweep), load(sweep)
    assert len(table) == len(results.scores)
    row = table.sample(1, random_state=0).iloc[0]
    of_run = results.runs.set_index("run").loc[row["run"]]
    for column in ("seed", "model.masking", "model.masking.ratio", "steps"):
        assert row[column] == of_run[column]


def test_what_is_given_twice_counts_once(sweep):
    key = load(sweep).runs["run"].iloc[0].split("/")[1]
    link = sweep.parent / "link"
    link.symlink_to(sweep.name)
    twice = load(sweep, f"{sweep}/", link, sweep / key, sweep / key / RECIPE / "run", sweep.parents[1])
    link.unlink()
    assert twice.runs.equals(load(sweep).runs)
    assert twice.scores.equals(load(sweep).scores)


def test_a_run_of_a_sweep_can_be_given_alone(sweep):
    whole = load(sweep)
    for place in (0, 4):
        row = whole.runs.iloc[place]
        alone = load(sweep / row["run"].split("/")[1])
        assert alone.runs.iloc[0].equals(row)
        assert len(alone.runs) == 1


def test_runs_that_are_no_longer_planned_are_left_out_and_counted(tmp_path):
    keys = write_sweep(tmp_path / "masks", seeds=(0,))
    plan = json.loads((tmp_path / "masks" / "plan.json").read_text())
    plan["runs"] = plan["runs"][:-1]
    (tmp_path / "masks" / "plan.json").write_text(json.dumps(plan))
    results = load(tmp_path)
    assert (len(results.runs), results.unplanned) == (3, 1)
    assert f"masks/{keys[-1]}" not in {*results.scores["run"], *results.curves["run"]}
    assert list(load(tmp_path / "masks" / keys[-1]).runs["run"]) == [f"masks/{keys[-1]}"]
    assert len(load(tmp_path, tmp_path / "masks" / keys[-1]).runs) == 3


def test_two_copies_of_a_run_are_refused(sweep, tmp_path):
    copy = shutil.copytree(sweep, tmp_path / "masks")
    with pytest.raises(ValueError, match=r"are the same run, masks/\w{12}: give one of them") as caught:
        load(sweep, copy)
    assert str(sweep) in str(caught.value)
    assert str(copy) in str(caught.value)


def test_a_finished_run_without_numbers_is_refused(tmp_path):
    (key,) = write_sweep(tmp_path / "masks", CELLS[:1], (0,))
    (tmp_path / "masks" / key / RECIPE / "run" / "metrics.jsonl").unlink()
    with pytest.raises(ValueError, match=rf"{key}/{RECIPE}/run: the run has finished, but there is nothing"):
        load(tmp_path)


def test_a_run_that_failed_before_its_first_line_is_no_trouble(tmp_path):
    endings = {key_of(CELLS[0], 0): ("failed", "no data")}
    (key,) = write_sweep(tmp_path / "masks", CELLS[:1], (0,), endings=endings)
    shutil.rmtree(tmp_path / "masks" / key / "quickstart")
    results = load(tmp_path)
    assert list(results.runs["status"]) == ["failed"]
    assert results.scores.empty
    assert results.curves.empty
    assert math.isnan(results.runs["skipped"][0])


def test_unknown_multiply_adds_are_nan_and_not_0(tmp_path):
    write_sweep(tmp_path / "masks", CELLS[:1], (0,), macs_per_step=None)
    results = load(tmp_path)
    assert results.runs["macs"].isna().all()
    assert results.curves["macs"].isna().all()
    assert list(results.runs["clips"]) == [40 * 32]


def test_sweeps_and_single_runs_are_joined(tmp_path):
    write_sweep(tmp_path / "sweeps" / "masks", CELLS[:2], (0,))
    write_sweep(tmp_path / "sweeps" / "depths", [{"model.depth": "2"}], (0, 1))
    write_training(tmp_path / RECIPE / "first")
    (tmp_path / RECIPE / "latest").symlink_to("first")
    results = load(tmp_path)
    assert list(results.runs["sweep"].fillna("")) == ["depths", "depths", "masks", "masks", ""]
    assert results.runs["run"].iloc[-1] == "first"
    assert results.axes == ("model.depth", "model.masking", "model.masking.ratio")
    assert results.runs["model.depth"].isna().tolist() == [False, False, True, True, True]
    assert results.cell_columns == ["sweep", *results.axes]


def test_the_test_of_a_single_run_is_among_its_scores(tmp_path):
    write_test(tmp_path / EVALUATION / "first", "a")
    results = load(tmp_path)
    (tested,) = lines(tmp_path / EVALUATION / "first" / "test")
    found = {(row.split, row.readout): row.value for row in results.scores.itertuples()}
    assert found["test", "top1"] == tested["test/motion_top1"]
    assert found["val", "top1"] == 0.5
    assert set(results.scores["source"]) == {EVALUATION}


def test_readable_after_a_kill_in_the_middle_of_a_line(tmp_path):
    whole = write_training(tmp_path / RECIPE / "whole", "a", ends=False)
    before = load(whole)
    with (whole / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "epoch": 4, "seco')
    assert load(whole).curves.equals(before.curves)
    assert list(before.runs["status"]) == ["unfinished"]


def test_no_path_is_refused():
    with pytest.raises(ValueError, match="no folder is given: give a run's folder"):
        load()
