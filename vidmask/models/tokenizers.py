"""Where a frozen VQGAN comes from: what is known of it beforehand, and its weights when they are needed."""

import argparse
import hashlib
import pickle
from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from vidmask.models.vqgan import VQGAN, load_weights, pixels_per_code, read_settings


class Tokenizer(ABC):
    """A VQGAN that is known by its settings until its weights are asked for.

    A model is built, on the meta device too, without any weights of its tokenizer.

    Attributes:
        settings: The arguments of ``VQGAN``.

    Args:
        settings: The same; what is missing has its default.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        defaults = {name: argument.default for name, argument in signature(VQGAN).parameters.items()}
        self.settings: dict[str, Any] = defaults | dict(settings)

    @property
    def num_codes(self) -> int:
        """Return the size of the codebook."""
        return self.settings["num_codes"]

    @property
    def factor(self) -> int:
        """Return how many pixels a side of one code stands for."""
        return pixels_per_code(self.settings["ch_mult"])

    def prepare(self) -> None:  # noqa: B027 - files that are there need nothing
        """Make sure that the weights are there; called by one process of each machine, before ``load``."""

    @abstractmethod
    def load(self) -> tuple[VQGAN, str]:
        """Return the VQGAN with its weights, and the SHA-256 of their file."""


class PublishedVQGAN(Tokenizer):
    """A VQGAN in the files that taming-transformers publishes, such as ``vqgan_imagenet_f16_1024``.

    Args:
        config: The YAML file published with the checkpoint.
        checkpoint: The checkpoint (``.ckpt``), or its weights as ``.safetensors``.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If the config describes no VQGAN.
    """

    def __init__(self, config: str | PathLike[str], checkpoint: str | PathLike[str]) -> None:
        for path in (config, checkpoint):
            if not Path(path).is_file():
                raise FileNotFoundError(
                    f"no file {path}: a VQGAN of taming-transformers is its config (.yaml) and its "
                    "checkpoint (.ckpt or .safetensors)"
                )
        super().__init__(read_settings(Path(config)))
        self.checkpoint = Path(checkpoint)

    def load(self) -> tuple[VQGAN, str]:
        """Return the VQGAN with its weights, and the SHA-256 of their file.

        Raises:
            ValueError: If the file holds anything but weights, or not those of the config.
        """
        vqgan = VQGAN(**self.settings)
        load_weights(vqgan, read_weights(self.checkpoint), self.checkpoint)
        return vqgan, file_hash(self.checkpoint)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a checkpoint; nothing in the file is run.

    Raises:
        ValueError: If the file holds anything that would have to be run, or no weights.
    """
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        # Published checkpoints hold the arguments of the script that made them.
        with torch.serialization.safe_globals([argparse.Namespace]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{path} holds more than weights, and loading it could run anything: save its state_dict as "
            f".safetensors on a machine where you trust it ({reason})"
        ) from error
    weights = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"{path} holds no weights: neither a state_dict nor a checkpoint with one")
    return weights


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
