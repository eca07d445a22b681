"""What is compared, with what, and what is shown first."""

import pytest
from sweep_folders import CELLS, key_of, write_sweep, write_training

from vidmask.report.comparison import CELL, compared
from vidmask.report.measures import Measure
from vidmask.results import load


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "masks"
    write_sweep(folder, seeds=(3, 1), endings={key_of(CELLS[0], 1): ("failed", "out of memory")})
    return load(folder)


def test_all_tables_have_the_cell_of_each_run(results):
    comparison = compared(results)
    assert comparison.cells.values == tuple(tuple(cell.values()) for cell in CELLS)
    assert comparison.frame.groupby(CELL)["run"].nunique().tolist() == [1, 2, 2, 2]
    assert set(comparison.curves[CELL]) == {0, 1, 2, 3}


def test_the_first_cell_is_the_reference_or_the_one_that_is_named(results):
    assert compared(results).reference == 0
    assert compared(results, reference="tube, ratio 0.75").reference == 3


@pytest.mark.parametrize(("name", "which"), [("tube", "several cells"), ("blocks", "no cell")])
def test_a_name_that_is_no_cells_is_answered_with_those_that_are(results, name, which):
    with pytest.raises(
        ValueError, match=f"--reference {name}: {which} of that name; there are random, ratio 0.5"
    ):
        compared(results, reference=name)


def test_a_value_that_only_one_cell_has_is_its_name_too(tmp_path):
    write_sweep(tmp_path / "s", [{"model.masking": "random"}, {"model.masking": "tube"}], seeds=(0,))
    assert compared(load(tmp_path / "s"), reference="tube").reference == 1


def test_the_first_cell_with_a_result_is_the_reference(tmp_path):
    endings = {key_of(CELLS[0], 0): ("failed", "killed")}
    write_sweep(tmp_path / "s", seeds=(0,), endings=endings)
    assert compared(load(tmp_path / "s")).reference == 1


def test_the_picture_is_that_of_the_lowest_seed_that_has_finished(results):
    comparison = compared(results)
    assert [comparison.first_run(cell)["seed"] for cell in range(4)] == [3, 1, 1, 1]
    assert comparison.folder(1).name == "run"


def test_curves_are_of_the_probes_shown_first_and_of_linear_ones_beside_evaluations(results):
    assert {metric for metric, _ in compared(results).probes} == {
        "probe/motion/linear_mean",
        "probe/appearance/linear_mean",
    }
    assert compared(results, metric="motion/knn_mean").probes[0] == (
        "probe/motion/knn_mean",
        "motion: neighbours, mean pooled, validation split",
    )


def test_chance_is_known_by_label(results):
    assert compared(results).chance == {"appearance": 0.125, "motion": 0.125}


def test_of_several_sweeps_a_cell_is_compared_within_its_own(tmp_path):
    cells = [{"model.masking": "random"}, {"model.masking": "tube"}]
    for name in ("a", "b"):
        write_sweep(tmp_path / name, cells, seeds=(0,))
    write_sweep(tmp_path / "c", cells[1:], seeds=(0,))
    comparison = compared(load(tmp_path), reference="a, random")
    pairs = {comparison.cells.name(cell): comparison.reference_of(cell) for cell in range(5)}
    names = {name: comparison.cells.name(reference) for name, reference in pairs.items()}
    assert names == {
        "a, random": "a, random",
        "a, tube": "a, random",
        "b, random": "b, random",
        "b, tube": "b, random",
        "c, tube": "a, random",
    }


def test_a_run_of_no_sweep_is_one_cell(tmp_path):
    comparison = compared(load(write_training(tmp_path / "run")))
    assert (len(comparison.cells), comparison.reference) == (1, 0)


@pytest.mark.parametrize(
    ("readout", "chance"), [("top1", 0.125), ("top5", 0.625), ("top9", 1.0), ("linear_mean", 0.125)]
)
def test_of_several_guesses_chance_is_as_many_times_as_much(results, readout, chance):
    assert compared(results).chance_of(Measure("quickstart/linear", "test", "motion", readout)) == chance
    assert compared(results).chance_of(Measure("quickstart/linear", "test", "colour", readout)) is None
