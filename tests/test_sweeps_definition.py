"""The file of a sweep is read, and what is wrong in it is told in a line."""

from pathlib import Path

import pytest

from vidmask.sweeps.budget import Budget
from vidmask.sweeps.definition import Cell, read_definition

WHOLE = """
base: [quickstart/mae_st, quickstart/videomae]
grid:
  model.masking:
    random: {class_path: RandomMasking}
    tube: {class_path: TubeMasking, init_args: {ratio: 0.5}}
  model.masking.ratio: [0.5, 0.75]
cases:
  narrow: {model.lr: 1.0e-3, model.warmup: 0.1}
  wide: {model.lr: 2.0e-3}
seeds: [0, 3]
overrides: {data.batch_size: 8, model.lr: 0.5}
budget: {clips: 4096}
evaluate: quickstart/linear
best: probe/motion/linear_mean
keep: numbers
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "masks.yaml"
    path.write_text(text)
    return path


def test_everything_is_read(tmp_path):
    definition = read_definition(write(tmp_path, WHOLE))
    assert definition.name == "masks"
    assert definition.bases == ("quickstart/mae_st", "quickstart/videomae")
    assert definition.axes == ("model.masking", "model.masking.ratio", "case")
    assert definition.seeds == (0, 3)
    assert definition.budget == Budget("clips", 4096)
    assert definition.evaluate == {"quickstart/linear": {}}
    assert (definition.best, definition.keep) == ("probe/motion/linear_mean", "numbers")


def test_every_combination_is_a_cell_and_the_last_axis_changes_fastest(tmp_path):
    cells = list(read_definition(write(tmp_path, WHOLE)).cells())
    assert len(cells) == 2 * 2 * 2 * 2
    assert cells[0] == Cell(
        "quickstart/mae_st",
        {"model.masking": "random", "model.masking.ratio": "0.5", "case": "narrow"},
        {
            "data.batch_size": 8,
            # The case's, over that of all runs.
            "model.lr": 1e-3,
            "model.masking": {"class_path": "RandomMasking"},
            "model.masking.ratio": 0.5,
            "model.warmup": 0.1,
        },
    )
    assert cells[1].labels == {"model.masking": "random", "model.masking.ratio": "0.5", "case": "wide"}
    assert cells[8].base == "quickstart/videomae"
    assert str(cells[1]) == "quickstart/mae_st, model.masking=random, model.masking.ratio=0.5, case=wide"


def test_a_recipe_alone_is_a_sweep_of_one(tmp_path):
    definition = read_definition(write(tmp_path, "base: quickstart/mae_st"))
    assert list(definition.cells()) == [Cell("quickstart/mae_st", {}, {})]
    assert (definition.seeds, definition.budget, definition.evaluate) == ((0,), None, {})


def test_values_of_a_list_are_their_own_labels(tmp_path):
    text = "base: a\ngrid: {x: [null, true, 0.5, tube, {class_path: my.Part, init_args: {a: 1}}, [1, 2]]}"
    assert list(read_definition(write(tmp_path, text)).grid["x"]) == [
        "null",
        "true",
        "0.5",
        "tube",
        "Part",
        "[1, 2]",
    ]


def test_an_evaluation_has_settings_of_its_own(tmp_path):
    definition = read_definition(write(tmp_path, "base: a\nevaluate: {b: {model.lr: 1}, c: null}"))
    assert definition.evaluate == {"b": {"model.lr": 1}, "c": {}}


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "no base": ("grid: {a: [1]}", "a sweep needs 'base'"),
        "no mapping": ("[1, 2]", "a sweep needs 'base'"),
        "empty": ("", "a sweep needs 'base'"),
        "no YAML": ("base: [", "is no YAML"),
        "unknown": ("base: a\nseed: [1]", "a sweep has no 'seed'; accepted are base, grid, cases, seeds"),
        "one value": ("base: a\ngrid: {model.lr: 3}", "grid.model.lr takes a list of values"),
        "a part": ("base: a\ngrid: {model.masking: {class_path: X}}", "grid.model.masking takes a list"),
        "no value": ("base: a\ngrid: {model.lr: []}", "grid.model.lr has no value"),
        "equal labels": (
            "base: a\ngrid: {x: [{class_path: P}, {class_path: q.P}]}",
            "two values go by the label 'P'",
        ),
        "the name of cases": ("base: a\ngrid: {case: [1]}", "settings that change together are 'cases'"),
        "seeds": ("base: a\nseeds: [0, -1]", "seeds takes whole numbers from 0, got [0, -1]"),
        "a seed twice": ("base: a\nseeds: [1, 1]", "seeds has 1 twice"),
        "no seeds": ("base: a\nseeds: []", "seeds takes whole numbers"),
        "a seed as a setting": ("base: a\noverrides: {seed_everything: 1}", "give seeds in 'seeds'"),
        "filing": ("base: a\ngrid: {run.root: [x]}", "'run.root' cannot be set"),
        "dashes": ("base: a\noverrides: {--model.lr: 1}", "overrides takes settings by dotted name"),
        "budget": ("base: a\nbudget: {hours: 1}", "budget is one of steps, clips, macs, seconds, gpu_hours"),
        "two budgets": ("base: a\nbudget: {steps: 1, clips: 2}", "budget takes one of steps"),
        "a length beside a budget": (
            "base: a\nbudget: {steps: 3}\ngrid: {trainer.max_epochs: [1]}",
            "budget says how long each run trains, so trainer.max_epochs cannot be set beside it",
        ),
        "a date": ("base: a\noverrides: {data.name: 2026-01-01}", "put a text in quotation marks"),
        "labels that are one text": ("base: a\ngrid: {x: {1: 2, '1': 3}}", "grid.x has the label '1' twice"),
        "keep": ("base: a\nkeep: nothing", "keep must be one of all, encoder, numbers, got 'nothing'"),
        "a base twice": ("base: [a, a]", "base has a twice"),
        "evaluate": ("base: a\nevaluate: 3", "evaluate takes the name of a recipe"),
        "best": ("base: a\nbest: [x]", "best takes the name of a metric"),
    }.values(),
)
def test_what_is_wrong_is_told_with_the_file(tmp_path, text, told):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match="^" + str(path)) as raised:
        read_definition(path)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
