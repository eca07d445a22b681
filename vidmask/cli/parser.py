"""Mistakes in a recipe or on the command line, told in a few lines."""

import argparse
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from vidmask import recipes
from vidmask.cli.errors import Mistake, did_you_mean
from vidmask.cli.locate import Setting, Settings, check_files

UNKNOWN = (
    re.compile(r"^Option '(?P<key>[^']+)' is not accepted"),
    re.compile(r"^Subcommand '\w+' does not accept option '(?P<key>[^']+)'"),
    re.compile(r"^unrecognized arguments: -*(?P<key>[^\s=]+)"),
)
WRONG_VALUE = re.compile(
    r'Parser key "(?P<key>[^"]+)": (?P<expected>Expected .+?)\. Got value: (?P<value>.*)$'
)
WRONG_FOR_ALL = re.compile(r'Parser key "(?P<key>[^"]+)": .*Given value: (?P<value>.*)$')
ALTERNATIVE = re.compile(r"- (Expected .+?)(?= - | Given value)")
NO_CLASS = (
    re.compile(r"Expected a dot import path string: (?P<name>\S+)"),
    re.compile(
        r"Problem with given class_path '(?P<name>[^']+)':\s+(?P<why>(No module|module|cannot import).*)"
    ),
    re.compile(
        r"Import path (?P<name>\S+) does not (correspond to a subclass of|implement protocol) (?P<base>\w+)"
    ),
)
NO_FILE = (
    re.compile(r"""Unable to load config ["'](?P<file>[^"']+)["']\s*$"""),
    re.compile(rf"Expected a path but (?P<file>\S+({'|'.join(map(re.escape, recipes.SUFFIXES))})) "),
)
NO_CLASS_NAMED = re.compile(r'Parser key "(?P<key>[^"]+)":\s+Not a valid subclass of (?P<base>\w+)')
REQUIRED = re.compile(r"the following arguments are required: ((fit|validate|test|predict)\.)?(?P<key>\S+)")
LINKED = re.compile(r'Linked "(?P<key>[^"]+)" must be given via "(?P<source>[^"]+)"')

HEAD = re.compile(r"^(?P<head>.*\.heads\.(?P<name>\w+))\.\w+")
"""A setting of a head that goes by a name of the recipe's choice."""

BROKEN = (
    *(SyntaxError, ImportError, NameError, AttributeError),
    *(TypeError, ValueError, LookupError, OSError),
)
"""What importing a user's own module raises when it is not right."""


class ParsingMistake(argparse.ArgumentError):
    """A mistake as the parser found it, together with the parser of the class where it was found."""

    def __init__(self, message: str, parser: "Parser") -> None:
        super().__init__(None, message)
        self.parser = parser


class Parser(LightningArgumentParser):
    """A parser that raises its mistakes where others print a page and exit."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the mistake; the parser of a nested class is caught by the one above it."""
        raise ParsingMistake(message, self) from ex


def explain_mistake(error: ParsingMistake, files: Sequence[Path], args: Sequence[str]) -> Mistake:
    """Say what was wrong, in which file and line, and what would be accepted.

    Args:
        error: What the parser raised.
        files: The configuration files that were given.
        args: The other words of the command line.
    """
    check_files(files)
    settings = Settings(files, args)
    broken = _broken_module(settings)
    if broken:
        return Mistake(*broken)
    # The innermost one knows the class in which the mistake was made.
    for mistake in reversed(list(_chain(error))):
        for explain in EXPLANATIONS:
            lines = explain(mistake.message or "", mistake.parser, settings)
            if lines is not None:
                return Mistake(*lines)
    innermost = list(_chain(error))[-1].message or ""
    return Mistake(*[line.strip() for line in innermost.splitlines() if line.strip()][:4])


def _broken_module(settings: Settings) -> list[str]:
    """Say what keeps a module of the user's, of which a class is named, from being imported."""
    for setting in settings.entries:
        module, _, name = setting.value.rpartition(".")
        if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
            continue
        try:
            importlib.import_module(module)
        except BROKEN as error:
            file = Path(*module.split(".")).with_suffix(".py")
            found = next((Path(place, file) for place in sys.path if Path(place, file).is_file()), None)
            if found is not None:
                line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
                told = error.msg if isinstance(error, SyntaxError) else f"{type(error).__name__}: {error}"
                return [f"{found}{line}: {told}", f"it is imported for {setting.value}", _place(setting)]
    return []


