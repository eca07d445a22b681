"""Where a verb files what it does: the run's folder, the checkpoint it starts from, what is written down."""

import json
import os
import pickle
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import Logger

from vidmask import environment, recipes, runs
from vidmask.checkpoints import Misfit, misfit, misfit_lines, shapes_of
from vidmask.cli.errors import Mistake
from vidmask.data.identity import check_identity
from vidmask.loggers import MetricsJsonl, RunTensorBoard
from vidmask.runs import RunOptions

UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    OSError,
    RuntimeError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)
"""What reading a file raises that holds no checkpoint."""

UNTRAINED = "untrained"
"""In place of a checkpoint: the model as it is before training."""

NAMED = 5
"""How many weights of a kind are named where a checkpoint does not fit."""

SHARED_FOLDER = "VIDMASK_RUN_FOLDER"
"""Environment variable by which the first process tells those it starts where the run is filed."""


class Filing:
    """The place of one call of ``fit``, ``validate``, ``test`` or ``predict`` among the runs.

    Training goes on in the folder of the checkpoint that it starts from, if that lies in a run's folder, and
    else into a new one. The other verbs file what they find in a folder of their name inside.

    Args:
        verb: The verb.
        configs: The recipes that were given.
        options: Where runs are filed.
        ckpt_path: A file, ``last`` for the newest checkpoint of the recipe's latest run, ``untrained`` for
            random weights, which a trained model is compared with, or None.
        config: The resolved configuration.
        rank: Which of the run's processes this is; only the first one writes.

    Raises:
        Mistake: If there is no such checkpoint, its run was begun with other settings, or none is given
            where one is to be scored.
        FileNotFoundError: If ``last`` was asked for, and there is none.
    """

    def __init__(
        self,
        verb: str,
        configs: Sequence[Path],
        options: RunOptions,
        ckpt_path: str | None,
        config: Mapping[str, Any],
        rank: int = 0,
    ) -> None:
        self.verb = verb
        self.configs = configs
        self.options = options
        self.config = config
        self.rank = rank
        self.root = runs.root_folder(options.root)
        self.recipe = _recipe_name(configs)
        self.checkpoint = self._find(ckpt_path)
        self.num_steps_before: int | None = None
        self._begun = None if self.checkpoint is None else runs.folder_of(self.checkpoint)
        self._json: MetricsJsonl | None = None
        if self.checkpoint is not None:
            num_steps, self._shapes = _read(self.checkpoint)
            if self._begun is not None:
                self._check_unchanged(self._begun)
                self.num_steps_before = num_steps if verb == "fit" else None

    def open(self) -> Path:
        """Return the folder to write to; a new one is made by the first process alone."""
        if self.rank != 0 and self._begun is None:
            # Processes that the first one started are told; those that a cluster started agree in LatestRun.
            self.folder = Path(os.environ.get(SHARED_FOLDER, self.root))
            return self.folder
        run = self._begun or runs.new_folder(self.root, self.recipe, self.options.name)
        self.folder = run if self.verb == "fit" else run / self.verb
        self.folder.mkdir(exist_ok=True)
        os.environ[SHARED_FOLDER] = str(self.folder)
        return self.folder

    @property
    def checkpoints(self) -> Path:
        """Return where the run's checkpoints are, absolute: Lightning compares the text."""
        run = self.folder if self.verb == "fit" else self.folder.parent
        return (run / runs.CHECKPOINTS).resolve()

    def announce(self) -> str:
        """Return where the run is filed and from where it starts, in words."""
        if self.num_steps_before is not None:
            return f"{self.verb}: going on after step {self.num_steps_before} in {self.folder}"
        if self.checkpoint is not None and self._begun is None:
            return (
                f"{self.verb}: {self.checkpoint} lies in no run's folder, so this is a new one, {self.folder}"
            )
        untrained = self.verb != "fit" and self.checkpoint is None
        return f"{self.verb}: {'random weights, ' if untrained else ''}{self.folder}"

    def close(self) -> None:
        """Remove the folder again if nothing was written to it, and that of a new run around it."""
        if self.rank != 0 or any(self.folder.iterdir()):
            return
        self.folder.rmdir()
        if self.verb != "fit" and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def loggers(self, others: Sequence[Logger] = ()) -> list[Logger]:
        """Return TensorBoard's and the JSON logger for the folder, then the user's own."""
        self._json = MetricsJsonl(self.folder)
        return [RunTensorBoard(self.folder, self.num_steps_before), self._json, *others]

    def check_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Compare a model's weights with the checkpoint's, before anything is written.

        Raises:
            Mistake: If they are not of the same names and shapes.
        """
        if self.checkpoint is None:
            return
        ours = shapes_of(weights)
        wrong = misfit(ours, self._shapes)
        if wrong.names:
            raise Mistake(
                f"{self.checkpoint} does not fit the model: {len(wrong.names)} of its weights are others",
                *misfit_lines(ours, self._shapes, NAMED),
                _advice(wrong),
            )

    def check_data(self, data: Mapping[str, Any]) -> None:
        """Compare the training videos with those of the run's beginning, before anything is written.

        Args:
            data: What ``identity`` says of them; empty where they are not made yet.

        Raises:
            ValueError: If they are others and the user has not agreed to a change.
        """
        earlier = self._begun and json.loads((self._begun / runs.ENVIRONMENT).read_text(encoding="utf-8"))
        known = (earlier or {}).get("data")
        if self.verb == "fit" and data and known and not self.options.allow_config_change:
            check_identity(data, known)

    def write_records(
        self, command: Sequence[str], seed: int | bool, data: Mapping[str, Any] | None = None
    ) -> None:
        """Write the configuration, the recipes and the environment; a resumed run adds to the first's.

        Args:
            command: The words after ``vidmask``.
            seed: The run's seed.
            data: What ``identity`` says of the training videos.
        """
        if self.rank != 0:
            return
        record = {
            "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "command": ["vidmask", *command],
            "seed": seed,
            **({"data": data} if data else {}),
            **environment.describe(),
        }
        path = self.folder / runs.ENVIRONMENT
        if self.num_steps_before is not None:
            seconds = runs.cut_metrics(self.folder, self.num_steps_before)
            if self._json is not None:
                self._json.go_on(seconds)
            first = json.loads(path.read_text(encoding="utf-8"))
            resumed = {"from_step": self.num_steps_before, "checkpoint": str(self.checkpoint), **record}
            record = {**first, "resumed": [*first.get("resumed", []), resumed]}
        else:
            record = {"recipe": self.recipe, **record}
        runs.write_config(self.folder, self.config)
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        copies = self.folder / recipes.COPIES
        copies.mkdir(exist_ok=True)
        for config in self.configs:
            if config.resolve() != (self.folder / runs.CONFIG).resolve():
                # With the modules beside it: without them the run could not be built again.
                for file, name in {config: config.name, **recipes.modules_beside(config)}.items():
                    (copies / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, copies / name)

    def _find(self, ckpt_path: str | None) -> Path | None:
        if ckpt_path is None and self.verb != "fit":
            raise Mistake(
                f"{self.verb} is for a trained model, and no checkpoint is given",
                "--ckpt_path takes a file, 'last' for the newest of the recipe's latest run, or 'untrained' "
                "for random weights",
            )
        if ckpt_path == UNTRAINED and self.verb == "fit":
            raise Mistake("--ckpt_path untrained is what fit does without --ckpt_path: leave it out")
        if ckpt_path in (None, UNTRAINED):
            return None
        if ckpt_path == "last":
            return runs.last_checkpoint(self.root, self.recipe)
        if not Path(ckpt_path).is_file():
            raise Mistake(
                f"no checkpoint {ckpt_path!r}",
                "--ckpt_path takes a file, or 'last' for the newest of the recipe's latest run",
            )
        return Path(ckpt_path)

    def _check_unchanged(self, folder: Path) -> None:
        changed = runs.changed_settings(runs.read_config(folder), self.config)
        if self.verb != "fit":
            # What is scored may be other data; what scores it is the model that was trained.
            changed = {name: values for name, values in changed.items() if name.startswith("model.")}
        if not changed or self.options.allow_config_change:
            return
        lines = [f"{name}: {old} → {new}" for name, (old, new) in changed.items()]
        if len(lines) > 3:
            lines = [*lines[:2], f"and {len(lines) - 2} more: {', '.join([*changed][2:])}"]
        raise Mistake(
            f"the run in {folder} was begun with other settings:",
            *lines,
            "give those again, or say --run.allow_config_change true",
        )


def with_recipes(words: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Replace the names of recipes by their paths, and ``--data.root`` by what it is short for.

    A checkpoint of a run's folder that is given without a recipe brings that run's configuration.

    Args:
        words: The verb and what follows it.

    Returns:
        The words with paths, and the paths.

    Raises:
        FileNotFoundError: If there is no such recipe.
    """
    args, configs, checkpoint = [words[0]], [], None
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if name == "--data.root":
            # Whatever the source is: the one setting that everybody has to give.
            word = f"--data.source.init_args.root{equals}{value}"
        if name in ("--config", "-c"):
            value = value if equals else next(rest, "")
            if not value or value.startswith("--"):
                raise Mistake("--config takes a recipe, and none is given", f"shipped are {_listed()}")
            path = recipes.find(value)
            configs.append(path)
            args += ["--config", str(path)]
            continue
        args.append(word)
        if name == "--ckpt_path":
            if not equals:
                value = next(rest, "")
                args.append(value)
            checkpoint = Path(value)
    folder = runs.folder_of(checkpoint) if checkpoint is not None and not configs else None
    if folder is not None:
        configs.append(folder / runs.CONFIG)
        args[1:1] = ["--config", str(folder / runs.CONFIG)]
    return args, configs


