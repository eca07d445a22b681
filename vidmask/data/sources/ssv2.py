"""Something-Something V2: as WebM videos, and as PyTorchVideo's folders of frames."""

import csv
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from vidmask.data.sources.base import Split
from vidmask.data.sources.files import find_videos, missing_paths
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

NUM_CLASSES = 174

_NAME = "Something-Something V2"
_WORDS: dict[Split, str] = {"train": "train", "val": "validation", "test": "test"}
_LABELS_TREE = """\
  <root>/labels/{labels,train,validation,test}.json (or <root>/something-something-v2-{labels,…}.json);
  test, and labels/test-answers.csv for it, are optional"""
_VIDEOS_TREE = f"""\
  <root>/20bn-something-something-v2/<id>.webm (or <root>/videos/<id>.webm)
{_LABELS_TREE}"""
_FRAMES_TREE = f"""\
  <root>/frames/<id>/<id>_000001.jpg …
  <root>/{{train,val}}.csv (original_vido_id video_id frame_id path labels) where the folders have other names
{_LABELS_TREE}"""

FRAME_LIST_COLUMNS = ("original_vido_id", "video_id", "frame_id", "path", "labels")
"""Header of PyTorchVideo's lists of frames, the first one spelt as there."""


class SomethingSomethingV2(ListedSource):
    """Something-Something V2 (arXiv 1706.04261) as published: WebM videos and lists in JSON.

    The class of a video is its template without brackets, numbered by ``labels.json``. The test split is
    unlabelled unless ``test-answers.csv`` is there. Videos may have been transcoded to another ending.

    Args:
        root: The folder of videos and lists.
        on_missing: Whether videos that are not there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If the layout is another, or videos are missing.
        ValueError: If a list is malformed.
    """

    def __init__(self, root: str | PathLike[str], on_missing: OnMissing = "raise") -> None:
        check_choice("on_missing", on_missing, ("raise", "skip"))
        folder = Path(root).expanduser()
        videos = only_one(folder, ("20bn-something-something-v2", "videos"))
        files, lacking = _lists(folder)
        if videos is None or lacking:
            lacking = ["folder 20bn-something-something-v2"] * (videos is None) + lacking
            raise wrong_layout(folder, _NAME, lacking, _VIDEOS_TREE)
        found = find_videos(videos)
        found.tell_others(videos)
        places: dict[str, str] = {}
        for path in found.videos:
            identifier = Path(path).stem
            if identifier in places:
                raise ValueError(f"{videos}: holds {places[identifier]} and {path}, of which one must go")
            places[identifier] = path
        classes = _classes(folder, files["labels"])
        splits: dict[Split, VideoPaths] = {}
        for split in _splits(files):
            labels = _labels(files, split, classes)
            missing = [identifier for identifier in labels if identifier not in places]
            tell_missing(missing, len(labels), files[split], on_missing, f" in {videos}")
            kept = {name: label for name, label in labels.items() if name in places}
            splits[split] = _paths(videos, kept, places)
        super().__init__({"class": tuple(classes)}, splits)


class SomethingSomethingV2Frames(ListedSource):
    """Something-Something V2 as PyTorchVideo and SlowFast read it: a folder of JPEG frames for each video.

    The lists ``train.csv`` and ``val.csv`` say in which folder the frames of a video lie; without a list the
    folder has the video's id as name. An item's path is the folder, and all pictures in it are its frames.
    Classes and splits are as for ``SomethingSomethingV2``.

    Deviation: PyTorchVideo's ``SSv2`` keeps the path of every frame, some ten million, and passes over a
    video that its list lacks in silence; here the folders are kept, and missing ones are told.

    Args:
        root: The folder of frames and lists.
        on_missing: Whether videos that are not there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If the layout is another, or videos are missing.
        ValueError: If a list is malformed.
    """

    def __init__(self, root: str | PathLike[str], on_missing: OnMissing = "raise") -> None:
        check_choice("on_missing", on_missing, ("raise", "skip"))
        folder = Path(root).expanduser()
        frames = only_one(folder, ("frames", "20bn-something-something-v2-frames", "rawframes"))
        files, lacking = _lists(folder)
        if frames is None or lacking:
            lacking = ["folder frames"] * (frames is None) + lacking
            raise wrong_layout(folder, f"the frames of {_NAME}", lacking, _FRAMES_TREE)
        classes = _classes(folder, files["labels"])
        splits: dict[Split, VideoPaths] = {}
        for split in _splits(files):
            labels = _labels(files, split, classes)
            frame_list = only_one(folder, (f"{split}.csv", f"labels/{split}.csv"))
            places = {name: name for name in labels} if frame_list is None else _frame_folders(frame_list)
            gone = set(missing_paths(str(frames), [places[name] for name in labels if name in places]))
            missing = [name for name in labels if name not in places or places[name] in gone]
            hint = f" in {frames}" + ("" if frame_list is None else f" or not in {frame_list.name}")
            tell_missing(missing, len(labels), files[split], on_missing, hint)
            left = set(missing)
            splits[split] = _paths(
                frames, {name: label for name, label in labels.items() if name not in left}, places
            )
        super().__init__({"class": tuple(classes)}, splits)


