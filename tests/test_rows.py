"""Rows of a journal and the fields that they hold."""

import pytest

from vidmask.data.curation.rows import FIELDS, from_row, to_row
from vidmask.data.manifest import Record


def test_a_row_has_what_was_found_and_defaults_for_the_rest():
    found = {"verdict": "ok", "reason": "read", "frames": 3}
    row = to_row(found | {"source": "no field"})
    assert len(row) == len(FIELDS)
    again = from_row(row)
    assert {name: again[name] for name in found} == found
    record = Record(path="a", split="train", labels={}, **again)
    assert record == Record("a", "train", {}, "ok", "read", frames=3)


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        from_row(["ok"])
