"""Run a recipe with several seeds and print what its probes found, as a Markdown table.

    python experiments/benchmarks/seeds.py quickstart/mae_st --seeds 0 1 2

Each run is a process of its own, one after the other, and stays in its run folder. Numbers are those of the
test split, which each run scores once for the untrained and once for the trained encoder.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

Scores = dict[str, float]


def run(recipe: str, seed: int, root: Path) -> Scores:
    """Train with one seed; return the last value of everything that was logged, and the seconds."""
    name = f"seed_{seed}"
    started = time.monotonic()
    command = [
        "fit",
        "--config",
        recipe,
        "--seed_everything",
        str(seed),
        "--run.root",
        str(root),
        "--run.name",
        name,
    ]
    subprocess.run([sys.executable, "-m", "vidmask", *command], check=True)
    lines = (root / recipe / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {"wall_seconds": time.monotonic() - started} | {
        key: value for line in lines for key, value in json.loads(line).items()
    }


def table(results: dict[int, Scores]) -> str:
    """Return untrained → trained accuracy in per cent of each probe and seed, and the mean gain in points."""
    seeds = list(results)
    first = results[seeds[0]]
    prefix = "probe/test/trained/"
    probes = sorted(
        (key.removeprefix(prefix) for key in first if key.startswith(prefix) and "/" in key[len(prefix) :]),
        key=lambda probe: probe.split("/")[0],
    )
    rows = [
        "| label | probe | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean gain |",
        "|" + "---|" * (len(seeds) + 3),
    ]
    for probe in probes:
        label, kind = probe.split("/")
        pairs = [
            (100 * scores[f"probe/test/untrained/{probe}"], 100 * scores[prefix + probe])
            for scores in results.values()
        ]
        cells = " | ".join(f"{before:.1f} → {after:.1f}" for before, after in pairs)
        gain = statistics.mean(after - before for before, after in pairs)
        rows.append(
            f"| {label} | {kind.replace('_', ' ', 1).replace('_', '+')} pooled | {cells} | {gain:+.1f} |"
        )
    seconds = ", ".join(f"{scores['wall_seconds']:.0f}" for scores in results.values())
    return "\n".join([*rows, "", f"Wall time in seconds: {seconds}."])


def main() -> None:
    """Run all seeds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="recipe by its short name")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of the runs")
    options = parser.parse_args()
    results = {seed: run(options.recipe, seed, options.root) for seed in options.seeds}
    print(table(results))


if __name__ == "__main__":
    main()
