"""Files that hold one mapping, as JSON or YAML, and what is said of one that is damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml


def read_json(path: Path) -> dict[str, Any]:
    """Read an object of JSON.

    Raises:
        ValueError: If the file holds no such thing.
    """
    return _read(path, json.loads)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping of YAML.

    Raises:
        ValueError: If the file holds no such thing.
    """
    return _read(path, yaml.safe_load)


def damaged(path: Path, problem: object) -> ValueError:
    """Return the error for a file that does not hold what it should.

    Args:
        path: The file.
        problem: What is wrong; of a KeyError, the key.
    """
    said = f"it lacks {problem}" if isinstance(problem, KeyError) else " ".join(str(problem).split())
    return ValueError(f"{path} is damaged: {said}; run again what wrote it, or remove {path.parent}")


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, f"a mapping is asked, got {type(content).__name__}")
    return content
