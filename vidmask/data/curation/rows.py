"""What was found out about a file as a plain row, for a journal of millions of lines."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from vidmask.data.manifest import Record

_OF_THE_CANDIDATE = ("path", "split", "labels", "numbers")
_DEFAULTS = {field.name: field.default for field in fields(Record) if field.name not in _OF_THE_CANDIDATE}

FIELDS = tuple(_DEFAULTS)
"""What the values of a row mean: the fields of a ``Record`` but for those that the source tells."""


def to_row(found: Mapping[str, Any]) -> list[Any]:
    """Return the values of the fields, as a million dictionaries would hold their names a million times."""
    return [found.get(name, default) for name, default in _DEFAULTS.items()]


def from_row(row: Sequence[Any]) -> dict[str, Any]:
    """Return the fields again."""
    return dict(zip(FIELDS, row, strict=True))
