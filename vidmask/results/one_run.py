"""What is known of one run before its numbers are read."""

import math
from dataclasses import dataclass, field
from pathlib import Path

FIT, TEST = "fit", " test"
"""Name of a run's training among its commands, and the end of the name of a test."""


@dataclass(frozen=True)
class Command:
    """One command of a run; the attributes are columns of ``Results.steps``."""

    name: str
    folder: Path
    status: str
    reason: str | None = None
    seconds: float = math.nan
    log: Path | None = None


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        name: Tells it from the others.
        place: The folder that it is known by.
        folder: Of its training; None if it was never begun.
        recipe: What it is a run of.
        seed: Its seed; None if not known.
        status: What has become of it.
        reason: Why it has not finished.
        sweep: The sweep that it is of, if any.
        labels: Its value on each axis.
        budget: The kind of its budget.
        budget_amount: How much.
        clips_per_step: Clips of an optimizer step.
        macs_per_step: Multiply-adds of one.
        commands: What was carried out.
    """

    name: str
    place: Path
    folder: Path | None
    recipe: str
    seed: int | None
    status: str
    reason: str | None = None
    sweep: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    budget: str | None = None
    budget_amount: float = math.nan
    clips_per_step: float = math.nan
    macs_per_step: float = math.nan
    commands: tuple[Command, ...] = ()
