"""Steps by each kind of budget, worked out by hand."""

import pytest

from vidmask.sweeps.budget import Budget, Cost

COST = Cost(clips_per_step=32, macs_per_step=4e9, seconds_per_step=0.5, devices=8)


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        (Budget("steps", 512), 512),
        (Budget("clips", 32 * 100), 100),
        (Budget("clips", 32 * 101 - 1), 100),
        (Budget("macs", 1e12), 250),
        (Budget("seconds", 60), 120),
        # 8.2 steps.
        (Budget("seconds", 4.1), 8),
        # 0.5 s on 8 devices are 4 s of one: 900 in an hour.
        (Budget("gpu_hours", 2), 1800),
    ],
)
def test_steps_that_spend_a_budget(budget, steps):
    assert budget.steps(COST) == steps


def test_a_rounding_costs_no_step():
    assert 0.3 / 0.1 < 3
    assert Budget("seconds", 0.3).steps(Cost(1, seconds_per_step=0.1)) == 3


def test_steps_cost_nothing_to_know():
    assert Budget("steps", 3).steps(None) == 3


@pytest.mark.parametrize("kind", ["macs", "seconds", "gpu_hours"])
def test_what_is_not_known_is_refused(kind):
    with pytest.raises(ValueError, match=rf"^budget\.{kind}: what a step costs is not known"):
        Budget(kind, 1e15).steps(Cost(32))


def test_less_than_a_step_is_refused():
    with pytest.raises(ValueError, match=r"^budget\.clips is 31, less than one step, which costs 32$"):
        Budget("clips", 31).steps(COST)


def test_yaml_s_text_of_a_number_is_a_number():
    assert Budget.of({"macs": "2e12"}) == Budget("macs", 2e12)


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf"), True, "many", None])
def test_an_amount_that_is_none_is_refused(amount):
    with pytest.raises(ValueError, match=r"budget\.clips takes a number above 0"):
        Budget.of({"clips": amount})


def test_a_part_of_a_step_is_refused():
    with pytest.raises(ValueError, match=r"budget\.steps takes a whole number, got 1\.5"):
        Budget("steps", 1.5)
