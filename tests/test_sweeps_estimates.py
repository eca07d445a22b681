"""What a sweep will cost, in words."""

import pytest
from rich.console import Console
from sweep_runs import COST, definition, plan

from vidmask.sweeps.budget import Cost
from vidmask.sweeps.estimates import duration, plan_table, with_unit


def drawn(table) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return [" ".join(line.replace("│", "|").split()) for line in capture.get().splitlines() if "│" in line]


def test_a_row_for_each_combination():
    sweep = definition(bases=("quickstart/mae_st", "quickstart/mam2"), seeds=(0, 5))
    assert (
        drawn(plan_table(sweep, plan(sweep)))[0] == "| quickstart/mae_st | 0.1 | 0, 5 | 4 | 32 | 4 G | 0 s |"
    )
    assert len(drawn(plan_table(sweep, plan(sweep)))) == 4


def test_what_is_not_known_is_said():
    sweep = definition()
    assert drawn(plan_table(sweep, plan(sweep, None)))[0] == "| 0.1 | 0, 1 | 4 | | not known | not known |"
    partly = drawn(plan_table(sweep, plan(sweep, Cost(8))))
    assert partly[0] == "| 0.1 | 0, 1 | 4 | 32 | not known | not known |"
    endless = definition(budget=None)
    assert "as the recipe says" in drawn(plan_table(endless, plan(endless, COST)))[0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (99.0, "99 s"), (100.0, "2 min"), (3599.0, "1 h 00 min"), (7500.0, "2 h 05 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (999.0, "999"), (1234.0, "1.23 k"), (2e12, "2 T"), (999.9e9, "1 T"), (3e21, "3e+03 E")],
)
def test_units(number, text):
    assert with_unit(number) == text
