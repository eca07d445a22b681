"""Make the files of MovingShapes: in parallel, each file whole or absent, and finished or continued.

A folder holds ``settings.json`` (what is being made), ``<split>/00000.mp4 …`` and ``<split>/labels.csv``,
and at the end ``manifest.json`` with the size of every file. Only a folder whose files have the sizes of
its manifest counts as complete.
"""

import csv
import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from vidmask.data.moving_shapes.making import Chunk, make_videos
from vidmask.data.moving_shapes.presets import PRESETS
from vidmask.data.moving_shapes.scenes import CLASSES, SPLITS, SplitName, sample_labels
from vidmask.data.processes import processors
from vidmask.data.progress_bar import progress_bar
from vidmask.data.writers import unfinished_path, unfinished_paths

# Raised by every change that moves a pixel, a label or a file: old caches are then left alone.
GENERATOR_VERSION = 3

_CHUNK = 16
_ABANDONED_SECONDS = 3600


def cache_folder() -> Path:
    """Return where made files are kept: ``$VIDMASK_CACHE``, ``~/.cache/vidmask`` if that is not set."""
    return Path(os.environ.get("VIDMASK_CACHE") or "~/.cache/vidmask").expanduser()


@dataclass(frozen=True)
class Settings:
    """What a folder of MovingShapes holds; equal settings give equal videos.

    Raises:
        ValueError: If the preset is unknown, the seed negative or a split empty.
    """

    preset: str
    seed: int
    num_train: int
    num_val: int
    num_test: int
    version: int = GENERATOR_VERSION

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {self.preset!r}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        for split in SPLITS:
            if self.num_videos(split) < 1:
                raise ValueError(f"num_{split} must be 1 or more, got {self.num_videos(split)}")

    @classmethod
    def of(
        cls, preset: str, seed: int, num_train: int | None, num_val: int | None, num_test: int | None
    ) -> "Settings":
        """Fill in the preset's own numbers where None is given."""
        own = PRESETS.get(preset, PRESETS["easy"])
        return cls(
            preset,
            seed,
            own.num_train if num_train is None else num_train,
            own.num_val if num_val is None else num_val,
            own.num_test if num_test is None else num_test,
        )

    @property
    def name(self) -> str:
        """Return a folder name that tells these settings from all others."""
        sizes = "-".join(str(self.num_videos(split)) for split in SPLITS)
        return f"moving-shapes-{self.preset}-{sizes}-seed{self.seed}-v{self.version}"

    def num_videos(self, split: SplitName) -> int:
        """Return the number of videos of a split."""
        return {"train": self.num_train, "val": self.num_val, "test": self.num_test}[split]


def read_settings(folder: Path) -> Settings | None:
    """Return what a folder of MovingShapes holds, or None if it is absent or empty.

    Raises:
        ValueError: If the folder holds something else, or was made by another version.
    """
    path = folder / "settings.json"
    if not path.is_file():
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file: give a folder")
        others = folder.is_dir() and set(folder.iterdir()) - set(unfinished_paths(folder))
        # Asked again: another process writes the settings before anything else, and may just have begun.
        if others and not path.is_file():
            raise ValueError(f"{folder} is not empty and holds no MovingShapes: give a new or empty folder")
        if not others:
            return None
    try:
        found = json.loads(path.read_text())
        settings = Settings(**found)
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as the settings of MovingShapes: {error}") from error
    if settings.version != GENERATOR_VERSION:
        raise ValueError(
            f"{folder} was made by version {settings.version} of the generator, this is version "
            f"{GENERATOR_VERSION}: give another folder"
        )
    return settings


