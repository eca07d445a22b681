"""Where runs and sweeps lie below a folder."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vidmask import runs

PLAN = "plan.json"
RECORD = "record.json"

ACCEPTED = (
    "give a run's folder (runs/quickstart/mae_st/latest), a sweep's (runs/sweeps/<name>), or one above these"
)


@dataclass(frozen=True)
class Folders:
    """What was found, each once, in the order in which it was given.

    Attributes:
        sweeps: Folders with a plan.
        recorded: Folders of single runs of sweeps that were not given whole.
        bare: Folders of runs of no sweep.
    """

    sweeps: list[Path] = field(default_factory=list)
    recorded: list[Path] = field(default_factory=list)
    bare: list[Path] = field(default_factory=list)


def find(paths: Iterable[str | os.PathLike[str]]) -> Folders:
    """Find all runs and sweeps below some folders; links inside of them are not followed.

    Args:
        paths: Folders.

    Raises:
        ValueError: If one is no folder, or holds no run.
    """
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        if not path.is_dir():
            raise ValueError(f"{path} is no folder: {ACCEPTED}")
        folder = path.resolve()
        if _is_run(folder.parent) and folder.name in ("test", "validate", "predict"):
            raise ValueError(f"{path} lies inside of a run: give that run's folder, {folder.parent}")
        below = list(_below(folder))
        if not below:
            raise ValueError(f"{path} holds no run: {ACCEPTED}")
        found |= dict.fromkeys(below)
    sweeps = [folder for folder in found if (folder / PLAN).is_file()]
    recorded = [
        folder
        for folder in found
        if folder not in sweeps and (folder / RECORD).is_file() and folder.parent not in sweeps
    ]
    whole = {*sweeps, *recorded}
    bare = [folder for folder in found if folder not in whole and not whole & {*folder.parents}]
    return Folders(sweeps, recorded, [folder for folder in bare if not (folder / RECORD).is_file()])


def _below(folder: Path) -> Iterator[Path]:
    if (folder / PLAN).is_file() or (folder / RECORD).is_file() or _is_run(folder):
        yield folder
        return
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.is_symlink():
            yield from _below(child)


def _is_run(folder: Path) -> bool:
    return (folder / runs.CONFIG).is_file() and (folder / runs.ENVIRONMENT).is_file()
