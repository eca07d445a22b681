"""``vidmask data check``: find the broken videos of a data set, and write a manifest of all."""

import argparse
import sys
import time

from vidmask.cli.data.arguments import add_strict, add_workers, positive_seconds

HELP = "find broken videos, and write a manifest of all that training can read"
DESCRIPTION = """\
Open every video, decode its first and last frame and five between, and write a manifest: a row for each with
its size, hash, codec, frames and a verdict (ok, suspect, broken) with its reason. SOURCE is a folder of
videos, a list (.csv, .tsv, .txt), a manifest, or a data set such as kinetics400:DIR. An interrupted check
goes on when the same command is given again. Train on the manifest with --data.source Manifest
--data.source.init_args.root MANIFEST: broken videos are left out."""

_TIMEOUT_SECONDS, _FULL_TIMEOUT_SECONDS = 60.0, 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("source", metavar="SOURCE", help="the videos")
    parser.add_argument(
        "--out", metavar="MANIFEST", required=True, help="where to write: ends in .csv or .parquet"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="decode every frame: finds all damage that can be found, and takes as long as an epoch",
    )
    add_workers(parser)
    parser.add_argument(
        "--timeout",
        type=positive_seconds,
        metavar="SECONDS",
        help=f"what takes longer is broken (default: {_TIMEOUT_SECONDS:g}; with --full "
        f"{_FULL_TIMEOUT_SECONDS:g})",
    )
    add_strict(parser)


def run(namespace: argparse.Namespace) -> int:
    """Check the videos and return the exit code."""
    from pathlib import Path

    from vidmask.cli import INTERRUPTED
    from vidmask.data.curation.checking import check, journal_path
    from vidmask.data.curation.summary import Summary
    from vidmask.data.words import counted

    start = time.perf_counter()
    default = _FULL_TIMEOUT_SECONDS if namespace.full else _TIMEOUT_SECONDS
    try:
        checked = check(
            namespace.source,
            namespace.out,
            full=namespace.full,
            num_workers=namespace.workers,
            timeout_seconds=default if namespace.timeout is None else namespace.timeout,
        )
    except KeyboardInterrupt:
        journal = journal_path(Path(namespace.out).expanduser())
        if not journal.exists():
            raise
        print(
            f"interrupted; what was found out is kept in {journal}: the same command goes on", file=sys.stderr
        )
        return INTERRUPTED
    seconds = time.perf_counter() - start
    number, resumed = len(checked.records), checked.resumed
    before = f", {resumed} of them by the interrupted check before" if resumed else ""
    print(f"{namespace.out}: {counted(number, 'video')} checked in {seconds:.1f} s{before}")
    summary = Summary(checked.records)
    for line in summary.lines(checked.candidates.others):
        print(line)
    if checked.candidates.refusal:
        print(f"the folder itself cannot be trained on as it is: {checked.candidates.refusal}")
    return int(namespace.strict and summary.verdicts["broken"] > 0)
