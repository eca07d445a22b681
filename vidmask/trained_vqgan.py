"""A tokenizer that is trained on first use and kept: for where no published one can be had."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from safetensors import safe_open
from safetensors.torch import save_file

from vidmask import recipes
from vidmask.data.moving_shapes.generation import GENERATOR_VERSION, cache_folder
from vidmask.models.tokenizers import Tokenizer, file_hash, read_weights
from vidmask.models.vqgan import VQGAN, load_weights

FILE = "vqgan.safetensors"
"""Name of the VQGAN's file in the folder of the run that trained it."""
FORMAT = "vidmask.vqgan.2"

# Raised by every change of the training that gives other weights: old caches are then left alone.
TRAINING_VERSION = 1

# What a process group and a cluster tell their members: the training of a tokenizer is none of them.
_GROUP = (
    *("LOCAL_RANK", "RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_", "TORCHELASTIC_"),
    *("SLURM_", "OMPI_", "PMI_", "JSM_", "LSB_", "VIDMASK_RUN_FOLDER", "PL_GLOBAL_SEED"),
)


class TrainedVQGAN(Tokenizer):
    """A VQGAN that a recipe of its own trains the first time it is needed, and that is kept in the cache.

    It lies in ``$VIDMASK_CACHE`` (``~/.cache/vidmask`` if that is not set), under a name made of the recipe
    with all its parts, so that a changed recipe gives another one. One process of each machine trains it,
    and others that need it wait.

    Args:
        recipe: The recipe, by short name or path; its model is a ``TokenizerTraining``.

    Raises:
        FileNotFoundError: If there is no such recipe.
        ValueError: If its model trains no VQGAN.
    """

    def __init__(self, recipe: str = "quickstart/tokenizer") -> None:
        self.recipe = recipe
        path = recipes.find(recipe)
        content = resolved(path)
        try:
            arguments = content["model"]["init_args"]["vqgan"]["init_args"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} trains no VQGAN: model.init_args.vqgan.init_args is missing") from error
        super().__init__(arguments or {})
        with_version = json.dumps([content, GENERATOR_VERSION, TRAINING_VERSION], sort_keys=True)
        digest = hashlib.sha256(with_version.encode()).hexdigest()[:16]
        self.folder = cache_folder() / "tokenizers" / f"{path.stem}-{digest}"

    def prepare(self) -> None:
        """Train the VQGAN if it is not in the cache.

        Raises:
            RuntimeError: If its training fails; what it printed stands above.
        """
        if (self.folder / FILE).is_file():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder / "lock"):
            if not (self.folder / FILE).is_file():
                self._train()

    def load(self) -> tuple[VQGAN, str]:
        """Return the VQGAN with its weights, and the SHA-256 of their file.

        Raises:
            FileNotFoundError: If it has not been trained.
        """
        path = self.folder / FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"no tokenizer in {path}: vidmask fit trains it, or prepare() from Python"
            )
        return load_vqgan(path), file_hash(path)

    def _train(self) -> None:
        print(
            f"tokenizer: {self.recipe} is not in the cache, so it is trained first, into {self.folder}",
            flush=True,
        )
        runs = self.folder / "runs"
        shutil.rmtree(runs, ignore_errors=True)
        command = [sys.executable, "-m", "vidmask", "fit", "--config", str(recipes.find(self.recipe))]
        command += ["--run.root", str(runs), "--run.name", "run"]
        command += ["--trainer.devices", "1", "--trainer.num_nodes", "1"]
        # It has the seed of its own recipe, so that it is the same for every run that uses it.
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith(_GROUP)}
        code = subprocess.run(command, env=surroundings, check=False).returncode
        found = list(runs.rglob(FILE))
        if code != 0 or not found:
            raise RuntimeError(f"training the tokenizer ended with exit code {code}: {' '.join(command[1:])}")
        shutil.copy2(found[0], self.folder / f".{FILE}")
        (self.folder / f".{FILE}").replace(self.folder / FILE)
        print(f"tokenizer: kept in {self.folder / FILE}{self._use_of_codes(found[0].parent)}", flush=True)

    def _use_of_codes(self, run: Path) -> str:
        """Return what the run's validation said of the codes in use; nothing where there was none."""
        lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        measured = [value for line in lines if (value := json.loads(line).get("val/perplexity")) is not None]
        if not measured:
            return ""
        told = f"; perplexity {measured[-1]:.0f} of {self.num_codes} codes"
        few = measured[-1] < self.num_codes / 2
        return f"{told}: less than half, so that they say little" if few else told


def save_vqgan(path: Path, vqgan: VQGAN) -> None:
    """Write a VQGAN with its settings in the file's metadata."""
    weights = {name: weight.detach().cpu().contiguous() for name, weight in vqgan.state_dict().items()}
    # One entry: the order of several is left to chance, and the file's hash with it.
    save_file(weights, path, metadata={"vidmask": json.dumps({"format": FORMAT, "vqgan": vqgan.settings})})


def load_vqgan(path: Path) -> VQGAN:
    """Build the VQGAN of a file that ``save_vqgan`` wrote, with its weights.

    Raises:
        ValueError: If the file holds no VQGAN of vidmask.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    metadata = json.loads(metadata["vidmask"]) if "vidmask" in metadata else metadata
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} is no VQGAN of vidmask: its format is {metadata.get('format')}, not {FORMAT}"
        )
    vqgan = VQGAN(**metadata["vqgan"])
    load_weights(vqgan, read_weights(path), path)
    return vqgan


def resolved(path: Path) -> dict[str, Any]:
    """Return a recipe's content with its parts in the places where their paths stand."""

    def inline(value: Any, folder: Path) -> Any:
        if isinstance(value, dict):
            return {name: inline(item, folder) for name, item in value.items()}
        if isinstance(value, list):
            return [inline(item, folder) for item in value]
        if isinstance(value, str) and value.endswith(recipes.SUFFIXES) and (folder / value).is_file():
            return read(folder / value)
        return value

    def read(file: Path) -> Any:
        return inline(OmegaConf.to_container(OmegaConf.load(file)), file.parent)

    return read(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
