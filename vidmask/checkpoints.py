"""Encoders in files of their own: out of a run, and in again without its recipe."""

import importlib
import inspect
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vidmask.models.vit import VideoViT

# 2: sincos3d positions, which no file holds, have other angles than in 1.
FORMAT = "vidmask.encoder.2"


def save_encoder(path: str | PathLike[str], encoder: VideoViT, config: Mapping[str, Any]) -> None:
    """Write an encoder alone, with what is needed to build it again in the file's metadata.

    Args:
        path: A ``.safetensors`` file.
        encoder: The encoder.
        config: Its ``class_path`` and ``init_args``, as a recipe has them.

    Raises:
        ValueError: If ``config`` names no encoder, or one with other weights than this.
    """
    weights = {name: weight.detach().cpu().contiguous() for name, weight in encoder.state_dict().items()}
    with torch.device("meta"):
        expected = build_encoder(config)
    _check_weights(f"the config of {path}", expected, weights)
    spec = {"class_path": config["class_path"], "init_args": config.get("init_args", {})}
    if type(encoder) is VideoViT and not inspect.isclass(_maker(spec["class_path"])):
        # The function may fetch weights first, as inflated_vit does: the class alone builds it again.
        spec = encoder_record(encoder)
    save_file(weights, path, metadata={"format": FORMAT, "encoder": json.dumps(spec)})


def load_encoder(path: str | PathLike[str]) -> VideoViT:
    """Build the encoder of a file that ``save_encoder`` wrote, with its weights, in evaluation mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another format, or its weights do not fit its config.
    """
    config, weights = read_encoder_file(path)
    encoder = build_encoder(config)
    _check_weights(str(path), encoder, weights)
    encoder.load_state_dict(weights)
    return encoder.eval()


def read_encoder_file(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the config and the weights of a file that ``save_encoder`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another format.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no encoder in {path}: there is no such file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} is no encoder of vidmask: its format is {metadata.get('format')}, not {FORMAT}"
        )
    return json.loads(metadata["encoder"]), weights


def build_encoder(config: Mapping[str, Any]) -> VideoViT:
    """Build an encoder from its ``class_path`` and ``init_args``.

    Only a subclass of VideoViT, or a function that is annotated to return one, is called.

    Raises:
        ValueError: If the class path leads to anything else.
    """
    maker = _maker(config["class_path"])
    # JSON and YAML know lists only; the encoder's sequences are tuples.
    args = config.get("init_args", {})
    encoder = maker(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in args.items()}
    )
    assert isinstance(encoder, VideoViT)
    return encoder


class Misfit(NamedTuple):
    """Names of weights in which two sets of them differ.

    Attributes:
        names: All that differ, those that are expected first.
        missing: What is expected and not there.
        left_over: What is there and not expected.
        misshaped: What is there in another shape.
    """

    names: list[str]
    missing: list[str]
    left_over: list[str]
    misshaped: list[str]


def encoder_record(encoder: VideoViT) -> dict[str, Any]:
    """Return ``class_path`` and ``init_args`` by which a run's checkpoint tells of its encoder.

    A module that was built in Python has no recipe, and no weight's shape shows heads, fixed positions and
    pixel statistics. A subclass is told as the ``VideoViT`` that it is.
    """
    return {"class_path": f"{VideoViT.__module__}.VideoViT", "init_args": encoder.arguments}


def shapes_of(weights: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight by its name; what has none is left out."""
    return {name: tuple(value.shape) for name, value in weights.items() if hasattr(value, "shape")}


def misfit(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> Misfit:
    """Compare the names and shapes of weights; see ``shapes_of``."""
    return Misfit(
        names=[name for name in {**expected, **found} if expected.get(name) != found.get(name)],
        missing=[name for name in expected if name not in found],
        left_over=[name for name in found if name not in expected],
        misshaped=[name for name in found if name in expected and found[name] != expected[name]],
    )


def misfit_lines(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], named: int
) -> list[str]:
    """Return what is missing, left over and of another shape: a line each, so many of its names in it."""
    _, missing, left_over, misshaped = misfit(expected, found)
    shapes = [f"{name} {_shape(found[name])} and not {_shape(expected[name])}" for name in misshaped]
    return [
        f"{len(names)} {what}: {', '.join(names[:named])}"
        f"{f' and {len(names) - named} more' if len(names) > named else ''}"
        for what, names in (("missing", missing), ("left over", left_over), ("of another shape", shapes))
        if names
    ]


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a number"


def _maker(class_path: str) -> Any:
    """Return the class or function of an encoder.

    Raises:
        ValueError: If the class path leads to anything else.
    """
    module, _, name = class_path.rpartition(".")
    try:
        maker: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"no encoder {class_path}: {error}") from error
    made = maker if inspect.isclass(maker) else inspect.get_annotations(maker, eval_str=True).get("return")
    if not (inspect.isclass(made) and issubclass(made, VideoViT)):
        raise ValueError(
            f"{class_path} is no encoder: it is neither a VideoViT nor a function that returns one"
        )
    return maker


def _check_weights(where: str, encoder: VideoViT, weights: Mapping[str, Tensor]) -> None:
    expected, found = shapes_of(encoder.state_dict()), shapes_of(weights)
    wrong = misfit(expected, found).names
    if wrong:
        first = min(wrong)
        raise ValueError(
            f"{where} does not fit the weights: {len(wrong)} differ, the first is {first}, "
            f"{found.get(first, 'absent')} in the weights, {expected.get(first, 'absent')} in the encoder"
        )
