"""UCF101: 101 actions in three pairs of training and test lists."""

import logging
from os import PathLike
from pathlib import Path
from typing import Literal

from vidmask.data.sources.base import Split
from vidmask.data.sources.files import by_stem, find_videos
from vidmask.data.sources.layouts import (
    OnMissing,
    check_choice,
    check_num_classes,
    only_one,
    tell_missing,
    wrong_layout,
)
from vidmask.data.sources.listing import read_lines
from vidmask.data.sources.paths import ListedSource, VideoPaths

_LOG = logging.getLogger(__name__)

NUM_CLASSES = 101

_TREE = """\
  <root>/UCF-101/<Class>/v_<Class>_g01_c01.avi …
  <root>/ucfTrainTestlist/{classInd.txt, trainlist0<fold>.txt, testlist0<fold>.txt}"""


class UCF101(ListedSource):
    """UCF101 (arXiv 1212.0402) as published: the folder ``UCF-101`` beside the folder ``ucfTrainTestlist``.

    There is no official validation split. As the peers do, validation runs on the fold's test list, so
    ``val`` and ``test`` are the same videos; a warning says so. Videos may have been transcoded to another
    ending than ``.avi``.

    Args:
        root: The folder that holds both.
        fold: Which of the three pairs of lists.
        on_missing: Whether videos that are not there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If the layout is another, or videos are missing.
        ValueError: If a list is malformed.
    """

    def __init__(
        self, root: str | PathLike[str], fold: Literal[1, 2, 3] = 1, on_missing: OnMissing = "raise"
    ) -> None:
        check_choice("fold", fold, (1, 2, 3))
        check_choice("on_missing", on_missing, ("raise", "skip"))
        folder = Path(root).expanduser()
        videos = only_one(folder, ("UCF-101", "UCF101", "videos"))
        lists = only_one(folder, ("ucfTrainTestlist", "annotations"))
        names = ("classInd.txt", f"trainlist0{fold}.txt", f"testlist0{fold}.txt")
        lacking = [f"{lists or 'ucfTrainTestlist'}/{name}" for name in names if not _is_file(lists, name)]
        if videos is None or lists is None or lacking:
            raise wrong_layout(folder, "UCF101", ["folder UCF-101"] * (videos is None) + lacking, _TREE)
        classes = _classes(lists / names[0])
        check_num_classes(folder, "UCF101", len(classes), NUM_CLASSES)
        stems = by_stem(videos, find_videos(videos).videos)
        train = _read_list(lists / names[1], classes, videos, stems, on_missing)
        test = _read_list(lists / names[2], classes, videos, stems, on_missing)
        _LOG.warning("UCF101 has no validation split: val is the test list of fold %d, as test is", fold)
        splits: dict[Split, VideoPaths] = {"train": train, "val": test, "test": test}
        super().__init__({"class": tuple(classes)}, splits)


def _is_file(folder: Path | None, name: str) -> bool:
    return folder is not None and (folder / name).is_file()


def _classes(file: Path) -> dict[str, int]:
    """Return the index of each class, from 0; the file counts from 1."""
    classes: dict[str, int] = {}
    for number, line in enumerate(read_lines(file), 1):
        if not line.strip():
            continue
        index, _, name = line.strip().partition(" ")
        if index != str(len(classes) + 1) or not name or name in classes:
            raise ValueError(f"{file}, line {number}: expected '{len(classes) + 1} <Class>', got {line!r}")
        classes[name] = len(classes)
    return classes


def _read_list(
    file: Path, classes: dict[str, int], folder: Path, stems: dict[str, str], on_missing: OnMissing
) -> VideoPaths:
    paths: list[str] = []
    labels: list[int] = []
    missing: list[str] = []
    for number, line in enumerate(read_lines(file), 1):
        if not line.strip():
            continue
        name, _, index = line.strip().partition(" ")
        action = name.partition("/")[0]
        if action not in classes or index.strip() not in ("", str(classes[action] + 1)):
            raise ValueError(
                f"{file}, line {number}: expected '<Class>/<video>.avi', in a training list followed by the "
                f"class's number in classInd.txt, got {line!r}"
            )
        found = stems.get(name.rpartition(".")[0])
        if found is None:
            missing.append(name)
        else:
            paths.append(found)
            labels.append(classes[action])
    tell_missing(missing, len(paths) + len(missing), file, on_missing, f" in {folder}")
    return VideoPaths(str(folder), paths, {"class": labels})
