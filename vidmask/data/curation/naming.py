"""Where the prepared files of a source lie."""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from vidmask.data.curation.candidates import Candidates

# File systems accept 255 bytes; the rest is for a number and the ending.
_LONGEST = 240


def output_names(candidates: Candidates) -> dict[tuple[str, str], str]:
    """Return for each split and video a file name below the folder of what is prepared.

    It is ``<split>/<path below the folder that all of the split lie in>.mp4``, where a folder for the one and
    only class stays. Two videos that differ in their ending alone keep the ending, as ``a.avi.mp4``; names
    that differ in nothing but upper and lower case are numbered, as some file systems take them for one, and
    so are names of folders. Names longer than file systems accept are cut. A video of two splits is made
    once.
    """
    found: dict[tuple[str, str], str] = {}
    named: dict[str, str] = {}
    classes: dict[str, set[str]] = {}
    of_split: dict[str, dict[str, None]] = {}
    for candidate in candidates:
        of_split.setdefault(candidate.split, {})[candidate.path] = None
        classes.setdefault(candidate.split, set()).update(candidates.labels(candidate).values())
    for split, paths in of_split.items():
        root = _root(paths, classes[split])
        relative = [os.path.relpath(path, root) for path in paths]
        stems = Counter(_stem(name).casefold() for name in relative)
        taken = {str(folder).casefold() for name in relative for folder in Path(name).parents}
        for path, name in zip(paths, relative, strict=True):
            if path in named:
                found[split, path] = named[path]
                continue
            base = _cut(name if stems[_stem(name).casefold()] > 1 else _stem(name))
            number = 1
            while (chosen := f"{base if number == 1 else f'{base}-{number}'}.mp4").casefold() in taken:
                number += 1
            taken.add(chosen.casefold())
            found[split, path] = named[path] = f"{split}/{chosen}"
    return found


def _root(paths: Iterable[str], classes: Collection[str]) -> str:
    """Return the folder that all videos of a split lie in; with one class alone, the folder above its own.

    Files that are not there count too: names do not move when one comes or goes.
    """
    folders = {os.path.dirname(os.path.abspath(path)) for path in paths}  # noqa: PTH100, PTH120
    root = Path(os.path.commonpath(folders))
    name = next(iter(classes)) if len(classes) == 1 else None
    own = next((folder for folder in (root, *root.parents) if folder.name == name), None)
    return str(root if own is None else own.parent)


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122


def _cut(name: str) -> str:
    folder, own = os.path.split(name)
    while len(os.fsencode(own)) > _LONGEST:
        own = own[:-1]
    return os.path.join(folder, own)  # noqa: PTH118