def _lists(root: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the lists that are there, and the names of those that must be."""
    files: dict[str, Path] = {}
    lacking: list[str] = []
    for key, word in {"labels": "labels", **_WORDS}.items():
        names = (f"labels/{word}.json", f"something-something-v2-{word}.json")
        found = only_one(root, (*names, f"labels/{names[1]}")) if root.is_dir() else None
        if found is not None:
            files[key] = found
        elif key != "test":
            lacking.append(f"labels/{word}.json")
    answers = only_one(root, ("labels/test-answers.csv", "test-answers.csv")) if root.is_dir() else None
    return files | ({} if answers is None else {"answers": answers}), lacking


def _splits(files: Mapping[str, Path]) -> list[Split]:
    return [split for split in _WORDS if split in files]


def _read_json(file: Path, kind: type) -> Any:
    try:
        content = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: is no JSON: {error}") from error
    if not isinstance(content, kind) or not content:
        raise ValueError(f"{file}: expected a {kind.__name__} that is not empty, in JSON")
    return content


def _classes(root: Path, file: Path) -> dict[str, int]:
    """Return the index of each class, in the order of the indices."""
    named = _read_json(file, dict)
    try:
        classes = {name: int(index) for name, index in named.items()}
    except (TypeError, ValueError):
        raise ValueError(f"{file}: expected class names with their indices") from None
    if sorted(classes.values()) != list(range(len(classes))):
        raise ValueError(f"{file}: the indices of {len(classes)} classes must be 0 to {len(classes) - 1}")
    check_num_classes(root, _NAME, len(classes), NUM_CLASSES)
    return dict(sorted(classes.items(), key=lambda item: item[1]))


def _labels(files: Mapping[str, Path], split: Split, classes: Mapping[str, int]) -> dict[str, int | None]:
    """Return the class index of each video of a split, or None."""
    answers: dict[str, str] = {}
    if split == "test" and "answers" in files:
        lines = [line for line in read_lines(files["answers"]) if line.strip()]
        answers = {name.strip(): label for name, _, label in (line.partition(";") for line in lines)}
    labels: dict[str, int | None] = {}
    for entry in _read_json(files[split], list):
        if not isinstance(entry, dict) or "id" not in entry:
            raise ValueError(f"{files[split]}: expected an id in each entry, got {str(entry)[:80]}")
        name = str(entry["id"])
        template = answers.get(name) if split == "test" else entry.get("template")
        if template is None:
            if answers or split != "test":
                where = files["answers"] if answers else files[split]
                raise ValueError(f"{where}: the video {name} has no {'label' if answers else 'template'}")
            labels[name] = None
            continue
        label = template.replace("[", "").replace("]", "").strip()
        if label not in classes:
            raise ValueError(f"{files[split]}: {label!r}, of the video {name}, is none of the classes")
        labels[name] = classes[label]
    return labels


def _frame_folders(file: Path) -> dict[str, str]:
    """Return the folder of each video in a list of frames, which has millions of lines."""
    folders: dict[str, str] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines, delimiter=" ")
        if tuple(next(reader, ())) != FRAME_LIST_COLUMNS:
            raise ValueError(f"{file}: expected the first line '{' '.join(FRAME_LIST_COLUMNS)}'")
        for row in reader:
            if len(row) != len(FRAME_LIST_COLUMNS):
                raise ValueError(f"{file}, line {reader.line_num}: expected 5 fields, got {len(row)}")
            folder = row[3].rpartition("/")[0]
            if folders.setdefault(row[0], folder) != folder:
                raise ValueError(
                    f"{file}, line {reader.line_num}: the frames of {row[0]} lie in {folders[row[0]]} and in "
                    f"{folder}"
                )
    return folders


def _paths(folder: Path, labels: Mapping[str, int | None], places: Mapping[str, str]) -> VideoPaths:
    numbers = [label for label in labels.values() if label is not None]
    paths = [places[name] for name in labels]
    return VideoPaths(str(folder), paths, {"class": numbers} if numbers else {})
