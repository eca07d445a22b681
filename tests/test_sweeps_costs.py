"""Costs are kept between two plans."""

import pytest

from vidmask.sweeps.budget import Cost
from vidmask.sweeps.costs import Costs


def test_costs_are_kept_in_the_folder(tmp_path):
    costs = Costs(tmp_path)
    assert "a" not in costs
    costs.add("a", Cost(8, 1e9, 0.5, 2))
    costs.add("b", None)
    assert "b" in costs
    assert costs["b"] is None
    again = Costs(tmp_path)
    assert again["a"] == Cost(8, 1e9, 0.5, 2)
    # It may have been for want of memory, and is tried again.
    assert "b" not in again


def test_a_dry_run_keeps_nothing(tmp_path):
    Costs(tmp_path, keep=False).add("a", Cost(8))
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    costs = Costs(None)
    costs.add("a", Cost(8))
    assert costs["a"] == Cost(8)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["{", '{"a": {"clips": 1}}', "[1]"])
def test_a_damaged_file_is_refused(tmp_path, text):
    (tmp_path / "costs.json").write_text(text)
    with pytest.raises(ValueError, match=r"costs\.json is damaged: remove it"):
        Costs(tmp_path)
