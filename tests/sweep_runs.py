"""Sweeps whose recipes are read, and whose processes are run, by stand-ins."""

import copy
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vidmask.sweeps.budget import Budget, Cost
from vidmask.sweeps.definition import SweepDefinition
from vidmask.sweeps.execution import missing
from vidmask.sweeps.planning import PlannedRun, Planner
from vidmask.sweeps.processes import Processes
from vidmask.sweeps.records import read_record

COST = Cost(clips_per_step=8, macs_per_step=1e9, seconds_per_step=0.1)

RECIPE = {
    "seed_everything": 0,
    "trainer": {"max_steps": -1, "max_epochs": 4, "devices": 1, "callbacks": None},
    "model": {
        "class_path": "MaskedPretraining",
        "init_args": {
            "lr": 0.1,
            "encoder": {"class_path": "VideoViT", "init_args": {"depth": 4}},
            "encoder_checkpoint": None,
            "masking": {"class_path": "RandomMasking", "init_args": {"ratio": 0.5}},
        },
    },
}


def resolve(words: Sequence[str]) -> dict[str, Any]:
    """Lay ``--name=value`` words over the recipe."""
    config = {"recipe": words[1], **copy.deepcopy(RECIPE)}
    for word in words[2:]:
        name, _, value = word.removeprefix("--").partition("=")
        section: Any = config
        *above, last = name.split(".")
        for key in above:
            section = section[key].get("init_args", section[key])
        section[last] = yaml.safe_load(value)
    return config


def resolve_config(base: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return a whole configuration as it is."""
    return copy.deepcopy(config)


def definition(**changed: Any) -> SweepDefinition:
    """Return a sweep of two learning rates and two seeds, of four steps each."""
    given = {
        "name": "rates",
        "bases": ("quickstart/mae_st",),
        "grid": {"model.lr": {"0.1": 0.1, "0.2": 0.2}},
        "seeds": (0, 1),
        "budget": Budget("steps", 4),
    }
    return SweepDefinition(**{**given, **changed})


def plan(sweep: SweepDefinition, cost: Cost | None = COST) -> list[PlannedRun]:
    """Return the runs of a sweep."""
    return Planner(resolve, resolve_config, lambda base, config: cost).plan(sweep)


def is_finished(run: PlannedRun, folder: Path) -> bool:
    """Return whether a run has finished, with all its evaluations."""
    record = read_record(folder)
    return record is not None and record.status == "finished" and not missing(run, record, folder)


class StandIn(Processes):
    """Leaves in the folder what a process would, or fails as told.

    Args:
        returncodes: By a word that is among the command's, such as ``test``: its exit code, or a function
            that returns it.
    """

    def __init__(self, returncodes: Mapping[str, int | Callable[[], int]] | None = None) -> None:
        super().__init__()
        self.returncodes: Mapping[str, int | Callable[[], int]] = dict(returncodes or {})
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self._counting = threading.Lock()

    def run(
        self,
        words: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        begun: Callable[[dict[str, Any]], None] | None = None,
        keep_open: Sequence[int] = (),
    ) -> int:
        with self._counting:
            self.commands.append(list(words))
            self.environments.append(dict(environment))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        if begun is not None:
            begun({"pid": 1, "began": None})
        log.write_text("vidmask: the loss is not finite at step 3\n")
        code = next((code for word, code in self.returncodes.items() if word in " ".join(words)), 0)
        code = code() if callable(code) else code
        if code == 0:
            _leave(list(words))
        with self._counting:
            self.at_once -= 1
        return code


def _leave(words: list[str]) -> None:
    if words[0] == "test":
        folder = Path(words[2]).parents[1] / "test"
        folder.mkdir()
        (folder / "metrics.jsonl").write_text(json.dumps({"step": 4, "test/motion_top1": 0.5}) + "\n")
        return
    root = Path(next(word for word in words if word.startswith("--run.root=")).partition("=")[2])
    folder = root / words[2] / "run"
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(Path(words[4]).read_text())
    for name in ("encoder.safetensors", "checkpoints/last.ckpt", "events.out.tfevents.1"):
        (folder / name).write_text("")
    lines = [{"step": 0, "seconds": 0.1, "train/loss": 2.0}, {"step": 4, "seconds": 1.0, "train/loss": 1.0}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
