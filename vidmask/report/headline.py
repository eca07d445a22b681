"""What was compared, in a few sentences: runs, seeds, budget and what it counts, code and hardware."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidmask.data.words import counted
from vidmask.report import phrases
from vidmask.report.blocks import Section, Text
from vidmask.report.cells import Cells
from vidmask.report.selecting import Frame, where

COUNTED = {
    "steps": "A step is one update of the weights.",
    "clips": "Counted are the clips that the objective is trained on, a clip again each time.",
    "macs": "Counted are the multiply-adds of training, forward and backward, with those of the targets and "
    "of a tokenizer or teacher that they need.",
    "seconds": "Counted is the time of training alone, as measured where the sweep was planned, with a batch "
    "always ready.",
    "gpu_hours": "Counted is the time of training alone, times the number of devices, as measured where the "
    "sweep was planned, with a batch always ready.",
}

NOT_COUNTED = (
    "The making of data and tokenizer on first use, validation, probes and evaluations are not counted."
)


def headline(runs: Frame, cells: Cells, folders: Sequence[Path], unplanned: int) -> Section:
    """Return the first section.

    Args:
        runs: All runs.
        cells: What is compared.
        folders: Those of the finished runs' trainings.
        unplanned: How many runs beside them are left out.
    """
    texts = [_compared(runs, cells), _budget(runs), _made_with(folders), _failures(runs)]
    if unplanned:
        texts.append(f"Left out, as no plan names them any more: {counted(unplanned, 'run')}.")
    return Section("top", "", [Text(text) for text in texts if text])


def _compared(runs: Frame, cells: Cells) -> str:
    recipes = sorted({recipe for recipe in runs["recipe"] if isinstance(recipe, str)})
    finished = where(runs, status="finished")
    seeds = sorted({int(seed) for seed in finished["seed"].dropna()})
    of = f" of {phrases.joined(recipes)}" if recipes else ""
    differ = f", which differ in {phrases.joined(cells.headings)}" if cells.keys else ""
    what = f"{counted(len(cells), 'cell')}{of}{differ}"
    numbers = "no seed" if not seeds else f"{'seed' if len(seeds) == 1 else 'seeds'} {_seeds(seeds)}"
    return f"Compared: {what}. {counted(len(finished), 'finished run')}, {numbers}."


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 3 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return phrases.joined([str(seed) for seed in seeds])


def _budget(runs: Frame) -> str:
    kinds = [kind for kind in runs["budget"].drop_duplicates() if isinstance(kind, str)]
    if not kinds:
        return "No budget was given: each run is as long as its recipe says."
    amounts = [
        f"{phrases.quantity(amount)} {phrases.BUDGETS.get(kind, kind)}"
        for kind in kinds
        for amount in sorted(set(where(runs, budget=kind)["budget_amount"]))
    ]
    explained = " ".join(COUNTED[kind] for kind in kinds if kind in COUNTED)
    same = "Each run has the same budget" if len(amounts) == 1 else "Each run has one of these budgets"
    return f"{same}: {phrases.joined(amounts, 'or')}. {explained} {NOT_COUNTED}"


def _made_with(folders: Sequence[Path]) -> str:
    found = []
    for folder in folders:
        file = folder / "environment.json"
        if file.is_file():
            found.append(json.loads(file.read_text(encoding="utf-8")))
    parts = [
        _several("commit", [_commit(one.get("vidmask_commit")) for one in found]),
        _several("vidmask", [one.get("vidmask") for one in found]),
        _several("torch", [one.get("packages", {}).get("torch") for one in found]),
        _several("on", [_hardware(one.get("hardware") or {}) for one in found]),
    ]
    parts = [part for part in parts if part]
    return f"Made with {', '.join(parts)}." if parts else ""


def _several(name: str, values: Sequence[str | None]) -> str:
    different = list(dict.fromkeys(value for value in values if value))
    return f"{name} {phrases.joined(different)}" if different else ""


def _commit(commit: dict[str, Any] | None) -> str | None:
    if not commit:
        return None
    return commit["commit"][:7] + (" with uncommitted changes" if commit.get("uncommitted_changes") else "")


def _hardware(hardware: dict[str, Any]) -> str | None:
    gpus = Counter(hardware.get("gpus") or [])
    if gpus:
        return phrases.joined([f"{number} × {name}" for name, number in gpus.items()])
    if not hardware.get("cpu"):
        return None
    threads = hardware.get("torch_threads")
    return f"{hardware['cpu']}" + (f" with {counted(threads, 'thread')}" if threads else "")


def _failures(runs: Frame) -> str:
    counts = Counter(status for status in runs["status"] if status != "finished")
    if not counts:
        return ""
    parts = [f"{number} {status}" for status, number in sorted(counts.items())]
    return f"Not counted, and listed under Failures: {phrases.joined(parts)}."
