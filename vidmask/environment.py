"""What a run was made with: versions, code and hardware."""

import importlib.metadata
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import torch

import vidmask

PACKAGES = (
    "av",
    "einops",
    "jsonargparse",
    "lightning",
    "numpy",
    "omegaconf",
    "pytorchvideo",
    "safetensors",
    "taming-transformers",
    "tensorboard",
    "timm",
    "torch",
    "torchcodec",
    "torchmetrics",
    "torchvision",
)


def describe() -> dict[str, Any]:
    """Return versions of Python and packages, the commit of the working directory, and the hardware.

    No name of a machine or a user is among them.
    """
    return {
        "vidmask": vidmask.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "git": _git(),
        "hardware": {
            "cpu": _cpu(),
            "cores": torch.get_num_threads(),
            "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        },
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    commit = _git_output("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "uncommitted_changes": bool(_git_output("status", "--porcelain"))}


def _git_output(*args: str) -> str | None:
    try:
        done = subprocess.run(["git", *args], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8")) if info.is_file() else None
    return model[1] if model else platform.processor()