def _unknown_key(message: str, parser: Parser, settings: Settings) -> list[str] | None:
    match = _first_match(UNKNOWN, message)
    if match is None:
        return None
    key = match["key"]
    accepted = _accepted_keys(parser, message)
    setting = settings.find(key)
    nearest = did_you_mean(key, accepted)
    if not nearest:
        section, _, _ = key.rpartition(".")
        names = [name for name in accepted if name.rpartition(".")[0] == section]
        nearest = did_you_mean(key.split(".")[0], names) or f"accepted are {_listed(names)}" if names else ""
    return [f"no setting {setting.path if setting else key!r}", _place(setting), nearest]


def _wrong_value(message: str, parser: Parser, settings: Settings) -> list[str] | None:
    flat = " ".join(message.split())
    match = WRONG_VALUE.search(flat)
    if match is not None:
        expected = [match["expected"]]
    else:
        match = WRONG_FOR_ALL.search(flat)
        expected = ALTERNATIVE.findall(flat)
        if match is None or not expected:
            return None
    key, value = match["key"], match["value"]
    if value.startswith("{"):
        # A whole section, in which something else is wrong.
        return None
    choices = [choice for text in expected for choice in _choices(text)]
    wanted = [_plain_type(text) for text in expected if not _choices(text) and "NoneType" not in text]
    if choices:
        wanted.append(f"one of {', '.join(dict.fromkeys(choices))}")
    setting = settings.find(key, value) or settings.find(key)
    return [
        f"{setting.path if setting else key} is {value!r}, which is not {' or '.join(dict.fromkeys(wanted))}",
        _place(setting),
        did_you_mean(value, choices),
    ]


def _wrong_class(message: str, parser: Parser, settings: Settings) -> list[str] | None:
    match = _first_match(NO_CLASS, message, search=True)
    if match is None:
        return None
    name = match["name"]
    if name.endswith(recipes.SUFFIXES):
        return None
    groups = match.groupdict()
    key = re.search(r'Parser key "([^"]+)"', message)
    accepted = _class_names(parser, key[1] if key else "model")
    setting = settings.find_value(name)
    if groups.get("base"):
        what = f"{name} is no {groups['base']}"
    else:
        what = f"no class {name!r}" + (f": {groups['why'].strip()}" if groups.get("why") else "")
    nearest = did_you_mean(name.rpartition(".")[2], accepted)
    return [what, _place(setting), nearest or (f"accepted are {_listed(accepted)}" if accepted else "")]


def _missing_file(message: str, parser: Parser, settings: Settings) -> list[str] | None:
    match = _first_match(NO_FILE, message, search=True)
    if match is None:
        return None
    setting = settings.find_value(match["file"])
    return [f"no file {match['file']!r}", _place(setting), "a part is sought beside the file that names it"]


def _no_class_named(message: str, parser: Parser, settings: Settings) -> list[str] | None:
    match = NO_CLASS_NAMED.search(message)
    if match is None:
        return None
    key = match["key"]
    setting = settings.find(key)
    what = f"{setting.path if setting else key} names no class: it takes class_path and init_args"
    return [what, _place(setting), _accepted_classes(parser, key)]


def _required(message: str, parser: Parser, settings: Settings) -> list[str] | None:
    match = REQUIRED.match(message)
    if match is None:
        return None
    key = match["key"].rstrip(",")
    owners = parser.groups or {}
    if not owners or "trainer" in owners:
        return [f"{key!r} is missing", "give a recipe, such as --config quickstart/mae_st, or the setting"]
    owner = next(iter(owners))
    unknown = _unknown_head(key, settings) if owner == "Head" else None
    if unknown:
        return unknown
    place = _place(settings.find_value(owner))
    if key == "root":
        return [f"{owner} needs the folder of the videos", place, "give --data.root DIR"]
    return [f"{owner} needs {key!r}", place, _accepted_classes(parser, key)]


def _unknown_head(key: str, settings: Settings) -> list[str] | None:
    """Say that something is set in a head that no recipe has, or one that lacks what a head needs."""
    for setting in settings.entries:
        match = HEAD.match(setting.path)
        if match is None or settings.has(f"{match['head']}.{key}"):
            continue
        section = match["head"].rpartition(".")[0]
        names = [name for name in settings.names_in(section) if settings.has(f"{section}.{name}.{key}")]
        name = match["name"]
        nearest = did_you_mean(name, names) or (f"there are {_listed(names)}" if names else "")
        return [f"no head {name!r}, or it lacks its {key}", _place(setting), nearest]
    return None


