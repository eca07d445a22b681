"""Fine-tune and probe the quick-start's encoders beside random ones, and print what came out as tables.

    python experiments/benchmarks/readouts.py --root runs/readouts --seeds 0 1 2 --jobs 2

For each seed the three encoders are pre-trained (``quickstart/mae_st``, ``videomae``, ``mam2``), and each is
fine-tuned (``quickstart/finetune``) and probed frozen: by attention (``quickstart/attentive``), linearly and
by neighbours (``vidmask predict`` and ``vidmask probe``). So is one with random weights. Learning rate and
layer decay of fine-tuning are chosen for each start by itself: every setting of ``GRID`` is trained with the
first seed, and the best mean of the labels on the validation split is taken for all seeds. The tables are
Markdown; their scores are of the test split, which no choice has seen.

With ``--num_train`` only so many training videos have labels for fine-tuning; the number of steps stays. What
lies in the root already is not run again, so that a benchmark that was stopped goes on.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LABELS = ("appearance", "motion")
PROBES = ("knn", "linear")
READ_OUTS = ("fine-tuning", "attentive", *PROBES)
CHANCE = 12.5
NUM_TRAIN = 2048
"""Training videos of the preset."""
EPOCHS = 8
"""Of ``quickstart/finetune`` on all of them."""


class Setting(NamedTuple):
    """What fine-tuning is tried with."""

    lr: float
    layer_decay: float


GRID = tuple(itertools.starmap(Setting, itertools.product((1e-3, 3e-3), (0.75, 1.0))))


@dataclass(frozen=True)
class Start:
    """What fine-tuning starts from.

    Attributes:
        recipe: The recipe that pre-trains it, or of whose encoder random weights are taken.
        trained: Whether it is pre-trained.
        encoder: Settings by which its encoder differs from that of ``quickstart/finetune``.
    """

    recipe: str
    trained: bool = True
    encoder: tuple[str, ...] = ()


STARTS = {
    "random": Start("mae_st", trained=False),
    "MAE-ST": Start("mae_st"),
    "VideoMAE": Start(
        "videomae",
        encoder=(
            *("--model.encoder.positions", "sincos1d"),
            *("--model.encoder.mean", "[0.485,0.456,0.406]"),
            *("--model.encoder.std", "[0.229,0.224,0.225]"),
        ),
    ),
    "MAM2": Start("mam2"),
}

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Bench:
    """Runs the commands, and reads what they leave.

    Attributes:
        root: Folder of the runs.
        threads: Threads of each process.
        num_train: Training videos with labels for fine-tuning.
    """

    root: Path
    threads: int
    num_train: int = NUM_TRAIN

    def pretrain(self, start: Start, seed: int) -> Path:
        """Pre-train an encoder, and return its run's folder."""
        folder = self.root / "quickstart" / start.recipe / f"seed_{seed}"
        if not (folder / "encoder.safetensors").is_file():
            self._call(
                folder, "fit", "--config", f"quickstart/{start.recipe}", "--seed_everything", str(seed)
            )
        return folder

    def finetune(self, name: str, seed: int, setting: Setting) -> Scores:
        """Fine-tune from a start, and return the accuracies on the validation split."""
        folder = self._finetuned(name, seed, setting)
        words = ["--model.lr", str(setting.lr), "--model.layer_decay", str(setting.layer_decay)]
        if self.num_train != NUM_TRAIN:
            epochs = str(EPOCHS * NUM_TRAIN // self.num_train)
            words += ["--data.source.num_train", str(self.num_train), "--trainer.max_epochs", epochs]
            words += ["--trainer.check_val_every_n_epoch", epochs]
        self._classify("finetune", folder, name, seed, words)
        return _top_1(folder / "metrics.jsonl", "val")

    def test(self, name: str, seed: int, setting: Setting) -> Scores:
        """Return the accuracies of a fine-tuned encoder on the test split."""
        return self._test(self._finetuned(name, seed, setting))

    def attend(self, name: str, seed: int) -> Scores:
        """Train an attentive probe of the frozen encoder, and return its accuracies on the test split."""
        folder = self.root / "quickstart" / "attentive" / f"{name}_seed{seed}"
        self._classify("attentive", folder, name, seed, [])
        return self._test(folder)

    def probe(self, name: str, seed: int) -> Scores:
        """Return what each probe of the frozen encoder scores on the test split."""
        start = STARTS[name]
        if start.trained:
            folder = self.pretrain(start, seed)
            checkpoint = ["--ckpt_path", str(folder / "checkpoints" / "last.ckpt")]
        else:
            folder = self.root / "quickstart" / start.recipe / f"random_{seed}"
            checkpoint = ["--ckpt_path", "untrained", "--config", f"quickstart/{start.recipe}"]
            checkpoint += ["--seed_everything", str(seed)]
        found = folder / "predict" / "probes.json"
        if not found.is_file():
            inside = folder / "predict" if start.trained else folder
            self._call(inside, "predict", *checkpoint, "--features.level", "both")
            features = folder / "predict" / "features"
            words = ["--probes", ",".join(PROBES), "--json", str(found)]
            self._process(["probe", str(features), *words], folder / "predict" / "probe.log")
            shutil.rmtree(features)
        content = json.loads(found.read_text(encoding="utf-8"))
        return {
            f"{label['label']}/{score['probe']}": 100 * score["accuracy"]
            for label in content["labels"]
            for score in label["scores"]
        }

    def _classify(self, recipe: str, folder: Path, name: str, seed: int, settings: Sequence[str]) -> None:
        """Train a classifier on an encoder."""
        if (folder / "encoder.safetensors").is_file():
            return
        start = STARTS[name]
        words = [
            "--config",
            f"quickstart/{recipe}",
            "--seed_everything",
            str(seed),
            *start.encoder,
            *settings,
        ]
        if start.trained:
            encoder = self.pretrain(start, seed) / "encoder.safetensors"
            words += ["--model.encoder_checkpoint", str(encoder)]
        self._call(folder, "fit", *words)

    def _test(self, folder: Path) -> Scores:
        if not (folder / "test" / "card.md").is_file():
            self._call(folder / "test", "test", "--ckpt_path", str(folder / "checkpoints" / "last.ckpt"))
        return _top_1(folder / "test" / "metrics.jsonl", "test")

    def _finetuned(self, name: str, seed: int, setting: Setting) -> Path:
        few = "" if self.num_train == NUM_TRAIN else f"_{self.num_train}"
        run = f"{name}{few}_lr{setting.lr:g}_decay{setting.layer_decay:g}_seed{seed}"
        return self.root / "quickstart" / "finetune" / run

    def _call(self, folder: Path, verb: str, *words: str) -> None:
        """Carry out a verb that files what it does in a folder, which is made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        log = self.root / "logs" / f"{folder.relative_to(self.root / 'quickstart')}.{verb}".replace("/", "_")
        named = [] if verb == folder.name else ["--run.name", folder.name]
        self._process([verb, *words, "--run.root", str(self.root), *named], log)

    def _process(self, words: Sequence[str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"OMP_NUM_THREADS": str(self.threads)}
        with log.open("w", encoding="utf-8") as file:
            subprocess.run(
                [sys.executable, "-m", "vidmask", *words],
                check=True,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )


def _top_1(path: Path, split: str) -> Scores:
    """Return the last top-1 accuracy of each label, in per cent."""
    last: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        last |= json.loads(line)
    return {label: 100 * last[f"{split}/{label}_top1"] for label in LABELS}


def choose(trials: Mapping[Setting, Scores]) -> Setting:
    """Return the setting with the best mean of the labels."""
    return max(trials, key=lambda setting: statistics.mean(trials[setting].values()))


def trial_table(trials: Mapping[str, Mapping[Setting, Scores]]) -> str:
    """Return the accuracy of both labels of each setting and start on the validation split."""
    rows = [
        f"| learning rate | layer decay | {' | '.join(trials)} |",
        "|" + "---|" * (len(trials) + 2),
    ]
    for setting in GRID:
        cells = []
        for found in trials.values():
            text = " / ".join(f"{found[setting][label]:.1f}" for label in LABELS)
            cells.append(f"**{text}**" if setting == choose(found) else text)
        rows.append(f"| {setting.lr:g} | {setting.layer_decay:g} | {' | '.join(cells)} |")
    return "\n".join(rows)


def score_table(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return mean and range over the seeds of each read-out and start on the test split.

    Args:
        scores: By read-out, such as ``motion/knn``, and start: one score for each seed.
    """
    starts = list(next(iter(scores.values())))
    rows = [f"| label | read-out | {' | '.join(starts)} |", "|" + "---|" * (len(starts) + 2)]
    for name, found in scores.items():
        label, how = name.split("/")
        cells = (
            f"{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"
            for values in found.values()
        )
        rows.append(f"| {label} | {how} | {' | '.join(cells)} |")
    return "\n".join(rows)


def gain_table(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return, seed by seed, by how many points each start stands above random weights after fine-tuning."""
    found = {label: scores[f"{label}/fine-tuning"] for label in LABELS}
    starts = [name for name, start in STARTS.items() if start.trained]
    rows = [f"| label | {' | '.join(starts)} |", "|" + "---|" * (len(starts) + 1)]
    for label, values in found.items():
        cells = (
            ", ".join(
                f"{after - before:+.1f}" for after, before in zip(values[name], values["random"], strict=True)
            )
            for name in starts
        )
        rows.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main(words: Sequence[str] | None = None) -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--root", type=Path, default=Path("runs/readouts"), help="folder of the runs")
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes at a time, with one thread each if many"
    )
    parser.add_argument("--num_train", type=int, default=NUM_TRAIN, help="videos with labels for fine-tuning")
    options = parser.parse_args(words)
    root: Path = options.root.resolve()
    jobs, seeds = options.jobs, options.seeds
    bench = Bench(root, 1 if jobs > 1 else os.cpu_count() or 1, options.num_train)
    with ThreadPoolExecutor(jobs) as pool:
        encoders = [(start, seed) for seed in seeds for start in STARTS.values() if start.trained]
        _finish(pool.submit(bench.pretrain, *each) for each in encoders)
        tried = {
            (name, setting): pool.submit(bench.finetune, name, seeds[0], setting)
            for name in STARTS
            for setting in GRID
        }
        trials = {name: {each: tried[name, each].result() for each in GRID} for name in STARTS}
        chosen = {name: choose(found) for name, found in trials.items()}
        pairs = [(name, seed) for seed in seeds for name in STARTS]
        _finish([pool.submit(bench.finetune, name, seed, chosen[name]) for name, seed in pairs])
        found = {
            "fine-tuning": {pair: pool.submit(bench.test, *pair, chosen[pair[0]]) for pair in pairs},
            "probes": {pair: pool.submit(bench.probe, *pair) for pair in pairs},
            "attentive": {pair: pool.submit(bench.attend, *pair) for pair in pairs},
        }

        def score(how: str, label: str, pair: tuple[str, int]) -> float:
            if how in PROBES:
                return found["probes"][pair].result()[f"{label}/{how}"]
            return found[how][pair].result()[label]

        scores = {
            f"{label}/{how}": {name: [score(how, label, (name, seed)) for seed in seeds] for name in STARTS}
            for label in LABELS
            for how in READ_OUTS
        }
    print(f"Validation split, seed {seeds[0]}, {' / '.join(LABELS)}:", trial_table(trials), sep="\n\n")
    print(f"\nTest split, mean and range of seeds {seeds}, chance {CHANCE}:", score_table(scores), sep="\n\n")
    print("\nPoints above random weights after fine-tuning, seed by seed:", gain_table(scores), sep="\n\n")


def _finish(futures: Iterable) -> None:
    for future in list(futures):
        future.result()


if __name__ == "__main__":
    main()