def synthesize(
    out: str | Path,
    preset: str = "easy",
    seed: int = 0,
    *,
    num_train: int | None = None,
    num_val: int | None = None,
    num_test: int | None = None,
    num_workers: int | None = None,
) -> bool:
    """Make a folder of MovingShapes, or finish one that was interrupted; leave a complete one alone.

    Several processes may work on one folder at once: they share the work and cannot harm each other's.

    Args:
        out: The folder: new, empty, or begun with the same settings.
        preset: How hard the videos are.
        seed: Every video is a function of the seed, its split and its index.
        num_train: Videos in the training split. None takes the preset's number; a smaller split is the
            beginning of a larger one.
        num_val: Videos in the validation split.
        num_test: Videos in the test split.
        num_workers: Processes that draw and encode. None takes one for each processor, 0 none but this.

    Returns:
        Whether anything had to be made.

    Raises:
        ValueError: If a number is out of range or the folder holds something else.
    """
    folder = Path(out).expanduser()
    settings = Settings.of(preset, seed, num_train, num_val, num_test)
    if num_workers is not None and num_workers < 0:
        raise ValueError(f"num_workers must be 0 or more, got {num_workers}")
    found = read_settings(folder)
    if found is not None and found != settings:
        different = [
            field.name
            for field in fields(Settings)
            if getattr(found, field.name) != getattr(settings, field.name)
        ]
        raise ValueError(
            f"{folder} holds MovingShapes with "
            + ", ".join(
                f"{name} {getattr(found, name)} where {getattr(settings, name)} was asked"
                for name in different
            )
            + ": give another folder"
        )
    if is_complete(folder):
        return False
    _discard_damaged(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {folder}: {error.strerror}") from error
    # First of all, so that another process, or the next one, knows the folder for what it is.
    _write_text(folder / "settings.json", json.dumps(asdict(settings), indent=1))
    for split in SPLITS:
        (folder / split).mkdir(exist_ok=True)
        _write_text(folder / split / "labels.csv", _labels_table(settings, split))
    _make_videos(folder, settings, processors() if num_workers is None else num_workers)
    _discard_abandoned(folder)
    sizes = {name: (folder / name).stat().st_size for name in _file_names(settings)}
    _write_text(folder / "manifest.json", json.dumps({"bytes": sizes}))
    return True


def is_complete(folder: Path) -> bool:
    """Tell whether every file of a folder is there with the size that the manifest gives."""
    sizes = _read_manifest(folder)
    return bool(sizes) and all(_size(folder / name) == size for name, size in sizes.items())


def _read_manifest(folder: Path) -> dict[str, int]:
    path = folder / "manifest.json"
    try:
        return json.loads(path.read_text())["bytes"]
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _discard_damaged(folder: Path) -> None:
    for name, size in _read_manifest(folder).items():
        if _size(folder / name) != size:
            (folder / name).unlink(missing_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)


def _discard_abandoned(folder: Path) -> None:
    """Remove what killed processes left; what is younger may belong to one that still works here."""
    for path in unfinished_paths(folder):
        if path.exists() and time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
            path.unlink(missing_ok=True)


def _file_names(settings: Settings) -> Iterator[str]:
    for split in SPLITS:
        yield f"{split}/labels.csv"
        for index in range(settings.num_videos(split)):
            yield f"{split}/{index:05d}.mp4"


def _labels_table(settings: Settings, split: SplitName) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("video", *CLASSES))
    for index in range(settings.num_videos(split)):
        labels = sample_labels(settings.seed, split, index)
        writer.writerow((f"{index:05d}.mp4", *(CLASSES[name][labels[name]] for name in CLASSES)))
    return table.getvalue()


def _write_text(path: Path, text: str) -> None:
    unfinished = unfinished_path(path)
    unfinished.write_text(text)
    unfinished.replace(path)


def _make_videos(folder: Path, settings: Settings, num_workers: int) -> None:
    chunks: list[Chunk] = [
        (split, start, min(start + _CHUNK, settings.num_videos(split)))
        for split in SPLITS
        for start in range(0, settings.num_videos(split), _CHUNK)
    ]
    # Processes at work on one folder start at different places and skip what others have made.
    begin = os.getpid() % len(chunks)
    total = sum(settings.num_videos(split) for split in SPLITS)
    with progress_bar(f"MovingShapes {settings.preset}", total) as advance:
        make_videos(
            folder, settings.preset, settings.seed, chunks[begin:] + chunks[:begin], num_workers, advance
        )
