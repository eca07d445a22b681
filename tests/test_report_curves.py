"""Curves against four axes, of those of which they are known."""

import re

from report_documents import text_of
from sweep_folders import write_sweep, write_training

from vidmask.report.blocks import Choice, Legend
from vidmask.report.comparison import compared
from vidmask.report.curves import curve_section
from vidmask.results import load

CELLS = [{"model.masking": mask} for mask in ("random", "tube")]


def _choice(section):
    (choice,) = [block for block in section.blocks if isinstance(block, Choice)]
    return {name: blocks[0].pictures for name, blocks in choice.views}


def test_losses_and_probes_are_drawn_against_everything_that_is_known(tmp_path):
    write_sweep(tmp_path / "s", CELLS, seeds=(0, 1))
    section = curve_section(compared(load(tmp_path / "s")))
    views = _choice(section)
    assert list(views) == ["steps", "clips", "multiply-adds", "seconds"]
    for name, pictures in views.items():
        assert [picture.title for picture in pictures] == [
            *("loss in training", "loss on the validation split"),
            *(f"{label}: linear probe, mean pooled, validation split" for label in ("motion", "appearance")),
        ]
        assert all(f">{name}</text>" in picture.svg for picture in pictures)
        assert [">chance</text>" in picture.svg for picture in pictures] == [False, False, True, True]
        # Two cells, each with a line, and a band where its two seeds differ.
        assert all({"0", "1"} <= set(re.findall(r"--series-(\d)", picture.svg)) for picture in pictures)
    (legend,) = [block for block in section.blocks if isinstance(block, Legend)]
    assert [entry.name for entry in legend.entries] == ["random", "tube"]
    assert "Not known" not in text_of(section)


def test_an_axis_that_is_not_known_is_named(tmp_path):
    section = curve_section(compared(load(write_training(tmp_path / "run"))))
    assert list(_choice(section)) == ["steps", "clips", "seconds"]
    assert "Not known of these runs, or too few to draw: multiply-adds." in text_of(section)


def test_many_cells_have_a_plot_for_each_first_value(tmp_path):
    cells = [
        {"a.mask": mask, "a.ratio": f"0.{ratio}"} for mask in ("tube", "random") for ratio in range(1, 6)
    ]
    write_sweep(tmp_path / "s", cells, seeds=(0,), evaluation=None, macs_per_step=None)
    section = curve_section(compared(load(tmp_path / "s"), metric="motion/knn_mean"))
    titles = [picture.title for picture in _choice(section)["steps"]]
    assert titles[:2] == ["loss in training · tube", "loss in training · random"]
    (legend,) = [block for block in section.blocks if isinstance(block, Legend)]
    assert [entry.name for entry in legend.entries] == [f"ratio 0.{ratio}" for ratio in range(1, 6)]


def test_runs_that_have_logged_nothing_have_no_curve(tmp_path):
    run = write_training(tmp_path / "run")
    (run / "metrics.jsonl").write_text('{"step": 1, "epoch": 0, "seconds": 1.0, "lr": 0.1}\n')
    assert text_of(curve_section(compared(load(run)))) == "The runs have logged no curve."
