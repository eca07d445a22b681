"""A source from one word on the command line."""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from vidmask.data.manifest import is_manifest
from vidmask.data.sources.base import VideoSource
from vidmask.data.sources.files import VIDEO_SUFFIXES
from vidmask.data.sources.folder import VideoFolder
from vidmask.data.sources.hmdb51 import HMDB51, SPLIT_FOLDERS
from vidmask.data.sources.kinetics import Kinetics
from vidmask.data.sources.manifest import Manifest
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

_FOLDS: dict[str, Literal[1, 2, 3]] = {"1": 1, "2": 2, "3": 3}

_MARKS = {
    "ucf101": ("ucfTrainTestlist/classInd.txt", "annotations/classInd.txt"),
    "hmdb51": tuple(f"{name}/*_test_split1.txt" for name in SPLIT_FOLDERS),
    "ssv2": ("20bn-something-something-v2", "labels/labels.json"),
}
"""What only these data sets have in their folder, where a ``VideoFolder`` would take it for classes."""


def open_source(text: str) -> VideoSource:
    """Return the source that a word on the command line names.

    What exists under the whole word is meant, also where its name has a colon.

    Args:
        text: A folder, a list, a manifest, or ``<data set>:<folder>``; see ``FORMS``.

    Raises:
        FileNotFoundError: If it names a file or folder that does not exist, or one that lacks something.
        ValueError: If it names nothing that can be opened, or what is opened is malformed.
    """
    if not text.strip():
        raise ValueError(f"the source of videos is empty; expected {FORMS}")
    path = Path(text).expanduser()
    if path.is_dir():
        _refuse_published(path)
        return VideoFolder(path)
    if path.exists():
        return _open_file(path)
    name, colon, root = text.partition(":")
    opener = _OPENERS.get(name.lower())
    if opener is not None:
        if not root:
            raise ValueError(f"{text}: the folder of the data set is missing; give {name.lower()}:DIR")
        return opener(root)
    if root.startswith("//"):
        raise ValueError(f"{text}: is an address; the videos must lie in a folder of this machine")
    # One letter before the colon is a drive, as in C:\videos, and no data set.
    is_path = "/" in name or len(name) == 1 or (not colon and Path(name).suffix)
    near = [] if is_path else difflib.get_close_matches(name.lower(), _OPENERS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}:{root or 'DIR'}?" if near else f"expected {FORMS}"
    if colon and not is_path:
        raise ValueError(f"{text}: no data set {name!r}, and no file of that name; {hint}")
    raise FileNotFoundError(f"{text}: does not exist; {hint}")


def _root_and_fold(text: str) -> tuple[str, Literal[1, 2, 3]]:
    root, colon, fold = text.rpartition(":")
    if not colon or Path(text).expanduser().is_dir():
        return text, 1
    if fold in _FOLDS:
        return root, _FOLDS[fold]
    if fold.isdecimal() or Path(root).expanduser().is_dir():
        raise ValueError(f"{text}: the fold must be one of {', '.join(_FOLDS)}, got {fold!r}")
    return text, 1


def _refuse_published(folder: Path) -> None:
    """Refuse the folder of a published data set, of which a ``VideoFolder`` would make wrong classes."""
    for name, marks in _MARKS.items():
        if any(next(folder.glob(mark), None) is not None for mark in marks):
            raise ValueError(
                f"{folder}: is laid out as {name}; give {name}:{folder}, or unlabelled:{folder} for all its "
                "videos without labels"
            )


def _open_file(path: Path) -> VideoSource:
    suffix = path.suffix.lower()
    if suffix == ".parquet" or is_manifest(path):
        return Manifest(path)
    if suffix in LISTS:
        return VideoTable(path)
    what = "a video: give its folder or a list" if suffix in VIDEO_SUFFIXES else f"no list; expected {FORMS}"
    raise ValueError(f"{path}: is {what}")
