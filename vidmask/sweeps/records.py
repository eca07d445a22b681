"""What is known of each run of a sweep: one JSON file a run, written whole after everything that happens."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vidmask.data.writers import write_text

RECORD = "record.json"

Status = Literal["finished", "failed", "running", "interrupted"]


@dataclass
class StepRecord:
    """One command of a run: its training, the training of an evaluation, or a test.

    Attributes:
        name: What it is: ``fit``, the evaluation's recipe, or that and `` test``.
        key: Stands for its settings: a step of other settings is another one.
        folder: Where it files what it does, below the run's folder of the sweep.
        log: File of what it prints, there too.
        status: What has become of it.
        reason: Why it has not finished, in one line.
        seconds: How long it took, all attempts together.
    """

    name: str
    key: str
    folder: str
    log: str
    status: Status = "running"
    reason: str | None = None
    seconds: float = 0.0


@dataclass
class RunRecord:
    """One run of a sweep.

    Attributes:
        key: Stands for its settings; the name of its folder.
        sweep: Name of the sweep.
        base: The recipe.
        seed: Its seed.
        cell: Labels of its values by axis.
        budget: ``kind``, ``amount`` and the ``steps`` that follow; None where the recipe decides.
        cost: What a step costs (``vidmask.sweeps.budget.Cost``); None if not known.
        status: What has become of it.
        reason: Why it has not finished, in one line.
        attempts: How often it was begun.
        started: When it was begun first.
        seconds: How long its steps took.
        steps: Its commands, in order.
        process: The command that runs now: its number and when it began, by the machine's clock.
    """

    key: str
    sweep: str
    base: str
    seed: int
    cell: dict[str, str]
    budget: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    status: Status = "running"
    reason: str | None = None
    attempts: int = 0
    started: str | None = None
    seconds: float = 0.0
    steps: list[StepRecord] = field(default_factory=list)
    process: dict[str, Any] | None = None

    def step(self, name: str, key: str) -> StepRecord | None:
        """Return what is known of a command, or None if none of that name and key was begun."""
        return next((step for step in self.steps if (step.name, step.key) == (name, key)), None)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write a run's record, whole or not at all."""
    record.seconds = round(sum((step.seconds for step in record.steps), 0.0), 3)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RECORD, json.dumps(dataclasses.asdict(record), indent=1) + "\n")


def read_record(folder: Path) -> RunRecord | None:
    """Return a run's record, or None if there is none.

    Raises:
        ValueError: If the file is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        steps = [StepRecord(**step) for step in content.pop("steps")]
        return RunRecord(**content, steps=steps)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} is damaged: remove the folder {folder}, and the sweep runs it anew ({error})"
        ) from error