def _linked(message: str, parser: Parser, settings: Settings) -> list[str] | None:
    match = LINKED.search(message)
    if match is None:
        return None
    key = match["key"]
    return linked_lines(key, settings)


def linked_lines(key: str, settings: Settings) -> list[str]:
    """Say that a setting of the data follows the encoder's."""
    name = key.rpartition(".")[2]
    return [
        f"{key!r} is not for setting: it follows the encoder's {name}",
        _place(settings.find(key)),
        f"set model.encoder.{name} instead",
    ]


def explain_interpolation(message: str, files: Sequence[Path], args: Sequence[str]) -> Mistake:
    """Say where a ``${…}`` stands that cannot be resolved."""
    settings = Settings(files, args)
    reason = message.splitlines()[0]
    key = re.search(r"full_key: \w+\.(\S+)", message)
    setting = settings.find(key[1]) if key else None
    if setting is None:
        return Mistake(f"an interpolation fails: {reason}")
    paths = [entry.path for entry in settings.entries]
    name = setting.value.strip("${}")
    what = f"{setting.path} is {setting.value!r}, which leads nowhere"
    return Mistake(what, _place(setting), did_you_mean(name, paths))


EXPLANATIONS = (
    _unknown_key,
    _missing_file,
    _wrong_class,
    _no_class_named,
    _wrong_value,
    _required,
    _linked,
)


def _chain(error: BaseException | None) -> Iterator[ParsingMistake]:
    while error is not None:
        if isinstance(error, ParsingMistake):
            yield error
        error = error.__cause__ or error.__context__


def _first_match(
    patterns: Sequence[re.Pattern[str]], message: str, search: bool = False
) -> re.Match[str] | None:
    for pattern in patterns:
        match = pattern.search(message) if search else pattern.match(message)
        if match is not None:
            return match
    return None


def _accepted_keys(parser: Parser, message: str) -> list[str]:
    # The top parser names the settings of a verb, which its sub-parser knows.
    verb = re.match(r"^Subcommand '(\w+)'", message)
    if verb is not None:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parser = action.choices[verb[1]]
    hidden = ("help", "config", "print_config", "print_shtab")
    return [action.dest for action in parser._actions if action.dest.rpartition(".")[2] not in hidden]


def _class_names(parser: Parser, key: str) -> list[str]:
    """Return the classes that a setting takes: ours, then the user's own."""
    for action in parser._actions:
        if action.dest == key or action.dest.endswith(f".{key}"):
            found = {
                (not subclass.__module__.startswith("vidmask."), subclass.__name__)
                for base in _classes(getattr(action, "_typehint", None))
                for subclass in list(_subclasses(base))[1:] or [base]
                if not inspect.isabstract(subclass) and not subclass.__name__.startswith("_")
            }
            return list(dict.fromkeys(name for _, name in sorted(found)))
    return []


def _accepted_classes(parser: Parser, key: str) -> str:
    names = _class_names(parser, key)
    return f"accepted are {_listed(names)}" if names else ""


def _classes(typehint: Any) -> Iterator[type]:
    origin, args = typing.get_origin(typehint), typing.get_args(typehint)
    if origin in (typing.Union, types.UnionType, list):
        for arg in args:
            yield from _classes(arg)
    elif origin is Callable:
        yield from _classes(args[-1])
    elif inspect.isclass(typehint) and typehint.__module__ != "builtins":
        yield typehint


def _subclasses(base: type) -> Iterator[type]:
    yield base
    for subclass in base.__subclasses__():
        yield from _subclasses(subclass)


def _plain_type(expected: str) -> str:
    text = re.sub(r"^Expected (an? )?", "", expected)
    text = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", text)
    names = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
    return names.get(text, text)


def _choices(text: str) -> list[str]:
    literal: Any = Literal
    match = re.search(rf"{re.escape(str(literal))}\[(.*?)\]", text)
    return [choice.strip(" '\"") for choice in match[1].split(",")] if match else []


def _place(setting: Setting | None) -> str:
    return setting.place if setting else ""


def _listed(names: Sequence[str], limit: int = 12) -> str:
    return ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
