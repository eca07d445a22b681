"""Arguments that several verbs of ``vidmask data`` share."""

import argparse


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers``."""
    parser.add_argument(
        "--workers",
        type=int,
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
