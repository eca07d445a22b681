"""What a sweep will cost, as a table and in words."""

from collections.abc import Sequence

from rich.table import Table

from vidmask.sweeps.definition import SweepDefinition
from vidmask.sweeps.planning import PlannedRun

_UNITS = ("", "k", "M", "G", "T", "P", "E")


def plan_table(definition: SweepDefinition, planned: Sequence[PlannedRun]) -> Table:
    """Return a row for each combination: what it trains on and what that costs, by one run."""
    table = Table(title=f"{definition.name}: {len(planned)} runs", title_justify="left")
    several = len({run.cell.base for run in planned}) > 1
    for column in [*(["recipe"] if several else []), *definition.axes]:
        table.add_column(column, overflow="fold")
    for column in ("seeds", "steps", "clips", "multiply-adds", "training"):
        table.add_column(column, justify="right")
    for run in planned:
        if run.seed != planned[0].seed:
            continue
        cost, steps = run.cost, run.steps
        table.add_row(
            *([run.cell.base] if several else []),
            *run.cell.labels.values(),
            ", ".join(map(str, definition.seeds)),
            "as the recipe says" if steps is None else f"{steps:,}",
            "" if cost is None or steps is None else f"{steps * cost.clips_per_step:,}",
            "not known"
            if cost is None or steps is None or cost.macs_per_step is None
            else with_unit(steps * cost.macs_per_step),
            "not known"
            if cost is None or steps is None or cost.seconds_per_step is None
            else duration(steps * cost.seconds_per_step),
        )
    return table


def duration(seconds: float) -> str:
    """Return a time in words, such as ``2 h 05 min``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min" if hours else f"{minutes} min"


def with_unit(number: float) -> str:
    """Return a large number with a unit, such as ``1.23 T``."""
    power = 0
    while number >= 999.5 and power < len(_UNITS) - 1:
        number /= 1000
        power += 1
    return f"{number:.3g} {_UNITS[power]}".rstrip()
