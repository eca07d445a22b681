"""The file of a sweep: which recipe, which settings, which seeds, how long, and what each result is asked."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from vidmask.choices import checked_choice
from vidmask.sweeps.budget import Budget

CASE = "case"
"""Name of the axis of settings that change together."""

Keep = Literal["all", "encoder", "numbers"]

Settings = Mapping[str, Any]
"""Values by dotted name, as after ``vidmask fit --``; ``init_args`` may be left out of a name."""

_ACCEPTED = ("base", "grid", "cases", "seeds", "overrides", "budget", "evaluate", "best", "keep")


@dataclass(frozen=True)
class Cell:
    """One combination of a sweep's values.

    Attributes:
        base: The recipe.
        labels: The label of the value of each axis.
        settings: What differs from the recipe, in the order in which it is laid over it.
    """

    base: str
    labels: Mapping[str, str]
    settings: Settings

    def __str__(self) -> str:
        """Return the recipe and the labels, for tables and messages."""
        return ", ".join([self.base, *(f"{name}={label}" for name, label in self.labels.items())])


@dataclass(frozen=True)
class SweepDefinition:
    """What a sweep's file says.

    Attributes:
        name: The file's stem, under which the sweep is filed.
        bases: Recipes.
        grid: For each axis, a setting, its values by label; every combination is run.
        cases: One more axis: settings that change together, by label.
        seeds: Each combination is run with each.
        overrides: Settings of every run.
        budget: How long each run trains; as the recipe says if None.
        evaluate: Recipes of classifiers that are trained on the encoder of each run and tested, each with
            settings of its own.
        best: Metric of a training run by which the live table names the best, such as
            ``probe/motion/linear_mean``.
        keep: What stays of a run that has finished: all; the encoder but no checkpoints; or numbers,
            pictures and configurations alone.
    """

    name: str
    bases: tuple[str, ...]
    grid: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cases: Mapping[str, Settings] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    overrides: Settings = field(default_factory=dict)
    budget: Budget | None = None
    evaluate: Mapping[str, Settings] = field(default_factory=dict)
    best: str | None = None
    keep: Keep = "all"

    @property
    def axes(self) -> tuple[str, ...]:
        """Return the names of the axes."""
        return (*self.grid, *([CASE] if self.cases else []))

    def cells(self) -> Iterator[Cell]:
        """Yield every combination: the last axis changes fastest, the recipe slowest."""
        axes: list[list[tuple[Mapping[str, str], Settings]]] = [
            [({name: label}, {name: value}) for label, value in values.items()]
            for name, values in self.grid.items()
        ]
        if self.cases:
            axes.append([({CASE: label}, settings) for label, settings in self.cases.items()])
        for base, parts in itertools.product(self.bases, itertools.product(*axes)):
            labels = {name: label for part, _ in parts for name, label in part.items()}
            settings = {name: value for _, part in parts for name, value in part.items()}
            yield Cell(base, labels, {**self.overrides, **settings})


def read_definition(path: Path) -> SweepDefinition:
    """Read a sweep's file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it says something that is not accepted; one line with the file, the value and what is.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    try:
        return _definition(path.stem, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _definition(name: str, content: Any) -> SweepDefinition:
    if not isinstance(content, Mapping) or "base" not in content:
        raise ValueError("a sweep needs 'base', a recipe or a list of recipes: is this the file of a sweep?")
    unknown = [key for key in content if key not in _ACCEPTED]
    if unknown:
        raise ValueError(f"a sweep has no {unknown[0]!r}; accepted are {', '.join(_ACCEPTED)}")
    budget = Budget.of(content["budget"]) if content.get("budget") is not None else None
    definition = SweepDefinition(
        name=name,
        bases=_texts("base", content["base"]),
        grid=_grid(content.get("grid")),
        cases={
            str(label): _settings(f"cases.{label}", settings)
            for label, settings in _mapping("cases", content.get("cases")).items()
        },
        seeds=_seeds(content.get("seeds", [0])),
        overrides=_settings("overrides", content.get("overrides")),
        budget=budget,
        evaluate=_evaluations(content.get("evaluate")),
        best=_text_or_none("best", content.get("best")),
        keep=checked_choice("keep", content.get("keep", "all"), Keep),  # pyright: ignore[reportArgumentType]
    )
    named = {*definition.overrides, *definition.grid, *itertools.chain(*definition.cases.values())}
    lengths = [name for name in named if name.startswith(("trainer.max_", "trainer.min_"))]
    if budget is not None and lengths:
        raise ValueError(f"budget says how long each run trains, so {min(lengths)} cannot be set beside it")
    return definition


def _grid(given: Any) -> dict[str, dict[str, Any]]:
    grid = {}
    for key, values in _mapping("grid", given).items():
        name = _name("grid", key)
        if isinstance(values, Mapping) and "class_path" not in values:
            labelled = {str(label): value for label, value in values.items()}
            if len(labelled) < len(values):
                raise ValueError(f"grid.{name} has the label {_repeated(map(str, values))!r} twice")
        elif isinstance(values, list):
            labelled = {_label(value): value for value in values}
            if len(labelled) < len(values):
                raise ValueError(
                    f"grid.{name}: two values go by the label {_repeated(map(_label, values))!r}: give the "
                    "values as a mapping of labels"
                )
        else:
            raise ValueError(f"grid.{name} takes a list of values, or labels with values, got {values!r}")
        if not labelled:
            raise ValueError(f"grid.{name} has no value")
        if name == CASE:
            raise ValueError(f"grid.{name} is no setting: settings that change together are 'cases'")
        for value in labelled.values():
            _check_plain(f"grid.{name}", value)
        grid[name] = labelled
    return grid


def _check_plain(where: str, value: Any) -> None:
    """Refuse what YAML reads as something that no setting is, such as a date."""
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            _check_plain(where, each)
    elif value is not None and not isinstance(value, str | int | float):
        raise ValueError(f"{where} is {value!r}, a {type(value).__name__}: put a text in quotation marks")


def _label(value: Any) -> str:
    """Return how a value is called: a part by its class."""
    if isinstance(value, Mapping) and "class_path" in value:
        return str(value["class_path"]).rpartition(".")[2]
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _seeds(given: Any) -> tuple[int, ...]:
    seeds = given if isinstance(given, list) else [given]
    if not seeds or any(isinstance(seed, bool) or not isinstance(seed, int) or seed < 0 for seed in seeds):
        raise ValueError(f"seeds takes whole numbers from 0, got {given!r}")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds has {_repeated(map(str, seeds))} twice")
    return tuple(seeds)


def _evaluations(given: Any) -> dict[str, Settings]:
    if isinstance(given, Mapping):
        return {str(recipe): _settings(f"evaluate.{recipe}", each) for recipe, each in given.items()}
    return {} if given is None else {recipe: {} for recipe in _texts("evaluate", given)}


def _settings(where: str, given: Any) -> dict[str, Any]:
    settings = {_name(where, name): value for name, value in _mapping(where, given).items()}
    for name, value in settings.items():
        _check_plain(f"{where}.{name}", value)
    return settings


def _name(where: str, name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or name.startswith("-"):
        raise ValueError(f"{where} takes settings by dotted name, such as model.masking.ratio, got {name!r}")
    if name.split(".")[0] in ("run", "ckpt_path", "config"):
        raise ValueError(f"{where}: a sweep files and resumes its runs itself, so {name!r} cannot be set")
    if name == "seed_everything":
        raise ValueError(f"{where}: give seeds in 'seeds', not as seed_everything")
    return name


def _mapping(where: str, given: Any) -> Mapping[Any, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} takes names with values, got {given!r}")
    return given


def _texts(where: str, given: Any) -> tuple[str, ...]:
    texts = given if isinstance(given, list) else [given]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"{where} takes the name of a recipe, or a list of names, got {given!r}")
    if len(set(texts)) < len(texts):
        raise ValueError(f"{where} has {_repeated(texts)} twice")
    return tuple(texts)


def _text_or_none(where: str, given: Any) -> str | None:
    if given is not None and not isinstance(given, str):
        raise ValueError(f"{where} takes the name of a metric, got {given!r}")
    return given


def _repeated(texts: Sequence[str] | Iterator[str]) -> str:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            return text
        seen.add(text)
    raise AssertionError("none is repeated")
