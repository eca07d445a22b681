"""Settings by dotted name in a resolved configuration, and the configuration that they lead to."""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vidmask import runs

Config = dict[str, Any]

Resolve = Callable[[Sequence[str]], Config]
"""Returns the resolved configuration of the words that would follow ``vidmask fit``."""

RESULTS = ("data.test_split", "data.predict_splits", "trainer.max_time", "trainer.fast_dev_run")
"""Settings that a run that goes on may change, and by which another run has another result."""

ResolveConfig = Callable[[str, Config], Config]
"""Returns the resolved form of a whole configuration, of a recipe by name: with its defaults, and checked."""


def with_settings(
    base: str, settings: Mapping[str, Any], resolve: Resolve, resolve_config: ResolveConfig
) -> Config:
    """Return the resolved configuration of a recipe with settings laid over it.

    Single values are laid over the recipe as on the command line, so that ``${…}`` follows them. A whole
    part, a mapping, takes the place of the recipe's: nothing of the old part stays, although the command
    line keeps arguments of the same name. Single values inside of a whole part are laid over that part,
    wherever they stand in the order. ``${…}`` in the recipe has been resolved by the time a whole part is
    laid down, so it does not follow that.

    Args:
        base: The recipe.
        settings: Values by dotted name.
        resolve: Reads a recipe with words of the command line.
        resolve_config: Checks a whole configuration.
    """
    settings = {short_name(name): value for name, value in settings.items()}
    whole = {name: value for name, value in settings.items() if is_whole_part(value)}
    inside = {
        name: value
        for name, value in settings.items()
        if name not in whole and any(_is_inside(name, part) for part in whole)
    }
    plain = [as_word(name, value) for name, value in settings.items() if name not in {**whole, **inside}]
    config = resolve(["--config", base, *plain])
    if not whole:
        return config
    config = copy.deepcopy(config)
    for name in sorted(whole, key=lambda name: name.count(".")):
        put(config, name, whole[name])
    for name, value in inside.items():
        put(config, name, value)
    return resolve_config(base, config)


def short_name(name: str) -> str:
    """Return the one spelling of a setting's name: without ``init_args``, and the source's root as such."""
    short = ".".join(part for part in name.split(".") if part != "init_args")
    return "data.source.root" if short == "data.root" else short


def is_whole_part(value: Any) -> bool:
    """Return whether a value is laid down whole: a mapping, a list of some, or nothing in place of a part."""
    # The command line takes null in the place of a part for the name of a file.
    if value is None or isinstance(value, Mapping):
        return True
    return isinstance(value, list) and any(isinstance(each, Mapping) for each in value)


def as_word(name: str, value: Any) -> str:
    """Return a setting as a word of the command line."""
    return f"--{name}={value if isinstance(value, str) else json.dumps(value)}"


def put(config: Config, name: str, value: Any) -> None:
    """Set a value in a resolved configuration; ``init_args`` may be left out of its name.

    Raises:
        ValueError: If there is nothing of that name to be in.
    """
    *above, last = name.split(".")
    section: Any = config
    for key in above:
        section = _arguments(section, key, name).get(key)
    _arguments(section, last, name)[last] = copy.deepcopy(value)


def key_of(config: Config, leave_out: Sequence[str] = ()) -> str:
    """Return twelve hexadecimal digits that stand for the settings that count.

    Those that may change without another result do not: ``vidmask.runs.MAY_CHANGE``, but for ``RESULTS``.

    Args:
        config: The resolved configuration.
        leave_out: Further settings that do not count, by their whole names, or the beginnings of them.
    """
    counting = {
        name: value
        for name, value in runs.counting_settings(config, but=RESULTS).items()
        if not any(name == each or name.startswith(f"{each}.") for each in leave_out)
    }
    text = json.dumps(counting, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _is_inside(name: str, part: str) -> bool:
    return name.startswith(f"{part}.")


def _arguments(section: Any, key: str, name: str) -> dict[str, Any]:
    """Return where the next key of a name is to be found."""
    if isinstance(section, dict) and "class_path" in section and key not in ("class_path", "init_args"):
        section = section.setdefault("init_args", {})
    if not isinstance(section, dict):
        raise ValueError(f"no setting {name!r}: what {key!r} should be in is {section!r}")
    return section
