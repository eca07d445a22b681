"""A pre-trained encoder as the start of another run, or a plain word on why it does not fit."""

import hashlib
import math
import pickle
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vidmask.checkpoints import build_encoder, misfit, misfit_lines, read_encoder_file, shapes_of
from vidmask.models.position_resampling import resampled_positions
from vidmask.models.vit import VideoViT

# Of a run's checkpoint: the encoder of pre-training, and of a classifier.
_PREFIXES = ("objective.encoder.", "classifier.encoder.")
_NAMED = 3


class PretrainedEncoder(NamedTuple):
    """The encoder in a file.

    Attributes:
        path: The file.
        sha256: Hash of its bytes, in hexadecimal.
        weights: Its weights by name.
        config: ``class_path`` and ``init_args`` of the encoder.
    """

    path: str
    sha256: str
    weights: dict[str, Tensor]
    config: Mapping[str, Any]


def read_pretrained(path: str | PathLike[str]) -> PretrainedEncoder:
    """Read the encoder of a run: its ``encoder.safetensors``, or a checkpoint of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no encoder of vidmask, or does not tell how it was made.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is a folder; give its encoder.safetensors" if path.is_dir() else "there is no such file"
        raise FileNotFoundError(f"no encoder in {path}: {what}")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if path.suffix == ".safetensors":
        config, weights = read_encoder_file(path)
        return PretrainedEncoder(str(path), sha256, weights, config)
    weights, config = _read_checkpoint(path)
    return PretrainedEncoder(str(path), sha256, weights, config)


def load_pretrained(
    encoder: VideoViT,
    found: PretrainedEncoder,
    *,
    interpolate_positions: bool = False,
    leave_out: Sequence[str] = (),
) -> None:
    """Give an encoder the weights of a file, all of them or none.

    Fixed positions are no weights: an encoder of another number of frames or another size computes its own.

    Args:
        encoder: The encoder; it is changed.
        found: What the file holds.
        interpolate_positions: Whether learned positions of another token grid are resampled to the encoder's.
        leave_out: Beginnings of names whose weights stay as they are in the encoder, such as ``positions``.

    Raises:
        ValueError: If the two do not fit: it names what is missing, left over or of another shape, and which
            option would make it fit.
    """
    weights = dict(found.weights)
    with torch.device("meta"):
        theirs = build_encoder(found.config)
    _check_settings(found.path, theirs, encoder)
    if interpolate_positions and theirs.position_kind == "separable" and theirs.grid != encoder.grid:
        weights = resampled_positions(weights, theirs.grid, encoder.grid)
    ours = encoder.state_dict()
    for beginning in leave_out:
        if not any(name.startswith(beginning) for name in ours):
            raise ValueError(f"leave_out names {beginning!r}, but no weight of the encoder begins so")
    kept = {name for name in ours if name.startswith(tuple(leave_out))} if leave_out else set()
    taken = {name: value for name, value in weights.items() if not name.startswith(tuple(leave_out) or "\0")}
    replaced = {name: value for name, value in ours.items() if name not in kept}
    _check_fit(found.path, shapes_of(replaced), shapes_of(taken))
    encoder.load_state_dict({name: ours[name] for name in kept} | taken)


def _check_settings(path: str, theirs: VideoViT, ours: VideoViT) -> None:
    """Refuse what no weight's shape would show.

    Raises:
        ValueError: That an encoder of other settings would compute something else with the same weights.
    """
    settings = {
        "num_heads": lambda encoder: encoder.blocks[0].attn.num_heads,
        "positions": lambda encoder: encoder.position_kind,
        "norm_eps": lambda encoder: encoder.norm_eps,
        "mean": lambda encoder: encoder.pixel_mean,
        "std": lambda encoder: encoder.pixel_std,
    }
    wrong = []
    for name, value in settings.items():
        before, now = value(theirs), value(ours)
        equal = all(map(math.isclose, before, now)) if isinstance(now, tuple) else before == now
        if not equal:
            wrong.append(f"{name} {before} in the file, {now} in the encoder")
    if wrong:
        raise ValueError(
            f"{path} does not fit the encoder: {'; '.join(wrong)}: set model.encoder to the file's"
        )


def _check_fit(path: str, ours: Mapping[str, tuple[int, ...]], theirs: Mapping[str, tuple[int, ...]]) -> None:
    wrong, missing, left_over, misshaped = misfit(ours, theirs)
    if not wrong:
        return
    told = misfit_lines(ours, theirs, _NAMED)
    raise ValueError(
        f"{path} does not fit the encoder\n" + "\n".join([*told, _advice(missing, left_over, misshaped)])
    )


def _advice(missing: Sequence[str], left_over: Sequence[str], misshaped: Sequence[str]) -> str:
    wrong = [*missing, *left_over, *misshaped]
    if all(name.startswith("positions.") for name in misshaped) and not missing and not left_over:
        return "learned positions of another grid: model.interpolate_positions true resamples them"
    if all(name.startswith(("cls_", "positions.")) for name in wrong):
        return "set model.encoder.class_token and model.encoder.positions to the file's"
    return "set model.encoder to the file's, or name what is to be left as it is in model.encoder_leave_out"


def _read_checkpoint(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        weights = checkpoint["state_dict"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no encoder of vidmask: give the encoder.safetensors of a run, or a checkpoint of its "
            f"checkpoints folder ({type(error).__name__})"
        ) from error
    prefix = next((each for each in _PREFIXES if any(name.startswith(each) for name in weights)), None)
    if prefix is None:
        raise ValueError(
            f"{path} is no checkpoint of an encoder: none of its weights is one of {_PREFIXES[0]}"
        )
    found = {
        name.removeprefix(prefix): value.clone() for name, value in weights.items() if name.startswith(prefix)
    }
    # A module that was built from Python tells no class path: it has saved what its encoder was made with.
    told = (checkpoint.get("hyper_parameters", {}).get("encoder"), checkpoint.get("encoder"))
    config = next((each for each in told if isinstance(each, Mapping) and "class_path" in each), None)
    if config is None:
        raise ValueError(
            f"{path} does not tell which heads, positions and pixel statistics its encoder has (an earlier "
            "version wrote it, for a module built in Python): give an encoder.safetensors, which "
            "vidmask.checkpoints.save_encoder writes"
        )
    return found, config
