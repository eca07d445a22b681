"""The commands of a run: its training, and for each evaluation a training and a test."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vidmask import recipes, runs
from vidmask.data.writers import write_text
from vidmask.sweeps.planning import ENCODER_CHECKPOINT, PlannedRun
from vidmask.sweeps.settings import Config

RUN = "run"
"""Name of a training's folder below that of its recipe: in a sweep there is one of each."""

TEST = "test"

ENCODER = "encoder.safetensors"


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: What it is called in the run's record.
        key: Stands for its settings.
        verb: ``fit`` or ``test``.
        recipe: The recipe that it is of.
        config: The whole configuration of a training; None for a test, which takes that of its run.
        encoder: Where the encoder of an evaluation comes from, below the run's folder of the sweep.
        num_steps: Steps by the sweep's budget.
    """

    name: str
    key: str
    verb: str
    recipe: str
    config: Config | None = None
    encoder: Path | None = None
    num_steps: int | None = None

    @property
    def run_folder(self) -> Path:
        """Return the folder of the training, below the run's folder of the sweep."""
        return Path(recipes.short_name(recipes.find(self.recipe))) / RUN

    @property
    def folder(self) -> Path:
        """Return where it files what it does, below the run's folder of the sweep."""
        return self.run_folder / TEST if self.verb == TEST else self.run_folder

    @property
    def log(self) -> str:
        """Return the name of the file for what it prints."""
        return f"{self.name.replace('/', '_').replace(' ', '_')}.log"

    def words(self, folder: Path) -> list[str]:
        """Return the words after ``vidmask``; a training that was broken off goes on from its checkpoint.

        Args:
            folder: The run's folder of the sweep.
        """
        checkpoint = self.checkpoint(folder)
        if self.config is None:
            return ["test", "--ckpt_path", str(checkpoint)]
        file = folder / f"{self.log.removesuffix('.log')}.yaml"
        write_text(file, runs.config_text(self.config))
        words = ["fit", "--config", self.recipe, "--config", str(file), f"--run.root={folder}"]
        if self.encoder is not None:
            words.append(f"--model.encoder_checkpoint={folder / self.encoder}")
        if checkpoint is not None:
            return [*words, "--ckpt_path", str(checkpoint)]
        return [*words, f"--run.name={RUN}"]

    def checkpoint(self, folder: Path) -> Path | None:
        """Return the newest checkpoint of its training, or None if there is none."""
        try:
            return runs.newest_checkpoint(folder / self.run_folder)
        except FileNotFoundError:
            return None

    def goes_on(self, folder: Path) -> bool:
        """Return whether a training that was begun can go on: from a checkpoint, with its settings."""
        if self.checkpoint(folder) is None or self._difference(folder) is not None:
            return False
        config = runs.read_config(folder / self.run_folder)
        # An encoder under another path, as where the sweep was moved, is another to the training.
        return self.encoder is None or _encoder_of(config) == str(folder / self.encoder)

    def contradiction(self, folder: Path) -> str | None:
        """Return what shows that it has not finished as planned, in one line, or None if nothing does."""
        found = folder / self.folder
        needed = found / (runs.METRICS if self.config is None else ENCODER)
        if not needed.is_file():
            return f"it left no {needed.relative_to(folder)}"
        return self._difference(folder) or self._shortfall(folder)

    def _shortfall(self, folder: Path) -> str | None:
        checkpoint = self.checkpoint(folder)
        if self.num_steps is None or checkpoint is None:
            return None
        digits = re.findall(r"step_(\d+)", checkpoint.resolve().stem)
        if not digits or int(digits[-1]) == self.num_steps:
            return None
        return f"it stopped after {int(digits[-1])} of {self.num_steps} steps"

    def _difference(self, folder: Path) -> str | None:
        path = folder / self.run_folder
        if self.config is None or not (path / runs.CONFIG).is_file():
            return None
        changed = runs.changed_settings(self.config, runs.read_config(path))
        changed.pop(ENCODER_CHECKPOINT, None)
        if not changed:
            return None
        name, (planned, found) = next(iter(changed.items()))
        return f"it was run with {name} {found!r}, planned was {planned!r}"


def steps_of(run: PlannedRun) -> Iterator[Step]:
    """Yield the commands of a run, in order."""
    fit = Step("fit", run.key, "fit", run.cell.base, run.config, num_steps=run.steps)
    yield fit
    for asked in run.evaluations:
        training = Step(asked.recipe, asked.key, "fit", asked.recipe, asked.config, fit.run_folder / ENCODER)
        yield training
        yield Step(f"{asked.recipe} {TEST}", asked.key, TEST, asked.recipe)


def _encoder_of(config: Config) -> str | None:
    return config["model"]["init_args"].get("encoder_checkpoint")
