"""Run recipes with several seeds and print what they came to, as Markdown tables.

    python experiments/benchmarks/seeds.py quickstart/mae_st --seeds 0 1 2
    python experiments/benchmarks/seeds.py compare/mae_st compare/mam2 --split val -- --model.lr 2e-3

What stands after ``--`` goes to every ``vidmask fit``. Each run is a process of its own, one after the other,
and stays in its run folder. Probes are those of the test split, which each run scores once for the untrained
and once for the trained encoder; with ``--split val`` those of the validation split, by which settings are
chosen. Losses are of the validation split.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Scores = dict[str, float]


@dataclass(frozen=True)
class Result:
    """What one run came to.

    Attributes:
        untrained: Accuracy of each probe of the untrained encoder, in per cent.
        trained: The same of the trained one.
        losses: The last losses of the validation split.
        seconds: Wall time of the process.
    """

    untrained: Scores
    trained: Scores
    losses: Scores
    seconds: float


def run(recipe: str, seed: int, root: Path, split: str, more: Sequence[str]) -> Result:
    """Train with one seed, and read what was logged."""
    name = f"seed_{seed}"
    started = time.monotonic()
    command = ["fit", "--config", recipe, "--seed_everything", str(seed), *more]
    command += ["--run.root", str(root), "--run.name", name]
    subprocess.run([sys.executable, "-m", "vidmask", *command], check=True)
    seconds = time.monotonic() - started
    lines = (root / recipe / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    first, last = {}, {}
    for line in map(json.loads, lines):
        first, last = line | first, last | line
    untrained, trained = (
        (probes(first, "probe/"), probes(last, "probe/"))
        if split == "val"
        else (probes(last, "probe/test/untrained/"), probes(last, "probe/test/trained/"))
    )
    losses = {key.removeprefix("val/"): value for key, value in last.items() if key.startswith("val/")}
    return Result(untrained, trained, losses, seconds)


def probes(logged: Mapping[str, float], prefix: str) -> Scores:
    """Return what stands under ``<prefix><label>/<probe>``, in per cent."""
    named = {key.removeprefix(prefix): value for key, value in logged.items() if key.startswith(prefix)}
    return {
        name: 100 * value
        for name, value in named.items()
        if name.count("/") == 1 and name.split("/")[1].startswith(("linear", "knn"))
    }


def probe_table(results: Mapping[str, Result]) -> str:
    """Return untrained → trained accuracy of each probe and run, and the mean gain in points."""
    names = sorted(next(iter(results.values())).trained, key=lambda probe: probe.split("/")[0])
    rows = [
        f"| label | probe | {' | '.join(results)} | mean gain |",
        "|" + "---|" * (len(results) + 3),
    ]
    for name in names:
        label, kind = name.split("/")
        pairs = [(result.untrained[name], result.trained[name]) for result in results.values()]
        cells = " | ".join(f"{before:.1f} → {after:.1f}" for before, after in pairs)
        gain = statistics.mean(after - before for before, after in pairs)
        rows.append(
            f"| {label} | {kind.replace('_', ' ', 1).replace('_', '+')} pooled | {cells} | {gain:+.1f} |"
        )
    return "\n".join(rows)


def loss_table(results: Mapping[str, Result]) -> str:
    """Return each loss at the end over each of its trivial answers, and the wall time."""
    names = dict.fromkeys(
        name
        for result in results.values()
        for name in result.losses
        if name.count("/") == 1 and "accuracy" not in name
    )
    rows = [f"| loss over that of | {' | '.join(results)} |", "|" + "---|" * (len(results) + 1)]
    for name in names:
        head, trivial = name.split("/")
        cells = [
            f"{result.losses[head] / result.losses[name]:.2f}" if name in result.losses else ""
            for result in results.values()
        ]
        rows.append(f"| {head.replace('_', ' ')}: {trivial.replace('_', ' ')} | {' | '.join(cells)} |")
    seconds = [f"{result.seconds:.0f}" for result in results.values()]
    return "\n".join([*rows, f"| wall time in seconds | {' | '.join(seconds)} |"])


def main() -> None:
    """Run all recipes with all seeds and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="+", help="recipes by their short names")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--split", choices=("val", "test"), default="test", help="split of the probes")
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of the runs")
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    results = {
        f"{recipe.split('/')[-1]} {seed}": run(recipe, seed, options.root, options.split, more)
        for recipe in options.recipes
        for seed in options.seeds
    }
    print(probe_table(results), loss_table(results), sep="\n\n")


if __name__ == "__main__":
    main()
