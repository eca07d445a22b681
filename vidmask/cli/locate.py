"""Where a setting stands: its file and line, through the part files that a recipe names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from vidmask import recipes
from vidmask.cli.errors import Mistake


@dataclass(frozen=True)
class Setting:
    """One key of a configuration with its place.

    Attributes:
        path: Keys from the top, joined by dots, without ``init_args``.
        value: The text of a scalar, an empty string for a section.
        place: In which file and line, or that it stands on the command line; in words.
    """

    path: str
    value: str
    place: str


class Settings:
    """All settings that the user has given, in order of rising precedence.

    Args:
        files: Configuration files, as given.
        args: The other words of the command line.
    """

    def __init__(self, files: Sequence[Path], args: Sequence[str]) -> None:
        self.entries = [setting for file in files for setting in _of_file(file, "")]
        self.entries += _of_args(args)

    def find(self, key: str, value: str | None = None) -> Setting | None:
        """Return the setting of the highest precedence whose path ends in ``key``.

        Args:
            key: One or more last keys of a path, joined by dots.
            value: Only a setting of this text, if given.
        """
        key = _without_init_args(key)
        for setting in reversed(self.entries):
            if f".{setting.path}".endswith(f".{key}") and value in (None, setting.value):
                return setting
        return None

    def find_value(self, value: str) -> Setting | None:
        """Return the setting of the highest precedence with this text."""
        return next((setting for setting in reversed(self.entries) if setting.value == value), None)

    def has(self, path: str) -> bool:
        """Return whether a setting of this whole path is given, or one below it."""
        return any(f"{setting.path}.".startswith(f"{path}.") for setting in self.entries)

    def names_in(self, section: str) -> list[str]:
        """Return the names of what is given in a section, each once."""
        within = [
            setting.path.removeprefix(f"{section}.")
            for setting in self.entries
            if setting.path.startswith(f"{section}.")
        ]
        return list(dict.fromkeys(path.partition(".")[0] for path in within))


def check_files(files: Sequence[Path]) -> None:
    """Read configuration files and the parts they name.

    Raises:
        Mistake: If one is no YAML or holds no settings.
    """
    for file in files:
        for _ in _of_file(file, ""):
            pass


def _of_file(file: Path, above: str) -> Iterator[Setting]:
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Mistake(f"{file} is no YAML: {error.problem}", f"in {file}, line {line}") from error
    except UnicodeDecodeError as error:
        raise Mistake(f"{file} is no YAML: it is not text") from error
    if not isinstance(root, yaml.MappingNode):
        raise Mistake(f"{file} holds no settings: a recipe is a mapping of names to values")
    yield from _of_node(root, above, file)


def _of_node(node: yaml.Node, above: str, file: Path) -> Iterator[Setting]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _of_node(item, above, file)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = above if key.value == "init_args" else f"{above}.{key.value}" if above else str(key.value)
            text = value.value if isinstance(value, yaml.ScalarNode) else ""
            yield Setting(path, text, f"in {file}, line {key.start_mark.line + 1}")
            yield from _of_node(value, path, file)
    elif isinstance(node, yaml.ScalarNode) and node.value.endswith(recipes.SUFFIXES):
        part = file.parent / node.value
        if part.is_file():
            yield from _of_file(part, above)


def _of_args(args: Sequence[str]) -> Iterator[Setting]:
    for position, word in enumerate(args):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and position + 1 < len(args):
                value = args[position + 1]
            yield Setting(_without_init_args(name.rstrip("+")), value, "on the command line")


def _without_init_args(path: str) -> str:
    return ".".join(key for key in path.split(".") if key != "init_args")
