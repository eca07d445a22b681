"""Folders of sweeps and of single runs as training leaves them, with made-up numbers."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from vidmask.evaluation.scores import VideoScores, write_scores

LABELS = ("appearance", "motion")
READOUTS = ("linear_mean", "knn_mean")
RECIPE, EVALUATION = "quickstart/mae_st", "quickstart/linear"
CLIPS_PER_STEP, MACS_PER_STEP = 32, 1.5e9
CELLS = tuple(
    {"model.masking": mask, "model.masking.ratio": ratio}
    for mask in ("random", "tube")
    for ratio in ("0.5", "0.75")
)


def write_sweep(
    folder: Path,
    cells: Sequence[Mapping[str, str]] = CELLS,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    base: str = RECIPE,
    steps: int = 40,
    macs_per_step: float | None = MACS_PER_STEP,
    evaluation: str | None = EVALUATION,
    endings: Mapping[str, tuple[str, str | None]] | None = None,
    better: Mapping[str, float] | None = None,
    budget: str = "steps",
) -> list[str]:
    """Write the folder of a sweep, all of whose runs have finished unless said otherwise.

    Args:
        folder: The sweep's; its name is that of the sweep.
        cells: Labels by axis.
        seeds: Each cell is run with each.
        base: The recipe.
        steps: How long each run trains.
        macs_per_step: Multiply-adds of a step.
        evaluation: The recipe of a classifier; none if None.
        endings: Key (see ``key_of``) to status and reason of runs that have not finished; of one that is
            "missing" nothing is written but the plan.
        better: Key to what is added to its accuracies.
        budget: The kind of it.

    Returns:
        The keys, in the order of the plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.yaml").write_text(yaml.safe_dump({"base": base, "seeds": list(seeds)}))
    planned, amount = [], {"steps": steps, "clips": steps * CLIPS_PER_STEP}.get(budget, 1.0)
    for seed in seeds:
        for cell in cells:
            key = key_of(cell, seed, base)
            status, reason = (endings or {}).get(key, ("finished", None))
            planned.append(
                {
                    "key": key,
                    "base": base,
                    "cell": dict(cell),
                    "seed": seed,
                    "budget": {"kind": budget, "amount": amount, "steps": steps},
                }
            )
            if status != "missing":
                record = {**planned[-1], "sweep": folder.name, "status": status, "reason": reason}
                record["cost"] = {
                    **{"clips_per_step": CLIPS_PER_STEP, "macs_per_step": macs_per_step},
                    **{"seconds_per_step": None, "devices": 1},
                }
                finished = status == "finished"
                bonus = (better or {}).get(key, 0.0)
                _write_run(folder / key, record, steps if finished else steps // 2, evaluation, bonus)
    axes = list(dict.fromkeys(axis for cell in cells for axis in cell))
    (folder / "plan.json").write_text(json.dumps({"name": folder.name, "axes": axes, "runs": planned}))
    return [run["key"] for run in planned]


def key_of(cell: Mapping[str, str], seed: int, base: str = RECIPE) -> str:
    """Return the key of a run."""
    return hashlib.sha256(json.dumps([base, dict(cell), seed]).encode()).hexdigest()[:12]


def write_training(
    folder: Path,
    key: str = "0",
    steps: int = 40,
    *,
    seed: int = 0,
    settings: Mapping[str, float | str] | None = None,
    recipe: str = RECIPE,
    ends: bool = True,
    bonus: float = 0.0,
) -> Path:
    """Write the folder of one training.

    Args:
        folder: The run's.
        key: Decides its numbers.
        steps: How far it came.
        seed: Its seed.
        settings: ``masking`` and ``ratio``.
        recipe: The recipe.
        ends: Whether it came to its end.
        bonus: What is added to its accuracies.
    """
    folder.mkdir(parents=True)
    asked = {"masking": "RandomMasking", "ratio": 0.75, **(settings or {})}
    _write_config(folder, recipe, seed, asked)
    chance = np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))
    height = {label: 0.5 + 0.1 * chance.normal() + bonus for label in LABELS}
    every, lines = max(steps // 4, 1), []

    def log(step: int, metrics: Mapping[str, float | None]) -> None:
        seconds = 2 + step * 0.25 + (0.5 if "probe/chance/motion" in metrics else 0)
        lines.append({"step": step, "epoch": step // every, "seconds": seconds, **metrics})

    for step in range(steps + 1):
        if step % 4 == 1:
            log(step, {"train/loss": 1 / (1 + step) + 0.01 * chance.random(), "train/pixels": 1 / (1 + step)})
        if step % every == 0:
            probed = {
                f"probe/{label}/{readout}": 0.3 + (height[label] - 0.3) * (step / steps) + 0.02 * place
                for label in LABELS
                for place, readout in enumerate(READOUTS)
            }
            beside = {f"probe/chance/{label}": 0.125 for label in LABELS}
            beside |= {f"probe/without_encoder/{label}": 0.2 for label in LABELS}
            log(step, {**probed, **beside, "probe/rankme": 30.0})
            if step:
                log(step, {"val/loss": 1.1 / step, "val/pixels": 1.1 / step, "val/pixels/mean": 0.9})
    if ends:
        for encoder, value in (("untrained", 0.25), ("trained", 0.0)):
            test = {
                f"probe/test/{encoder}/{label}/{readout}": (value or height[label]) + 0.01 * place
                for label in LABELS
                for place, readout in enumerate(READOUTS)
            }
            log(steps, {**test, f"probe/test/{encoder}/rankme": 25.0})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _write_picture(folder / "reconstructions" / f"reconstruction_step_{steps:07d}.png", height["motion"])
    return folder


def write_test(
    folder: Path, key: str = "0", *, recipe: str = EVALUATION, seed: int = 0, bonus: float = 0.0
) -> None:
    """Write the folder of a classifier's training, and of its test within.

    Args:
        folder: The training's.
        key: Decides its numbers.
        recipe: The recipe.
        seed: Its seed.
        bonus: What is added to the probability of the right answer.
    """
    test = folder / "test"
    test.mkdir(parents=True)
    for each in (folder, test):
        _write_config(each, recipe, seed, {})
    lines = [{"step": 8, "epoch": 1, "seconds": 3.0, "val/loss": 1.0, "val/motion_top1": 0.5}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    random = torch.Generator().manual_seed(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))
    videos, classes = 60, 8
    truth = torch.arange(videos) % classes
    probabilities = torch.rand(videos, classes, generator=random)
    probabilities[torch.arange(videos), truth] += 0.5 + bonus
    scores = VideoScores(
        paths=[f"test/{video:03d}.mp4" for video in range(videos)],
        video_index=torch.arange(videos),
        truth={"motion": truth},
        probabilities={"motion": probabilities},
        classes={"motion": tuple(f"direction {number}" for number in range(classes))},
    )
    write_scores(test / "scores.parquet", scores)
    ranks = probabilities.argsort(dim=1, descending=True) == truth.unsqueeze(1)
    found = {f"test/motion_top{k}": float(ranks[:, :k].any(dim=1).double().mean()) for k in (1, 5)} | {
        "test/loss": 1.0
    }
    (test / "metrics.jsonl").write_text(json.dumps({"step": 0, "epoch": 0, "seconds": 1.0, **found}) + "\n")
    (test / "card.md").write_text("# Video classifier\n")


def _write_run(folder: Path, record: dict, steps: int, evaluation: str | None, bonus: float) -> None:
    finished, seed = record["status"] == "finished", record["seed"]
    names = ["fit", *((evaluation, f"{evaluation} test") if evaluation and finished else ())]
    training = f"{record['base']}/run"
    folders = [training, f"{evaluation}/run", f"{evaluation}/run/test"]
    settings = {"masking": f"{record['cell'].get('model.masking', 'random').title()}Masking"}
    settings["ratio"] = float(record["cell"].get("model.masking.ratio", 0.75))
    write_training(
        folder / training,
        folder.name,
        steps,
        seed=seed,
        settings=settings,
        recipe=record["base"],
        ends=finished,
        bonus=bonus,
    )
    if evaluation and finished:
        write_test(folder / evaluation / "run", folder.name, recipe=evaluation, seed=seed, bonus=bonus)
    if seed == 1:
        (folder / training / "skipped.csv").write_text("path,reason\ntrain/7.mp4,truncated\n")
        with (folder / training / "metrics.jsonl").open("a") as file:
            seconds = 2 + steps * 0.25
            line = {"step": steps, "epoch": 3, "seconds": seconds, "train/skipped_samples": 3.0}
            file.write(json.dumps(line) + "\n")
    done = []
    for name, below in zip(names, folders, strict=False):
        log = f"{name.replace('/', '_').replace(' ', '_')}.log"
        (folder / log).write_text(f"{record['reason'] or 'done'}\n")
        ending = {"status": record["status"], "reason": record["reason"], "seconds": 10.0}
        done.append({"name": name, "key": "0" * 12, "folder": below, "log": log, **ending})
    record |= {"attempts": 1, "started": "2026-01-02 03:04:05 +0000", "seconds": 10.0 * len(done)}
    (folder / "record.json").write_text(json.dumps({**record, "steps": done, "process": None}))


def _write_config(folder: Path, recipe: str, seed: int, settings: Mapping[str, float | str]) -> None:
    config: dict = {
        "seed_everything": seed,
        "trainer": {"accelerator": "cpu", "devices": "auto", "num_nodes": 1, "accumulate_grad_batches": 1},
        "model": {"class_path": "vidmask.MaskedPretraining", "init_args": {"lr": 0.004}},
        "data": {"batch_size": CLIPS_PER_STEP, "test_split": "test", "num_workers": None},
    }
    if settings:
        masking = {"class_path": f"vidmask.{settings['masking']}", "init_args": {"ratio": settings["ratio"]}}
        config["model"]["init_args"]["masking"] = masking
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    environment = {"recipe": recipe, "started": "2026-01-02 03:04:05 +0000", "seed": seed}
    environment |= {"command": ["vidmask", "fit"], "vidmask": "0.1.0", "python": "3.11.7"}
    environment |= {"packages": {"torch": "2.15.0"}, "hardware": {"cpu": "a CPU", "cores": 2, "gpus": []}}
    (folder / "environment.json").write_text(json.dumps(environment))


def _write_picture(path: Path, height: float) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (64, 32), (round(255 * min(max(height, 0), 1)), 90, 90)).save(path)
