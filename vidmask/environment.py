"""What a run was made with: versions, code and hardware."""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import torch

import vidmask

PACKAGE = Path(vidmask.__file__).parent

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
    """Return versions of Python and packages, commits, and the hardware.

    The commit of the working directory is that of the user's own project, where it is one. The package's
    own is known where it runs from a checkout. No name of a machine or a user is among them.
    """
    return {
        "vidmask": vidmask.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "vidmask_commit": _commit(PACKAGE) if _git(PACKAGE, "ls-files", "__init__.py") else None,
        "working_directory_commit": _commit(Path.cwd()),
        "hardware": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        },
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit(folder: Path) -> dict[str, Any] | None:
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "uncommitted_changes": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *args: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8")) if info.is_file() else None
    return model[1] if model else platform.processor()
