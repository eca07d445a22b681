"""What the published data sets have in common: folders of given names, and lists that may name too much."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from vidmask.data.sources.files import named

_LOG = logging.getLogger(__name__)

OnMissing = Literal["raise", "skip"]
"""What videos do that a list names and that are not there: end the run, or be left out and counted."""


def check_choice(name: str, value: object, accepted: Sequence[object]) -> None:
    """Refuse a value that is not among those accepted.

    Raises:
        ValueError: That it is not.
    """
    if value not in accepted:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, accepted))}, got {value!r}")


def only_one(root: Path, names: Sequence[str]) -> Path | None:
    """Return what lies in a folder under one of several names, or None.

    Raises:
        ValueError: If there are several.
    """
    there = [root / name for name in names if (root / name).exists()]
    if len(there) > 1:
        raise ValueError(
            f"{root}: holds {' and '.join(path.name for path in there)}, of which only one may be there"
        )
    return there[0] if there else None


def wrong_layout(root: Path, data_set: str, lacking: Sequence[str], tree: str) -> FileNotFoundError:
    """Return the one message that says all that is missing, and what the folder must look like.

    Args:
        root: The folder.
        data_set: What it should hold.
        lacking: What it lacks.
        tree: The layout, in at most four lines: the command line shows five.
    """
    if not root.is_dir():
        lacking = ["it is a file" if root.exists() else "it does not exist"]
    else:
        lacking = [f"no {thing}" for thing in lacking]
    return FileNotFoundError(f"{root}: not the layout of {data_set}: {', '.join(lacking)}; expected\n{tree}")


def tell_missing(
    missing: Sequence[str], total: int, where: object, on_missing: OnMissing, hint: str = ""
) -> None:
    """Say how many videos of a list are not there.

    Args:
        missing: They.
        total: How many videos the list names.
        where: The list, for the message.
        on_missing: Whether to raise or to log.
        hint: What may help.

    Raises:
        FileNotFoundError: If there are any and ``on_missing`` is ``"raise"``, or if none is left.
    """
    if not missing:
        return
    told = f"{where}: {named(missing, 'video', total)} are not there{hint}"
    if len(missing) == total:
        raise FileNotFoundError(told)
    if on_missing == "raise":
        raise FileNotFoundError(f"{told}; on_missing: skip (--data.source.on_missing skip) leaves them out")
    _LOG.warning("%s, and are left out", told)


def check_num_classes(root: Path, data_set: str, number: int, expected: int) -> None:
    """Compare the number of classes with that of the data set.

    Raises:
        ValueError: If there are more.
    """
    if number > expected:
        raise ValueError(f"{root}: {data_set} has {expected} classes, and here are {number}")
    if number < expected:
        _LOG.warning(
            "%s: %d of the %d classes of %s are here; their numbers are not those of the whole",
            root,
            number,
            expected,
            data_set,
        )
