"""The script that runs recipes with several seeds: what it reads from a run, and its tables."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "seeds.py"

METRICS = [
    {"step": 0, "probe/motion/linear_mean": 0.25, "probe/rankme": 9.0, "probe/chance/motion": 0.125},
    {"step": 0, "val/motion": 4.0, "val/motion/no_motion": 4.0},
    {"step": 8, "probe/motion/linear_mean": 0.5, "probe/without_encoder/motion": 0.7},
    {"step": 8, "val/motion": 3.0, "val/motion/no_motion": 4.0, "val/loss": 3.0},
    {"step": 8, "probe/test/untrained/motion/linear_mean": 0.2, "probe/test/trained/motion/linear_mean": 0.6},
]


@pytest.fixture
def seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, whose runs take no time and leave the same metrics each."""
    spec = importlib.util.spec_from_file_location("seeds", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "seeds", module)
    spec.loader.exec_module(module)
    module.calls = []

    def run(command: list[str], check: bool) -> None:
        options = dict(zip(command[4::2], command[5::2], strict=True))
        module.calls.append(options)
        folder = Path(options["--run.root"]) / options["--config"] / options["--run.name"]
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, METRICS)))

    monkeypatch.setattr(module.subprocess, "run", run)
    return module


@pytest.mark.parametrize(("split", "cells"), [("test", "20.0 → 60.0"), ("val", "25.0 → 50.0")])
def test_each_recipe_and_seed_is_a_column(
    seeds: ModuleType,
    split: str,
    cells: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["seeds.py", "a/one", "a/two", "--seeds", "3", "--split", split, "--root", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*args, "--", "--model.lr", "1e-3"])
    seeds.main()
    assert [(call["--config"], call["--seed_everything"]) for call in seeds.calls] == [
        ("a/one", "3"),
        ("a/two", "3"),
    ]
    assert all(call["--model.lr"] == "1e-3" for call in seeds.calls)
    lines = capsys.readouterr().out.splitlines()
    gain = "+40.0" if split == "test" else "+25.0"
    assert lines[0] == "| label | probe | one 3 | two 3 | mean gain |"
    assert lines[2:] == [
        f"| motion | linear mean pooled | {cells} | {cells} | {gain} |",
        "",
        "| loss over that of | one 3 | two 3 |",
        "|---|---|---|",
        "| motion: no motion | 0.75 | 0.75 |",
        "| wall time in seconds | 0 | 0 |",
    ]