def _advice(wrong: Misfit) -> str:
    """Return which setting would make a checkpoint fit, where the names of what differs show it."""

    def all_like(pattern: str, names: Sequence[str] = wrong.names) -> bool:
        return all(re.search(pattern, name) for name in names)

    turned = all_like(r"^classifier\.", wrong.missing) and all_like(r"^objective\.", wrong.left_over)
    if wrong.missing and wrong.left_over and turned:
        return "an encoder that was pre-trained goes in as --model.encoder_checkpoint, not as --ckpt_path"
    if all_like(r"(^|\.)(cls_|positions\.)"):
        if not wrong.missing and not wrong.left_over:
            setting = "model.encoder.frames and model.encoder.size"
        else:
            setting = "model.encoder.class_token and model.encoder.positions"
    elif all_like(r"^classifier\.heads\."):
        setting = "model.classes"
    elif all_like(r"^(objective|classifier)\.encoder\.blocks\.") and not wrong.misshaped:
        setting = "model.encoder.depth"
    else:
        return "give the settings of the model that the checkpoint was made with"
    return f"set {setting} to what the checkpoint was made with"


def _recipe_name(configs: Sequence[Path]) -> str:
    if not configs:
        return "unnamed"
    record = configs[0].parent / runs.ENVIRONMENT
    if configs[0].name == runs.CONFIG and record.is_file():
        return json.loads(record.read_text(encoding="utf-8"))["recipe"]
    return recipes.short_name(configs[0])


def _listed() -> str:
    return ", ".join(recipes.names())


def _read(path: Path) -> tuple[int, dict[str, tuple[int, ...]]]:
    """Return the steps that a checkpoint comes after, and the shape of each of its weights."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        weights = checkpoint["state_dict"]
        return checkpoint["global_step"], shapes_of(weights)
    except UNREADABLE as error:
        raise Mistake(
            f"{path} is no checkpoint of a training run, or a damaged one: {type(error).__name__}",
            "--ckpt_path takes a file of a run's checkpoints folder, or 'last'",
        ) from error
