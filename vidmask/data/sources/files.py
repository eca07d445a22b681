"""Which files lie below a folder, and which of a list do not."""

import errno
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from vidmask.data.words import counted

_LOG = logging.getLogger(__name__)

VIDEO_SUFFIXES = (
    ".mp4",
    ".webm",
    ".mkv",
    ".avi",
    ".mov",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".3gp",
    ".ts",
)

_IN_A_MESSAGE = 3


class FoundVideos(NamedTuple):
    """What lies below a folder; names that start with a dot are left out.

    Attributes:
        videos: Paths relative to the folder, in alphabetical order.
        others: How many other files there are of each ending, in small letters.
        broken: What has a video's name and is no file, such as a pipe, or a link that leads nowhere or in a
            circle; relative to the folder.
    """

    videos: list[str]
    others: Counter[str]
    broken: list[str]

    def tell_others(self, folder: str | os.PathLike[str]) -> None:
        """Log in a line each what is left aside."""
        if self.broken:
            _LOG.warning(
                "%s: %s left out: no file, but a link that leads nowhere, a pipe or the like",
                folder,
                named(self.broken, "name"),
            )
        number = self.others.total()
        if number:
            level = logging.WARNING if number > len(self.videos) else logging.INFO
            endings = ", ".join(
                f"{count} {ending or 'without ending'}" for ending, count in self.others.most_common(8)
            )
            _LOG.log(level, "%s: %d files left aside that are no videos: %s", folder, number, endings)


def find_videos(folder: str | os.PathLike[str]) -> FoundVideos:
    """Find the videos below a folder, through links too; a link that leads back up is not followed."""
    found = FoundVideos([], Counter(), [])
    path = os.path.abspath(folder)  # noqa: PTH100
    above = [_identity(str(parent)) for parent in Path(path).parents]
    for name, is_file in _entries(path, "", above):
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
        if suffix not in VIDEO_SUFFIXES:
            found.others[suffix] += 1
        elif is_file:
            found.videos.append(name)
        else:
            found.broken.append(name)
    return found


def _entries(folder: str, prefix: str, above: list[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """Yield the relative name of each file or broken link, and whether it is a file."""
    # os.walk would pass over a folder that cannot be read without a word; this raises.
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    inside = [*above, _identity(folder)]
    for entry in entries:
        if entry.name.startswith("."):
            continue
        is_folder, is_file = _kind(entry)
        if not is_folder:
            yield prefix + entry.name, is_file
        elif not (entry.is_symlink() and _identity(entry.path) in inside):
            yield from _entries(entry.path, f"{prefix}{entry.name}/", inside)


def _kind(entry: os.DirEntry[str]) -> tuple[bool, bool]:
    """Tell whether an entry is a folder, and whether a file; it is neither where a link leads in a circle."""
    try:
        return entry.is_dir(), entry.is_file()
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return False, False


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116
    return status.st_dev, status.st_ino


def by_stem(folder: str | os.PathLike[str], videos: Sequence[str]) -> dict[str, str]:
    """Return the videos by their relative paths without ending: a list's .avi may have become an .mp4.

    Raises:
        ValueError: If two videos differ in nothing but the ending.
    """
    stems: dict[str, str] = {}
    for name in videos:
        stem = os.path.splitext(name)[0]  # noqa: PTH122
        if stem in stems:
            raise ValueError(f"{folder}: holds {stems[stem]} and {name}, of which one must go")
        stems[stem] = name
    return stems


def missing_paths(folder: str, paths: Sequence[str]) -> list[str]:
    """Return those of the paths, relative to the folder or absolute, where nothing is.

    Folders are listed rather than files asked for one by one, which a million files on a network's disk would
    take minutes for.
    """
    names_by_folder: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in paths:
        parent, name = os.path.split(os.path.join(folder, path))  # noqa: PTH118
        names_by_folder[parent].append((name, path))
    missing: set[str] = set()
    for parent, names in names_by_folder.items():
        if len(names) == 1 or any(name in ("", ".", "..") for name, _ in names):
            there = {name for name, _ in names if os.path.exists(os.path.join(parent, name))}  # noqa: PTH110, PTH118
        else:
            there = _names_in(parent)
        missing.update(path for name, path in names if name not in there)
    return [path for path in paths if path in missing] if missing else []


def _names_in(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name
                for entry in entries
                if not entry.is_symlink() or os.path.exists(entry.path)  # noqa: PTH110
            }
    except (FileNotFoundError, NotADirectoryError):
        return set()


def named(names: Sequence[str], noun: str, total: int | None = None) -> str:
    """Return how many there are and what the first ones are called: ``5 videos (a, b, c, …)``.

    Args:
        names: They.
        noun: What they are, in the singular.
        total: Of how many, for ``1 of 5 videos (a)``.
    """
    number = counted(len(names), noun) if total is None else f"{len(names)} of {counted(total, noun)}"
    shown = ", ".join(names[:_IN_A_MESSAGE])
    return f"{number} ({shown}{', …' if len(names) > _IN_A_MESSAGE else ''})"
