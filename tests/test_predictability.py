"""The script that asks how much of a difference the seen pixels tell."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "predictability.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("predictability", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "predictability", module)
    spec.loader.exec_module(module)
    return module


def test_what_a_linear_function_leaves_is_its_share_of_the_answers_square(script: ModuleType) -> None:
    seen = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    # Half of the square is linear in what is seen, and half is uncorrelated with it.
    answers = torch.tensor([[2.0], [0.0], [0.0], [-2.0]])
    assert script.left_over(answers, seen) == pytest.approx(0.5)
    assert script.left_over(3 * seen + 1, seen) == pytest.approx(0, abs=1e-12)


def test_what_moves_evenly_is_told_by_its_neighbours(script: ModuleType) -> None:
    # Every pixel grows at a pace of its own: the mean of its neighbours in time is the pixel itself.
    paces = torch.rand(1, 3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    clips = paces * torch.arange(16.0).view(1, 1, -1, 1, 1) / 16
    _, both, before, after = script.errors(clips, "between")
    # Each side alone tells an even pace as well; what is left of any of them is rounding.
    assert [both, before, after] == pytest.approx([0, 0, 0], abs=1e-6)
