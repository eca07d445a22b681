"""What a sweep runs: every combination with every seed, each with its whole configuration."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidmask import recipes
from vidmask.data.writers import write_text
from vidmask.sweeps.budget import Budget, Cost
from vidmask.sweeps.definition import Cell, SweepDefinition
from vidmask.sweeps.settings import Config, Resolve, ResolveConfig, key_of, put, with_settings

PLAN = "plan.json"

ENCODER_CHECKPOINT = "model.init_args.encoder_checkpoint"

TO_COST = ("seed_everything", "trainer.max_steps", "trainer.max_epochs", "trainer.callbacks")
"""Settings that do not change what a step costs."""


@dataclass(frozen=True)
class PlannedEvaluation:
    """What is asked of the encoder of a run.

    Attributes:
        recipe: The recipe of a classifier.
        key: Stands for its settings, without the file of the encoder.
        config: Its whole configuration, but for that file.
    """

    recipe: str
    key: str
    config: Config


@dataclass(frozen=True)
class PlannedRun:
    """One training, and what follows it.

    Attributes:
        key: Stands for the settings that count; two runs of one key are the same run.
        cell: Which combination it is.
        seed: Its seed.
        config: Its whole configuration.
        steps: Steps by the budget; None if the recipe says how long it trains.
        cost: What a step costs; None if it could not be measured.
        evaluations: What its encoder is asked.
    """

    key: str
    cell: Cell
    seed: int
    config: Config
    steps: int | None = None
    cost: Cost | None = None
    evaluations: tuple[PlannedEvaluation, ...] = field(default=())

    @property
    def num_devices(self) -> int:
        """Return how many devices of a machine it trains on."""
        return devices_of(self.config["trainer"].get("devices"))


@dataclass(frozen=True)
class Planner:
    """Works out the runs of a sweep.

    Args:
        resolve: Reads a recipe with words of the command line.
        resolve_config: Checks a whole configuration.
        cost: Measures what a step of a configuration costs, given its recipe; None where that is not known.

    Raises:
        ValueError: If a setting is not accepted, a budget is less than a step, or two combinations are the
            same run.
    """

    resolve: Resolve
    resolve_config: ResolveConfig
    cost: Callable[[str, Config], Cost | None]

    def plan(self, definition: SweepDefinition) -> list[PlannedRun]:
        """Return the runs in order: all combinations with the first seed, then with the next.

        So a sweep that is stopped early has compared everything at least once.
        """
        _check_folders(definition)
        cells = [
            (cell, *self._timed(cell, definition.budget), self._evaluations(cell, definition))
            for cell in definition.cells()
        ]
        for cell, config, *_ in cells:
            if (config["trainer"].get("num_nodes") or 1) > 1:
                raise ValueError(
                    f"{cell}: trainer.num_nodes is above 1, and a run of a sweep has one machine"
                )
        planned: list[PlannedRun] = []
        for seed in definition.seeds:
            for cell, config, steps, cost, evaluations in cells:
                config = {**config, "seed_everything": seed}
                asked = tuple(_seeded(each, seed) for each in evaluations)
                planned.append(PlannedRun(key_of(config), cell, seed, config, steps, cost, asked))
        _check_different(planned)
        return planned

    def _timed(self, cell: Cell, budget: Budget | None) -> tuple[Config, int | None, Cost | None]:
        """Return the configuration of a cell, with the steps of the budget, and what a step costs."""
        if budget is not None and budget.kind == "steps":
            steps = budget.steps(None)
            config = self._of(cell.base, {**cell.settings, **_for_steps(steps)})
            return config, steps, self.cost(cell.base, config)
        config = self._of(cell.base, cell.settings)
        cost = self.cost(cell.base, config)
        if budget is None:
            return config, None, cost
        try:
            steps = budget.steps(cost)
        except ValueError as error:
            raise ValueError(f"{cell}: {error}") from error
        return self._of(cell.base, {**cell.settings, **_for_steps(steps)}), steps, cost

    def _evaluations(self, cell: Cell, definition: SweepDefinition) -> tuple[PlannedEvaluation, ...]:
        found = []
        for recipe, settings in definition.evaluate.items():
            encoder = self._of(cell.base, cell.settings)["model"]["init_args"].get("encoder")
            config = self._of(recipe, {"model.encoder": encoder, **settings})
            found.append(PlannedEvaluation(recipe, "", config))
        return tuple(found)

    def _of(self, recipe: str, settings: Mapping[str, Any]) -> Config:
        return with_settings(recipe, settings, self.resolve, self.resolve_config)


def devices_of(setting: Any) -> int:
    """Return how many devices ``trainer.devices`` asks for; 1 where it leaves that open.

    Args:
        setting: A number, numbers in a list or with commas between, ``auto`` or -1.
    """
    if isinstance(setting, list):
        return max(len(setting), 1)
    if isinstance(setting, str) and "," in setting:
        return len([number for number in setting.split(",") if number.strip()])
    try:
        return max(int(setting), 1)
    except (TypeError, ValueError):
        return 1


def cost_key(config: Config) -> str:
    """Return what stands for all settings of which the cost of a step is a matter."""
    return key_of(config, TO_COST)


def write_plan(folder: Path, definition: SweepDefinition, planned: Iterable[PlannedRun]) -> None:
    """Write what is planned to ``plan.json``, for whoever reads the results."""
    budget = definition.budget
    content = {
        "name": definition.name,
        "axes": list(definition.axes),
        "runs": [
            {
                "key": run.key,
                "base": run.cell.base,
                "cell": dict(run.cell.labels),
                "seed": run.seed,
                "budget": budget and {**dataclasses.asdict(budget), "steps": run.steps},
                "cost": run.cost and dataclasses.asdict(run.cost),
            }
            for run in planned
        ],
    }
    write_text(folder / PLAN, json.dumps(content, indent=1) + "\n")


def _for_steps(steps: int) -> dict[str, int]:
    return {"trainer.max_steps": steps, "trainer.max_epochs": -1}


def _seeded(evaluation: PlannedEvaluation, seed: int) -> PlannedEvaluation:
    config = {**evaluation.config, "seed_everything": seed}
    put(config, ENCODER_CHECKPOINT, None)
    return PlannedEvaluation(evaluation.recipe, key_of(config, [ENCODER_CHECKPOINT]), config)


def _check_folders(definition: SweepDefinition) -> None:
    """Refuse recipes of which two would be filed in one folder of a run."""
    for base in definition.bases:
        filed: dict[str, str] = {}
        for recipe in (base, *definition.evaluate):
            name = recipes.short_name(recipes.find(recipe))
            if name in filed:
                raise ValueError(
                    f"{filed[name]} and {recipe} are both filed as {name}: give one file another name"
                )
            filed[name] = recipe


def _check_different(planned: Iterable[PlannedRun]) -> None:
    first: dict[str, PlannedRun] = {}
    for run in planned:
        same = first.setdefault(run.key, run)
        if same is not run:
            raise ValueError(
                f"two combinations are one and the same run: {same.cell} and {run.cell}; they differ in "
                "nothing that changes a result, or a setting of one axis undoes that of another"
            )
