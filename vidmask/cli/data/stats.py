"""``vidmask data stats``: what a data set is like, as table and picture."""

import argparse

from vidmask.cli.data.arguments import add_workers, json_file, positive_seconds, whole_number

HELP = "measure a data set: classes, durations, sizes, frame rates, pixels"
DESCRIPTION = """\
Measure a data set and print for each split its classes, durations, sizes, frame rates and codecs, then the
mean and standard deviation of pixels over a sample of its videos. Of each file the header and the first
frame are read; of a manifest (vidmask data check) no file but those of the sample. Videos that cannot be
read are counted and named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder of videos, a list, a manifest, or a data set's name and folder: kinetics400:DIR",
    )
    parser.add_argument(
        "--videos",
        type=whole_number(0),
        default=256,
        metavar="N",
        help="videos drawn for the pixels, of the training split if there is one; 0: no pixels "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="draws these videos (default: %(default)s)",
    )
    parser.add_argument(
        "--clip-seconds",
        type=positive_seconds,
        default=64 / 30,
        metavar="S",
        help="count shorter videos (default: 2.13, 16 frames, every fourth, at 30 a second)",
    )
    parser.add_argument(
        "--json",
        type=json_file,
        metavar="FILE",
        help="write everything there too, each class and each file; ends in .json",
    )
    parser.add_argument(
        "--picture",
        metavar="FILE",
        help="draw it all there too, as .png, .pdf or .svg (default: no picture)",
    )
    add_workers(parser)
    parser.add_argument(
        "--timeout",
        type=positive_seconds,
        default=60.0,
        metavar="S",
        help="seconds after which a video counts as unreadable, but with --workers 0 (default: %(default)g)",
    )


def run(namespace: argparse.Namespace) -> int:
    """Measure the data set and return the exit code."""
    import json
    from pathlib import Path

    from vidmask.cli.console import unbroken_console
    from vidmask.data.statistics.gathering import statistics
    from vidmask.data.statistics.picture import check_picture_path, write_picture
    from vidmask.data.statistics.table import StatisticsTable
    from vidmask.data.writers import write_text

    # Before hours of work rather than after.
    if namespace.picture is not None:
        check_picture_path(Path(namespace.picture))
    found = statistics(
        namespace.source,
        namespace.videos,
        namespace.seed,
        clip_seconds=namespace.clip_seconds,
        num_workers=namespace.workers,
        timeout_seconds=namespace.timeout,
        with_bar=True,
    )
    unbroken_console().print(StatisticsTable(found), soft_wrap=True)
    if namespace.json is not None:
        write_text(namespace.json, json.dumps(found.as_json(), indent=1) + "\n")
    if namespace.picture is not None:
        write_picture(Path(namespace.picture), found)
    return 0
