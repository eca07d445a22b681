"""The runs of a sweep, from its plan and the record of each."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmask.results.documents import damaged, read_json
from vidmask.results.folders import PLAN, RECORD
from vidmask.results.one_run import FIT, Command, Run

STATUSES = ("finished", "failed", "running", "interrupted")

MISSING = "missing"
"""Status of a run that is planned and was never begun."""


def read_sweep(folder: Path) -> tuple[list[Run], int]:
    """Return the runs that are planned, and how many others lie in the folder.

    Args:
        folder: The sweep's.

    Raises:
        ValueError: If its plan or a record is damaged.
    """
    plan = read_json(folder / PLAN)
    try:
        name, planned = str(plan["name"]), {str(run["key"]): run for run in plan["runs"]}
        found = [_planned(folder / key, name, run) for key, run in planned.items()]
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(folder / PLAN, error) from error
    unplanned = sum(path.parent.name not in planned for path in folder.glob(f"*/{RECORD}"))
    return found, unplanned


def read_recorded(folder: Path) -> Run:
    """Return one run of a sweep.

    Args:
        folder: The run's, with its record.

    Raises:
        ValueError: If the record is damaged.
    """
    path = folder / RECORD
    record = read_json(path)
    try:
        status = record["status"]
        if status not in STATUSES:
            raise ValueError(f"{path}: status is one of {', '.join(STATUSES)}, got {status!r}")
        commands = tuple(
            Command(
                name=step["name"],
                folder=folder / step["folder"],
                status=step["status"],
                reason=step["reason"],
                seconds=_number(step["seconds"]),
                log=folder / step["log"],
            )
            for step in record["steps"]
        )
        cost = record.get("cost") or {}
        return Run(
            name=f"{record['sweep']}/{record['key']}",
            place=folder,
            folder=next((command.folder for command in commands if command.name == FIT), None),
            status=status,
            reason=record["reason"],
            sweep=record["sweep"],
            clips_per_step=_number(cost.get("clips_per_step")),
            macs_per_step=_number(cost.get("macs_per_step")),
            commands=commands,
            **_asked(record),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(path, error) from error


def _planned(folder: Path, sweep: str, planned: Mapping[str, Any]) -> Run:
    if (folder / RECORD).is_file():
        return read_recorded(folder)
    return Run(
        name=f"{sweep}/{folder.name}",
        place=folder,
        folder=None,
        status=MISSING,
        reason="it was planned and never begun",
        sweep=sweep,
        **_asked(planned),
    )


def _asked(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a plan and a record both have."""
    budget = run.get("budget") or {}
    return {
        "recipe": run["base"],
        "seed": run["seed"],
        "labels": {axis: str(label) for axis, label in run["cell"].items()},
        "budget": budget.get("kind"),
        "budget_amount": _number(budget.get("amount")),
    }


def _number(value: float | int | None) -> float:
    return math.nan if value is None else float(value)
