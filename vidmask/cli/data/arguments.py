"""Arguments that several verbs of ``vidmask data`` share, and what is accepted for them."""

import argparse
from collections.abc import Callable
from pathlib import Path


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers``."""
    parser.add_argument(
        "--workers",
        type=whole_number(0),
        metavar="N",
        help="processes at work (default: one for each processor; 0: this one, without a time limit)",
    )


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Add ``--strict``."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 if a video is broken (else the exit code is 0 once the manifest is written)",
    )


def whole_number(least: int) -> Callable[[str], int]:
    """Return what reads a whole number of at least so much."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"a whole number from {least} is accepted, got {text!r}")
        return number

    return read


def positive(what: str) -> Callable[[str], float]:
    """Return what reads a number above 0.

    Args:
        what: What is accepted, for the message: ``a number of seconds``.
    """

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"{what} above 0 is accepted, got {text!r}")
        return number

    return read


positive_seconds = positive("a number of seconds")


def json_file(text: str) -> Path:
    """Read the name of a file to write: before the work, that nothing is lost for a slip.

    Raises:
        argparse.ArgumentTypeError: If nothing can be written there, or it would replace something else.
    """
    # Not at the top: it imports PyAV, which takes longer than the answer to --help may.
    from vidmask.data.writers import check_writable

    path = Path(text).expanduser()
    if path.suffix.lower() != ".json":
        raise argparse.ArgumentTypeError(f"a name that ends in .json is accepted, got {text!r}")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a folder")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no folder {path.parent}")
    try:
        check_writable(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path
