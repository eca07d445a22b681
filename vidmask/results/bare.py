"""Runs of no sweep: what they are is read from their configurations."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidmask import runs
from vidmask.results.documents import read_json, read_yaml
from vidmask.results.metrics import read_points
from vidmask.results.one_run import FIT, TEST, Command, Run

UNFINISHED = "unfinished"
"""Status of a run that has not come to its end: it runs still, or was broken off."""


def read_bare(folders: Sequence[Path]) -> list[Run]:
    """Return runs of no sweep; their axes are the settings in which runs of one recipe differ.

    Names are those of ``vidmask fit`` without ``init_args``; the name of a class stands under that of its
    part. Seeds are no axis.

    Args:
        folders: The runs'.

    Raises:
        ValueError: If a configuration is damaged.
    """
    configs = [read_yaml(folder / runs.CONFIG) for folder in folders]
    found = [_run(*each) for each in zip(folders, _names(folders), configs, strict=True)]
    settings = [_settings(config) for config in configs]
    axes: dict[str, None] = {}
    for recipe in dict.fromkeys(run.recipe for run in found):
        same = [each for run, each in zip(found, settings, strict=True) if run.recipe == recipe]
        names = dict.fromkeys(name for each in same for name in each)
        axes |= {name: None for name in names if len({each.get(name) for each in same}) > 1}
    return [
        dataclasses.replace(run, labels={axis: each[axis] for axis in axes if axis in each})
        for run, each in zip(found, settings, strict=True)
    ]


def _run(folder: Path, name: str, config: Mapping[str, Any]) -> Run:
    environment = read_json(folder / runs.ENVIRONMENT)
    recipe, seed = str(environment.get("recipe", "unnamed")), environment.get("seed")
    test = folder / "test"
    ended = _has_ended(folder)
    status = "finished" if ended else UNFINISHED
    reason = None if ended else "it runs still, or was broken off"
    commands = [Command(FIT, folder, status, reason)]
    if (test / runs.METRICS).is_file():
        commands.append(Command(f"{recipe}{TEST}", test, "finished"))
    return Run(
        name=name,
        place=folder,
        folder=folder,
        recipe=recipe,
        # True stands for a seed that was drawn and not noted.
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        status=status,
        reason=reason,
        clips_per_step=_clips_per_step(config, environment),
        commands=tuple(commands),
    )


def _has_ended(folder: Path) -> bool:
    # All three are made after the last step alone.
    if (folder / "encoder.safetensors").is_file() or (folder / "test" / runs.METRICS).is_file():
        return True
    return any(point.metric.startswith("probe/test/") for point in read_points(folder / runs.METRICS))


def _clips_per_step(config: Mapping[str, Any], environment: Mapping[str, Any]) -> float:
    trainer = config.get("trainer") or {}
    devices, gpus = trainer.get("devices"), environment.get("hardware", {}).get("gpus", [])
    if isinstance(devices, list):
        devices = len(devices)
    elif devices in ("auto", "-1", -1, None):
        devices = 1 if trainer.get("accelerator") == "cpu" else max(len(gpus), 1)
    factors: tuple[Any, ...] = (
        (config.get("data") or {}).get("batch_size"),
        devices,
        trainer.get("num_nodes", 1),
        trainer.get("accumulate_grad_batches", 1),
    )
    try:
        return math.prod(float(factor) for factor in factors)
    except (TypeError, ValueError):
        return math.nan


def _settings(config: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in runs.counting_settings(config).items():
        if name == "seed_everything":
            continue
        is_class = name.endswith(".class_path")
        short = name.removesuffix(".class_path").replace(".init_args", "")
        found[short] = str(value).rpartition(".")[2] if is_class else str(value)
    return found


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the end of each path that tells it from the others: most often the folder's own name."""
    found = []
    for folder in folders:
        parts = folder.parts
        length = next(
            (
                length
                for length in range(1, len(parts))
                if all(other is folder or other.parts[-length:] != parts[-length:] for other in folders)
            ),
            len(parts),
        )
        found.append("/".join(parts[-length:]))
    return found
