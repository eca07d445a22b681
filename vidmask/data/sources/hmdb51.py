"""HMDB51: 51 actions in three splits, each 70 training and 30 test videos an action."""

import logging
import os
from os import PathLike
from pathlib import Path
from typing import Literal

from pytorchvideo.data.hmdb51 import Hmdb51LabeledVideoPaths

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

NUM_CLASSES = 51

SPLIT_FOLDERS = ("splits", "testTrainMulti_7030_splits", "test_train_splits", "annotations")
"""Names of the folder of lists: ours, the published archive's, and those of other tools."""

_TREE = """\
  <root>/videos/<class>/<video>.avi … (or <root>/<class>/<video>.avi)
  <root>/splits/<class>_test_split<fold>.txt … (or testTrainMulti_7030_splits/), lines '<video>.avi 0|1|2'"""


class HMDB51(ListedSource):
    """HMDB51 (Kuehne et al., ICCV 2011), unpacked: a folder for each class, and the folder of the splits.

    The lists number the videos of a class: 1 training, 2 test, 0 neither. There is no official validation
    split. As the peers do, validation runs on the fold's test videos, so ``val`` and ``test`` are the same;
    a warning says so. Videos may have been transcoded to another ending than ``.avi``.

    Args:
        root: The folder.
        fold: Which of the three splits.
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
        lists = only_one(folder, SPLIT_FOLDERS)
        videos = only_one(folder, ("videos", "hmdb51_org")) or folder
        ending = f"_test_split{fold}.txt"
        files = sorted(lists.glob(f"*{ending}")) if lists is not None else []
        actions = [file.name.removesuffix(ending) for file in files]
        if not files or not any((videos / action).is_dir() for action in actions):
            lacking = ["folder splits"] if lists is None else []
            lacking += [f"list {lists.name}/*{ending}"] if lists is not None and not files else []
            lacking += [] if videos != folder else ["folder videos, or of any class that has a list"]
            raise wrong_layout(folder, "HMDB51", lacking or [f"class folder in {videos}"], _TREE)
        check_num_classes(folder, "HMDB51", len(actions), NUM_CLASSES)
        for file in files:
            _check(file)
        found = [
            f"{action}/{name}"
            for action in actions
            if (videos / action).is_dir()
            for name in find_videos(videos / action).videos
        ]
        stems = by_stem(videos, found)
        index = {action: number for number, action in enumerate(actions)}
        train, test = (_read(files, kind, index, videos, stems, on_missing) for kind in ("train", "test"))
        _LOG.warning("HMDB51 has no validation split: val is the test videos of fold %d, as test is", fold)
        splits: dict[Split, VideoPaths] = {"train": train, "val": test, "test": test}
        super().__init__({"class": actions}, splits)


def _check(file: Path) -> None:
    """Refuse a list that PyTorchVideo would stumble over without naming it."""
    for number, line in enumerate(read_lines(file), 1):
        name, _, kind = line.rstrip().rpartition(" ")
        if not name.strip() or kind not in ("0", "1", "2"):
            raise ValueError(f"{file}, line {number}: expected '<video>.avi 0|1|2', got {line!r}")


def _read(
    files: list[Path],
    kind: Literal["train", "test"],
    index: dict[str, int],
    folder: Path,
    stems: dict[str, str],
    on_missing: OnMissing,
) -> VideoPaths:
    try:
        listed = Hmdb51LabeledVideoPaths.from_csvs(list(files), kind)
    except AssertionError:
        # It says so with the name of the last video that it has seen.
        raise ValueError(f"{files[0].parent}: no list names a {kind} video") from None
    paths: list[str] = []
    labels: list[int] = []
    missing: list[str] = []
    for place in range(len(listed)):
        name, info = listed[place]
        found = stems.get(os.path.splitext(name)[0])  # noqa: PTH122
        if found is None:
            missing.append(name)
        else:
            paths.append(found)
            # Its labels are the names of the actions.
            labels.append(index[info["label"]])
    tell_missing(missing, len(listed), f"{files[0].parent} ({kind})", on_missing, f" in {folder}")
    return VideoPaths(str(folder), paths, {"class": labels})
