"""``vidmask data bench``: how fast clips come, how fast the model takes them, and what to change."""

import argparse
import tempfile
from pathlib import Path

from vidmask.cli.data.arguments import json_file, positive_seconds
from vidmask.cli.recipe_words import keep_recipe_words

HELP = "measure the way of the data and the model of a recipe, and name the bottleneck"
DESCRIPTION = """\
Measure how many clips a second each reader gives in each number of workers, where the time of a clip goes,
and how many the training step takes on this machine; then train for seconds, as configured and with what
promises to be faster; name the bottleneck and the setting to change. All other options are those of vidmask
fit: vidmask data bench --config folder/mae_st --data.root DIR. Nothing is filed, and no weights are kept."""
USAGE = """\
%(prog)s --config RECIPE [any setting of vidmask fit] [--readers A,B] [--workers 0,1,2]
                          [--seconds S] [--json FILE]"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb; those that it does not know are kept for ``vidmask fit``."""
    parser.usage = USAGE
    parser.add_argument(
        "--readers", metavar="A,B", help="readers to compare (default: all that are installed)"
    )
    parser.add_argument(
        "--workers",
        type=_numbers,
        metavar="0,1,2",
        help="numbers of workers to compare (default: 0, 1, 2, 4, … up to the processors; the recipe's in any"
        " case)",
    )
    parser.add_argument(
        "--seconds",
        type=positive_seconds,
        default=2.0,
        metavar="S",
        help="the least time of each measurement (default: %(default)s)",
    )
    parser.add_argument(
        "--json", type=json_file, metavar="FILE", help="write all numbers, and what machine it was"
    )
    keep_recipe_words(parser)


def run(namespace: argparse.Namespace) -> int:
    """Measure and print."""
    from vidmask.cli.bench_report import print_report, write_json
    from vidmask.cli.benchmark import benchmark

    with tempfile.TemporaryDirectory() as folder:
        result = benchmark(
            namespace.recipe_words,
            Path(folder),
            readers=None if namespace.readers is None else namespace.readers.split(","),
            workers=namespace.workers,
            seconds=namespace.seconds,
        )
    print_report(result)
    if namespace.json is not None:
        write_json(namespace.json, result)
    return 0


def _numbers(text: str) -> list[int] | None:
    if text == "auto":
        return None
    words = text.split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"whole numbers such as 0,1,2, or auto, are accepted, got {text!r}")
    return sorted({int(word) for word in words})
