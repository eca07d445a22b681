"""Videos without labels, from wherever they lie."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from vidmask.data.sources.base import Split
from vidmask.data.sources.files import find_videos, missing_paths
from vidmask.data.sources.folder import check_val_share, hold_out
from vidmask.data.sources.layouts import OnMissing, check_choice, tell_missing
from vidmask.data.sources.listing import read_lines
from vidmask.data.sources.paths import ListedSource, VideoPaths


class UnlabelledVideos(ListedSource):
    """Every video below some folders, and in some lists; folders mean nothing.

    For pre-training on uncurated videos, as MAE-ST does with those of Instagram (arXiv 2205.09113, section
    5.3). A list is a text file with a path in each line, relative to the folder that it lies in.

    Args:
        root: A folder or a list, or several of both.
        val_share: Share of the videos that are held out as the validation split, chosen by a hash of their
            paths below the root or in the list.
        on_missing: Whether videos of a list that are not there end the run, or are left out and counted.

    Raises:
        FileNotFoundError: If a folder, a list, or a video of it is missing.
        ValueError: If there is no video, or one twice, or ``val_share`` is no share.
    """

    def __init__(
        self,
        root: str | PathLike[str] | Sequence[str | PathLike[str]],
        val_share: float = 0.0,
        on_missing: OnMissing = "raise",
    ) -> None:
        check_choice("on_missing", on_missing, ("raise", "skip"))
        check_val_share(val_share, None)
        roots = [root] if isinstance(root, str | PathLike) else list(root)
        if not roots:
            raise ValueError("root is an empty list; give a folder of videos or several")
        train: list[str] = []
        val: list[str] = []
        for place in map(Path, roots):
            folder, names = _videos(place.expanduser(), on_missing)
            chosen = hold_out(names, val_share) if val_share else set()
            for name in names:
                (val if name in chosen else train).append(str(folder / name))
        number = len(train) + len(val)
        if len({*train, *val}) < number:
            repeated = number - len({*train, *val})
            raise ValueError(
                f"root: {repeated} of {number} videos are there twice in {', '.join(map(str, roots))}"
            )
        if val_share and not val:
            raise ValueError(
                f"val_share is {val_share}, but there are no two videos, of which one can be held out"
            )
        splits: dict[Split, VideoPaths] = {"train": VideoPaths("", train, {})}
        if val:
            splits["val"] = VideoPaths("", val, {})
        super().__init__({}, splits)


def _videos(root: Path, on_missing: OnMissing) -> tuple[Path, list[str]]:
    """Return the videos of a folder or a list, and the folder that they are relative to."""
    if root.is_dir():
        found = find_videos(root)
        found.tell_others(root)
        if not found.videos:
            raise ValueError(f"{root}: there is no video below it")
        return root, found.videos
    names = [line.strip() for line in read_lines(root) if line.strip()]
    missing = missing_paths(str(root.parent), names)
    hint = " (paths stand alone in their lines; a VideoTable reads 'path label')"
    tell_missing(missing, len(names), root, on_missing, hint)
    gone = set(missing)
    return root.parent, [name for name in names if name not in gone]
