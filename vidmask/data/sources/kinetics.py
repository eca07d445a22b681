"""Kinetics-400, 600 and 700: clips of ten seconds from YouTube, some of which are always gone."""

import csv
import logging
import os
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple

from vidmask.data.sources.base import SPLITS, Split
from vidmask.data.sources.files import by_stem, find_videos, named
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

FOLDERS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "train_256", "videos_train"),
    "val": ("val", "val_256", "videos_val", "validate", "validation"),
    "test": ("test", "test_256", "videos_test"),
}
"""Names of a split's folder: CVDF's and DeepMind's, those of the non-local networks' copy, and MMAction's."""

_TREE = """\
  <root>/{{train,val,test}}/<class>/<youtube id>_<start>_<end>.mp4, or
  <root>/{{train,val,test}}/<youtube id>_<start>_<end>.mp4 with <root>/annotations/{{train,val,test}}.csv
  (columns label, youtube_id, time_start, time_end); each split is optional;
  for 'path label' lists such as k{version}_train.csv use the class_path VideoTable"""


class Kinetics(ListedSource):
    """Kinetics (arXiv 1705.06950, 1808.01340, 1907.06987), as CVDF or MMAction lay it out.

    A split is a folder of class folders, with spaces or underscores in the names of the classes; or of
    videos named ``<youtube id>_<start>_<end>`` with CVDF's ``annotations/<split>.csv``, which also counts
    where both are there. CVDF's ``replacement`` folder takes the place of the corrupted videos of its names.
    Classes are numbered alphabetically, as all tools do, those of the annotations included. A split of
    test videos without annotations is unlabelled.

    Args:
        root: The folder of the splits.
        version: 400, 600 or 700 classes.
        on_missing: Whether videos of the annotations that are not there (YouTube loses some every year) are
            left out and counted in a warning, or end the run.

    Raises:
        FileNotFoundError: If the layout is another, or videos are missing and that is to end the run.
        ValueError: If an annotation is malformed, or there are more classes than there can be.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        version: Literal[400, 600, 700] = 400,
        on_missing: OnMissing = "skip",
    ) -> None:
        check_choice("version", version, (400, 600, 700))
        check_choice("on_missing", on_missing, ("raise", "skip"))
        folder, data_set = Path(root).expanduser(), f"Kinetics-{version}"
        tree = _TREE.format(version=version)
        folders: dict[Split, Path | None] = {split: only_one(folder, FOLDERS[split]) for split in SPLITS}
        there: dict[Split, Path] = {
            split: path for split, path in folders.items() if path is not None and path.is_dir()
        }
        if not there:
            raise wrong_layout(folder, data_set, ["folder train, val or test"], tree)
        replacements = _replacements(folder)
        found: dict[Split, _Labelled] = {}
        lacking = []
        annotated: set[str] = set()
        for split, path in there.items():
            videos = find_videos(path)
            videos.tell_others(path)
            annotation = _annotation(folder, split, version)
            if annotation is not None:
                rows = _read(annotation)
                annotated.update(row.label for row in rows if row.label)
                found[split] = _matched(annotation, rows, path, videos.videos, replacements, on_missing)
            else:
                found[split] = _in_class_folders(path, videos.videos, replacements)
                if not videos.videos:
                    lacking.append(f"video in {path}")
                elif None in found[split].labels and (split != "test" or any(found[split].labels)):
                    lacking.append(
                        f"class folder for {videos.videos[0]} and others in {path}, nor {split}.csv"
                    )
        if lacking:
            raise wrong_layout(folder, data_set, lacking, tree)
        names: dict[str, str] = {}
        for name in sorted(
            {*annotated, *(name for split in found.values() for name in split.labels if name)}
        ):
            # With an underscore or without a bracket it is the same class; the annotation's name is its own.
            if _key(name) not in names or name in annotated:
                names[_key(name)] = name.replace("_", " ")
        classes = sorted(names.values())
        check_num_classes(folder, data_set, len(classes), version)
        index = {_key(name): number for number, name in enumerate(classes)}
        splits: dict[Split, VideoPaths] = {}
        for split, (paths, labels) in found.items():
            numbers = [index[_key(name)] for name in labels if name]
            splits[split] = VideoPaths(str(there[split]), paths, {"class": numbers} if numbers else {})
        super().__init__({"class": classes} if classes else {}, splits)


class _Row(NamedTuple):
    stem: str
    youtube_id: str
    label: str


class _Labelled(NamedTuple):
    paths: list[str]
    labels: list[str | None]


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _annotation(root: Path, split: Split, version: int) -> Path | None:
    words = ("val", "validate", "validation") if split == "val" else (split,)
    stems = [
        f"{data_set}{word}"
        for word in words
        for data_set in ("", "kinetics_", f"kinetics{version}_", f"kinetics-{version}_")
    ]
    # Of Kinetics-600 CVDF has .txt files, and incomplete .csv files of the same names beside them.
    for suffix in (".txt", ".csv"):
        found = only_one(root / "annotations", [f"{stem}{suffix}" for stem in stems])
        if found is not None:
            return found
    return None


def _read(file: Path) -> list[_Row]:
    reader = csv.DictReader(read_lines(file))
    columns = reader.fieldnames or ()
    needed = ("youtube_id", "time_start", "time_end")
    if any(name not in columns for name in needed):
        raise ValueError(
            f"{file}: expected the columns label, {', '.join(needed)} in the first line, got "
            f"{', '.join(columns)[:80]}"
        )
    rows: list[_Row] = []
    for row in reader:
        name, start, end = (row[name] or "" for name in needed)
        try:
            stem = f"{name}_{int(float(start)):06d}_{int(float(end)):06d}"
        except ValueError:
            raise ValueError(
                f"{file}, line {reader.line_num}: expected an id and two times in seconds, got {name!r}, "
                f"{start!r}, {end!r}"
            ) from None
        rows.append(_Row(stem, name, (row.get("label") or "").strip()))
    unlabelled = sum(not row.label for row in rows)
    if 0 < unlabelled < len(rows):
        raise ValueError(f"{file}: {unlabelled} of {len(rows)} lines have no label; expected all or none")
    return rows


def _replacements(root: Path) -> dict[str, str]:
    """Return the videos that take the place of corrupted ones, by their names without ending."""
    folder = (root / "replacement").absolute()
    if not folder.is_dir():
        return {}
    return {Path(name).stem: str(folder / name) for name in find_videos(folder).videos}


def _matched(
    file: Path,
    rows: Sequence[_Row],
    folder: Path,
    videos: Sequence[str],
    replacements: Mapping[str, str],
    on_missing: OnMissing,
) -> _Labelled:
    """Return the videos of an annotation that are there, in its order."""
    in_place: dict[tuple[str, str], str] = {}
    for stem, video in by_stem(folder, videos).items():
        above, _, name = stem.rpartition("/")
        in_place[_key(above.rpartition("/")[2]), name] = video
    matched = _Labelled([], [])
    missing: list[str] = []
    used: set[str] = set()
    for row in rows:
        # In the folder of its class or in the split's own; some copies keep the id alone as name.
        places = [(place, name) for name in (row.stem, row.youtube_id) for place in (_key(row.label), "")]
        video = next((in_place[place] for place in places if place in in_place), None)
        if video is None:
            missing.append(row.stem)
            continue
        used.add(video)
        matched.paths.append(replacements.get(row.stem, video))
        matched.labels.append(row.label or None)
    tell_missing(missing, len(rows), file, on_missing, f" in {folder}")
    others = [video for video in videos if video not in used]
    if others:
        _LOG.warning("%s: left out, as not in %s: %s", folder, file.name, named(others, "video"))
    return matched


def _in_class_folders(folder: Path, videos: Sequence[str], replacements: Mapping[str, str]) -> _Labelled:
    paths = [replacements.get(os.path.splitext(os.path.basename(video))[0], video) for video in videos]  # noqa: PTH119, PTH122
    return _Labelled(paths, [video.partition("/")[0] if "/" in video else None for video in videos])
