from sweep_folders import CELLS, key_of, write_sweep, write_training

from vidmask.results import load


def test_a_cell_is_all_in_which_runs_differ_but_the_seed(tmp_path):
    write_sweep(tmp_path / "masks", CELLS[:2], (0, 1))
    assert load(tmp_path).cell_columns == ["model.masking", "model.masking.ratio"]
    write_sweep(tmp_path / "depths", [{"model.depth": "2"}], (0,), base="quickstart/mam2")
    assert load(tmp_path).cell_columns == [
        *("sweep", "recipe", "model.depth", "model.masking", "model.masking.ratio")
    ]


def test_where_nothing_differs_a_cell_is_the_recipe(tmp_path):
    for name, recipe in (("a", "quickstart/mae_st"), ("b", "quickstart/mae_st"), ("c", "quickstart/mam2")):
        write_training(tmp_path / name, seed=ord(name), recipe=recipe)
    assert load(tmp_path / "a", tmp_path / "b").cell_columns == ["recipe"]
    assert load(tmp_path).cell_columns == ["recipe"]


def test_only_finished_runs_count(tmp_path):
    endings = {key_of(CELLS[0], 0): ("failed", "why"), key_of(CELLS[1], 1): ("missing", None)}
    write_sweep(tmp_path / "masks", CELLS[:2], (0, 1), endings=endings)
    results = load(tmp_path)
    assert list(results.finished["status"]) == ["finished", "finished"]
    assert list(results.failures["status"]) == ["failed", "missing"]
    curves = results.with_cells(results.curves)
    assert set(curves["run"]) == set(results.finished["run"]) < set(results.curves["run"])
    assert len(curves) == results.curves["run"].isin(results.finished["run"]).sum()
    row = curves.iloc[-1]
    of_run = results.runs.set_index("run").loc[row["run"]]
    assert (row["seed"], row["model.masking.ratio"]) == (of_run["seed"], of_run["model.masking.ratio"])
    assert set(results.frame()["run"]) == set(results.finished["run"])
