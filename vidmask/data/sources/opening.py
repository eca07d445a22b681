"""A source from one word on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidmask.data.sources.base import VideoSource
from vidmask.data.sources.folder import VideoFolder
from vidmask.data.sources.hmdb51 import HMDB51
from vidmask.data.sources.kinetics import Kinetics
from vidmask.data.sources.listing import DELIMITERS
from vidmask.data.sources.ssv2 import SomethingSomethingV2, SomethingSomethingV2Frames
from vidmask.data.sources.table import VideoTable
from vidmask.data.sources.ucf101 import UCF101
from vidmask.data.sources.unlabelled import UnlabelledVideos

FORMS = (
    "a folder of videos, a list (.csv, .tsv, .txt), a manifest (.csv, .parquet), kinetics400:DIR, "
    "kinetics600:DIR, kinetics700:DIR, ssv2:DIR, ssv2_frames:DIR, ucf101:DIR[:FOLD], "
    "hmdb51:DIR[:FOLD] or unlabelled:DIR"
)
"""What ``open_source`` accepts, for messages."""

LISTS = (".csv", ".tsv", ".txt")

_OPENERS: dict[str, Callable[[str], VideoSource]] = {
    "kinetics400": lambda root: Kinetics(root, 400),
    "kinetics600": lambda root: Kinetics(root, 600),
    "kinetics700": lambda root: Kinetics(root, 700),
    "ssv2": SomethingSomethingV2,
    "ssv2_frames": SomethingSomethingV2Frames,
    "ucf101": lambda text: UCF101(*_root_and_fold(text)),
    "hmdb51": lambda text: HMDB51(*_root_and_fold(text)),
    "unlabelled": UnlabelledVideos,
}


def open_source(text: str) -> VideoSource:
    """Return the source that a word on the command line names.

    Args:
        text: A folder, a list, a manifest, or ``<data set>:<folder>``; see ``FORMS``.

    Raises:
        FileNotFoundError: If it names a file or folder that does not exist, or one that lacks something.
        ValueError: If it names nothing that can be opened, or what is opened is malformed.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        return VideoFolder(path)
    if path.is_file():
        return _open_file(path)
    name, colon, rest = text.partition(":")
    if colon and rest and name.lower() in _OPENERS:
        return _OPENERS[name.lower()](rest)
    if colon or (not path.suffix and "/" not in text):
        raise ValueError(f"{text!r} is no source of videos; expected {FORMS}")
    raise FileNotFoundError(f"{text}: does not exist; expected {FORMS}")


def _root_and_fold(text: str) -> tuple[str, Any]:
    root, colon, fold = text.rpartition(":")
    # Which folds there are, the source says.
    return (root, int(fold)) if colon and fold.isdecimal() else (text, 1)


def _open_file(path: Path) -> VideoSource:
    suffix = path.suffix.lower()
    if suffix == ".parquet" or (suffix in LISTS and _is_manifest(path)):
        from vidmask.data.sources.manifest import Manifest

        return Manifest(path)
    if suffix in LISTS:
        return VideoTable(path)
    raise ValueError(f"{path}: is a file, and no list; expected {FORMS}")


def _is_manifest(path: Path) -> bool:
    """Say whether a list's header has the manifest's column of verdicts."""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline(10_000).strip().lower()
    for character in DELIMITERS:
        header = header.replace(character, " ")
    return {"path", "verdict"} <= set(header.split())
