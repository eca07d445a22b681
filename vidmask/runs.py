"""What a run leaves behind, and where: ``runs/<recipe>/<time>/`` with a ``latest`` link beside it.

In a run's folder stand ``config.yaml`` (resolved), ``recipe/`` (the user's own YAML), ``environment.json``,
``metrics.jsonl``, TensorBoard's events, ``checkpoints/`` and ``encoder.safetensors``. A resumed run goes on
in the same folder.
"""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
LATEST = "latest"

MAY_CHANGE = (
    "checkpoint.*",
    "data.num_workers",
    "data.persistent_workers",
    "data.pin_memory",
    "data.predict_splits",
    "data.test_split",
    "data.prefetch_factor",
    "data.source.init_args.num_workers",
    "trainer.accelerator",
    "trainer.default_root_dir",
    "trainer.enable_model_summary",
    "trainer.enable_progress_bar",
    "trainer.fast_dev_run",
    "trainer.log_every_n_steps",
    "trainer.logger",
    "trainer.max_time",
    "trainer.profiler",
    "trainer.strategy",
)
"""Settings that a resumed run may change unasked: they decide how it runs, not what it computes. All others
count, the number of steps too, because the learning rate's schedule follows it."""


@dataclass(frozen=True)
class RunOptions:
    """Where a run is filed, and what a resumed one may change.

    Args:
        root: Folder of all runs; the environment variable VIDMASK_RUNS, or else ``runs``, if not given.
        name: Name of this run's folder; the time if not given.
        allow_config_change: Resume although settings differ from those of the run's beginning.
    """

    root: str | None = None
    name: str | None = None
    allow_config_change: bool = False


def root_folder(root: str | None) -> Path:
    """Return the folder of all runs."""
    return Path(root or os.environ.get("VIDMASK_RUNS") or "runs")


def new_folder(root: Path, recipe: str, name: str | None = None) -> Path:
    """Make a new run's folder; two runs that start in the same second get one each.

    Raises:
        ValueError: If a name was given and is taken, or is that of the link to the latest run.
    """
    if name == LATEST:
        raise ValueError(f"run.name cannot be {LATEST!r}: that is the link to the newest run; give another")
    if name is not None and (Path(name).name != name or name == ".."):
        raise ValueError(f"run.name is the name of one folder, without slashes, got {name!r}")
    stem = name or time.strftime("%Y-%m-%d_%H-%M-%S")
    parent = root / recipe
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make {parent}: {error.strerror}; give another run.root") from error
    for number in range(1000):
        folder = parent / (stem if number == 0 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except PermissionError as error:
            raise ValueError(f"cannot write to {parent}: {error.strerror}; give another run.root") from error
        except FileExistsError:
            if name is not None:
                raise ValueError(
                    f"there is a run in {folder} already: give another run.name, "
                    f"or resume that run with --ckpt_path {folder / CHECKPOINTS / 'last.ckpt'}"
                ) from None
        else:
            return folder
    raise ValueError(f"{parent} holds a thousand runs of {stem} already")


def point_latest(folder: Path) -> None:
    """Let the ``latest`` link beside a run's folder point to it; replaced in one step, never absent."""
    assert folder.name != LATEST, f"{folder} is the link itself"
    new = folder.parent / f".{LATEST}-{os.getpid()}"
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name, target_is_directory=True)
    new.replace(folder.parent / LATEST)


def folder_of(checkpoint: Path) -> Path | None:
    """Return the run's folder that a checkpoint lies in, or None if it lies in none.

    It is the folder itself where the path leads through the ``latest`` link, which may move.
    """
    folder = checkpoint.absolute().parent.parent.resolve()
    return folder if (folder / CONFIG).is_file() and (folder / ENVIRONMENT).is_file() else None


def last_checkpoint(root: Path, recipe: str) -> Path:
    """Return the newest checkpoint of the latest run of a recipe.

    Raises:
        FileNotFoundError: If there is no such run, or it has no checkpoint.
    """
    latest = root / recipe / LATEST
    if not latest.is_dir():
        raise FileNotFoundError(f"no run of {recipe} to go on with: there is no {latest}")
    return newest_checkpoint(latest.resolve())


def newest_checkpoint(folder: Path) -> Path:
    """Return the newest checkpoint of a run.

    Raises:
        FileNotFoundError: If it has none.
    """
    checkpoints = folder / CHECKPOINTS
    last = checkpoints / "last.ckpt"
    if last.is_file():
        return last
    files = sorted(checkpoints.glob("*.ckpt"), key=_step_of_name)
    files = [file for file in files if file.is_file()]
    if not files:
        raise FileNotFoundError(f"the run in {folder} has no checkpoint to go on with")
    return files[-1]


def changed_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ between two resolved configurations and count: name to (old, new)."""
    before, after = counting_settings(old), counting_settings(new)
    return {
        name: (before.get(name), after.get(name))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    }


def counting_settings(config: Mapping[str, Any], but: Sequence[str] = ()) -> dict[str, Any]:
    """Return the settings of a resolved configuration that count, by whole name.

    Args:
        config: The configuration.
        but: Names among MAY_CHANGE that count nevertheless.
    """
    return {name: value for name, value in flat(config).items() if name in but or not _may_change(name)}


def read_config(folder: Path) -> dict[str, Any]:
    """Return the resolved configuration of a run."""
    return yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the resolved configuration; the one that it replaces is kept as ``config.1.yaml`` and so on."""
    path = folder / CONFIG
    text = config_text(config)
    if path.is_file():
        if path.read_text(encoding="utf-8") == text:
            return
        number = 1 + len(list(folder.glob("config.*.yaml")))
        path.rename(folder / f"config.{number}.yaml")
    path.write_text(text, encoding="utf-8")


def config_text(config: Mapping[str, Any]) -> str:
    """Return a resolved configuration as the text of a file."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)


def cut_metrics(folder: Path, num_steps: int) -> float:
    """Drop from ``metrics.jsonl`` what was logged after the first ``num_steps`` steps.

    Returns:
        Seconds that the run had taken by then.
    """
    path = folder / METRICS
    if not path.is_file():
        return 0.0
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _is_whole(line) and json.loads(line)["step"] <= num_steps]
    new = path.with_suffix(".new")
    new.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    new.replace(path)
    return max((json.loads(line)["seconds"] for line in kept), default=0.0)


def _is_whole(line: str) -> bool:
    # A process that was killed while it wrote leaves half a line behind.
    return line.endswith("}")


def _step_of_name(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    return int(digits[-1]) if digits else -1


def _may_change(name: str) -> bool:
    return any(name == entry or (entry.endswith("*") and name.startswith(entry[:-1])) for entry in MAY_CHANGE)


def flat(value: Any, above: str = "") -> dict[str, Any]:
    """Return every setting of a configuration by its dotted name; lists are whole values."""
    if isinstance(value, Mapping) and value:
        return {
            name: leaf
            for key, item in value.items()
            for name, leaf in flat(item, f"{above}.{key}" if above else str(key)).items()
        }
    return {above: value}
