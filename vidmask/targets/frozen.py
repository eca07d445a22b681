"""A teacher that was trained before, and is left as it is."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from vidmask.checkpoints import build_encoder, load_encoder
from vidmask.models.tokenizers import file_hash
from vidmask.models.vit import VideoViT
from vidmask.targets.file_identity import FileIdentity
from vidmask.targets.teacher import Teacher


class FrozenTeacher(Teacher):
    """The encoder in a file, such as ``encoder.safetensors`` of a run.

    It may be wider or deeper than the encoder that is trained. Until its weights are needed only the head of
    the file is read, which tells its settings. It is no part of the model: it is not trained, stays in
    evaluation mode, its weights in float32 (in mixed precision it computes as the model does), and is not in
    checkpoints, where the hash of its file stands.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no encoder of vidmask.

    Source: MVD (arXiv 2212.04500), section 3, which has two of them, one trained on images and one on videos.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__()
        self.path = Path(path).expanduser()
        with torch.device("meta"):
            outline = build_encoder(_read_config(self.path))
        # In tuples, so that they are no submodules: not trained, not saved, not put into training mode.
        self._outline = (outline,)
        self._loaded: tuple[VideoViT] | None = None
        self._identity = FileIdentity("teacher_sha256", "teacher")

    def load(self) -> None:
        """Read the weights.

        Raises:
            ValueError: If they do not fit, or the checkpoint of the model was made with another teacher.
        """
        if self._loaded is None:
            # What a new encoder draws and then drops must not move what else is random in the run.
            with torch.random.fork_rng(devices=[]):
                encoder = load_encoder(self.path)
            self._loaded = (encoder.float().requires_grad_(False),)
            self._identity.note(file_hash(self.path))

    def outline(self) -> VideoViT:
        """Return an encoder of the file's settings, on the meta device."""
        return self._outline[0]

    def encoder(self, device: torch.device) -> VideoViT:
        """Return the teacher on a device."""
        if self._loaded is None:
            self.load()
        assert self._loaded is not None
        (encoder,) = self._loaded
        if encoder.mean.device != device:
            encoder.to(device)
        return encoder

    def get_extra_state(self) -> dict[str, Any]:
        """Return the hash of the teacher's file, which goes into checkpoints in place of its weights."""
        return self._identity.state()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Note the hash that a checkpoint asks for.

        Raises:
            ValueError: If the teacher is loaded and is another.
        """
        self._identity.restore(state)


def _read_config(path: Path) -> dict[str, Any]:
    """Return class path and arguments of the encoder in a file, without its weights.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no encoder of vidmask.
    """
    if not path.is_file():
        what = "is a folder; give its encoder.safetensors" if path.is_dir() else "there is no such file"
        raise FileNotFoundError(f"no teacher in {path}: {what}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error
    if "encoder" not in metadata:
        raise ValueError(f"{path} is no encoder of vidmask: give the encoder.safetensors of a run")
    return json.loads(metadata["encoder"])
