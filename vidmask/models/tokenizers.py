"""Where a frozen tokenizer comes from: what is known of it beforehand, and its weights when needed."""

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

from vidmask.models.dvae import DVAE, MODEL_TYPE, POOLED, check_transformers, read_dvae_settings
from vidmask.models.vqgan import VQGAN, load_weights, pixels_per_code, read_settings


class Tokenizer(ABC):
    """A VQGAN, or another model that codes images, that is known by its settings until it is asked for.

    A model is built, on the meta device too, without any weights of its tokenizer. One that is no VQGAN
    overrides ``num_codes`` and ``factor`` too; what it loads has both, and ``encode`` from images in [0, 1]
    to one code for each ``factor`` × ``factor`` pixels.

    Attributes:
        settings: The arguments of ``VQGAN``, or of what else is loaded.
        has_decoder: Whether what is loaded has ``decode`` too, from codes to images.

    Args:
        settings: The same; what ``VQGAN`` has and is missing has its default.
    """

    has_decoder: bool = True

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
    def load(self) -> tuple[VQGAN | DVAE, str]:
        """Return the model with its weights, and the SHA-256 of their file."""


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


class FlavaCodebook(Tokenizer):
    """The dVAE of DALL-E in the files that transformers publishes: ``facebook/flava-image-codebook``.

    8192 codes, one for each 8×8 pixels. Nothing is fetched: the files lie in a local folder. It codes images
    and has no decoder, so that there is no picture of what its codes stand for.

    Args:
        path: The folder with ``config.json`` and ``model.safetensors`` (or ``pytorch_model.bin``), or the
            file of weights in it.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If the config describes another model.

    Source: BEiT (arXiv 2106.08254) and BEVT (arXiv 2112.01529), whose targets are the codes of this dVAE.
    """

    has_decoder = False

    def __init__(self, path: str | PathLike[str]) -> None:
        path = Path(path).expanduser()
        names = ("model.safetensors", "pytorch_model.bin")
        files = [path / name for name in names] if path.is_dir() else [path]
        self.weights = next((file for file in files if file.is_file()), files[0])
        config = self.weights.parent / "config.json"
        for file in (self.weights, config):
            if not file.is_file():
                raise FileNotFoundError(
                    f"no file {file}: the dVAE of FLAVA is the config.json and the model.safetensors of "
                    "facebook/flava-image-codebook"
                )
        self.settings = read_dvae_settings(config)

    @property
    def num_codes(self) -> int:
        """Return the size of the codebook."""
        return self.settings["vocab_size"]

    @property
    def factor(self) -> int:
        """Return how many pixels a side of one code stands for."""
        return 2**POOLED

    def prepare(self) -> None:
        """Make sure that transformers is installed.

        Raises:
            ValueError: That it is not.
        """
        check_transformers()

    def load(self) -> tuple[DVAE, str]:
        """Return the dVAE with its weights, and the SHA-256 of their file.

        Raises:
            ValueError: If transformers is not installed, or the file does not hold the weights of the config.
        """
        with torch.random.fork_rng(devices=[]):
            dvae = DVAE(self.settings)
        weights = read_weights(self.weights)
        own = dvae.codebook.state_dict()
        wrong = sorted(
            name
            for name in {**own, **weights}
            if name not in own or name not in weights or own[name].shape != weights[name].shape
        )
        if wrong:
            raise ValueError(
                f"{self.weights} does not hold the weights of this {MODEL_TYPE}: {len(wrong)} are missing, "
                f"not expected or of another shape, the first is {wrong[0]}"
            )
        dvae.codebook.load_state_dict(weights)
        return dvae, file_hash(self.weights)


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
