"""A line along an axis of numbers for each value of the others."""

from sweep_folders import CELLS, write_sweep

from vidmask.report.blocks import Grid, Legend
from vidmask.report.comparison import compared
from vidmask.report.ratio_plots import number_sections
from vidmask.results import load


def test_the_mask_ratio_has_a_line_for_each_mask(tmp_path):
    write_sweep(tmp_path / "s", CELLS, seeds=(0, 1))
    (section,) = number_sections(compared(load(tmp_path / "s"), metric="test/linear_mean"))
    assert section.title == "Score by ratio"
    _, legend, grid = section.blocks
    assert isinstance(legend, Legend)
    assert [entry.name for entry in legend.entries] == ["random", "tube"]
    assert isinstance(grid, Grid)
    assert [picture.title.partition(":")[0] for picture in grid.pictures] == ["appearance", "motion"]
    for picture in grid.pictures:
        assert ">0.5</text>" in picture.svg
        assert ">0.75</text>" in picture.svg


def test_labels_that_are_no_numbers_and_single_numbers_have_no_line(tmp_path):
    write_sweep(tmp_path / "a", [{"model.masking": "random"}, {"model.masking": "tube"}], seeds=(0,))
    assert number_sections(compared(load(tmp_path / "a"))) == []
    # No mask has two ratios.
    cells = [
        {"model.masking": "random", "model.masking.ratio": "0.5"},
        {"model.masking": "tube", "model.masking.ratio": "0.9"},
    ]
    write_sweep(tmp_path / "b", cells, seeds=(0,))
    assert number_sections(compared(load(tmp_path / "b"))) == []
