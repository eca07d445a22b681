"""Which runs a sweep has, with which settings, and what they are called."""

import json

import pytest
from sweep_runs import COST, definition, plan, resolve, resolve_config

from vidmask.sweeps.budget import Budget, Cost
from vidmask.sweeps.planning import Planner, cost_key, write_plan


def test_every_cell_runs_with_the_first_seed_before_any_runs_with_the_next():
    planned = plan(definition())
    assert [(run.cell.labels["model.lr"], run.seed) for run in planned] == [
        ("0.1", 0),
        ("0.2", 0),
        ("0.1", 1),
        ("0.2", 1),
    ]
    assert [run.config["model"]["init_args"]["lr"] for run in planned] == [0.1, 0.2, 0.1, 0.2]
    assert [run.config["seed_everything"] for run in planned] == [0, 0, 1, 1]
    assert len({run.key for run in planned}) == 4


def test_a_budget_sets_the_steps_and_no_epochs():
    for run in plan(definition(budget=Budget("clips", 80))):
        assert run.steps == 10
        assert run.config["trainer"]["max_steps"] == 10
        assert run.config["trainer"]["max_epochs"] == -1
        assert run.cost == COST


def test_without_a_budget_the_recipe_decides():
    for run in plan(definition(budget=None)):
        assert run.steps is None
        assert run.config["trainer"]["max_epochs"] == 4


def test_each_cell_has_its_own_steps_where_a_step_costs_another_amount():
    costs = {0.1: Cost(8, macs_per_step=1e9), 0.2: Cost(8, macs_per_step=2e9)}
    planner = Planner(resolve, resolve_config, lambda base, config: costs[config["model"]["init_args"]["lr"]])
    planned = planner.plan(definition(budget=Budget("macs", 1e10)))
    assert [run.steps for run in planned] == [10, 5, 10, 5]


def test_a_cost_that_is_not_known_is_told_with_the_cell():
    with pytest.raises(ValueError, match=r"^quickstart/mae_st, model\.lr=0\.1: budget\.macs: what a step"):
        plan(definition(budget=Budget("macs", 1e10)), cost=None)


def test_keys_are_the_same_whatever_else_is_in_the_sweep():
    keys = {run.key for run in plan(definition())}
    more = definition(
        grid={"model.lr": {"slow": 0.1, "0.2": 0.2, "0.3": 0.3}},
        seeds=(1, 0, 2),
        evaluate={"quickstart/linear": {}},
    )
    planned = plan(more)
    assert len(planned) == 9
    assert keys < {run.key for run in planned}


def test_an_evaluation_has_the_encoder_of_its_run():
    encoder = {"class_path": "VideoViT", "init_args": {"depth": 2}}
    sweep = definition(
        grid={"model.encoder": {"small": encoder}},
        evaluate={"quickstart/linear": {"model.lr": 7}},
    )
    run = plan(sweep)[1]
    (asked,) = run.evaluations
    assert asked.config["model"]["init_args"]["encoder"] == encoder
    assert asked.config["model"]["init_args"]["lr"] == 7
    assert asked.config["seed_everything"] == run.seed == 1
    assert asked.key != plan(sweep)[0].evaluations[0].key
    assert asked.key == plan(sweep)[1].evaluations[0].key


def test_cells_that_are_one_and_the_same_run_are_refused():
    with pytest.raises(ValueError, match=r"two combinations are one and the same run: .*=a and .*=b;"):
        plan(definition(grid={"model.lr": {"a": 0.1, "b": 0.1}}))


def test_recipes_that_would_share_a_folder_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "linear.yaml").write_text("")
    asked = {str(tmp_path / folder / "linear.yaml"): {} for folder in ("a", "b")}
    with pytest.raises(ValueError, match=r"a/linear\.yaml and .*b/linear\.yaml are both filed as linear"):
        plan(definition(evaluate=asked))


def test_several_machines_for_one_run_are_refused():
    with pytest.raises(ValueError, match=r"trainer\.num_nodes is above 1"):
        plan(definition(overrides={"trainer.num_nodes": 2}))


@pytest.mark.parametrize(
    ("devices", "number"),
    [(1, 1), (4, 4), ("4", 4), ([0, 2], 2), ("0,2", 2), ("auto", 1), (-1, 1), (None, 1)],
)
def test_devices_of_a_run(devices, number):
    run = plan(definition(overrides={"trainer.devices": devices}))[0]
    assert run.num_devices == number


def test_how_long_and_with_which_seed_does_not_change_what_a_step_costs():
    first, *_ = plan(definition())
    longer = plan(definition(budget=Budget("steps", 9)))[2]
    other = plan(definition())[1]
    assert cost_key(first.config) == cost_key(longer.config) != cost_key(other.config)


def test_the_plan_is_written_for_whoever_reads_the_results(tmp_path):
    sweep = definition()
    planned = plan(sweep)
    write_plan(tmp_path, sweep, planned)
    content = json.loads((tmp_path / "plan.json").read_text())
    assert (content["name"], content["axes"]) == ("rates", ["model.lr"])
    assert content["runs"][1] == {
        "key": planned[1].key,
        "base": "quickstart/mae_st",
        "cell": {"model.lr": "0.2"},
        "seed": 0,
        "budget": {"kind": "steps", "amount": 4, "steps": 4},
        "cost": {"clips_per_step": 8, "macs_per_step": 1e9, "seconds_per_step": 0.1, "devices": 1},
    }
