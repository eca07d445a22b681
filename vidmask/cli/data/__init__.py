"""``vidmask data``: make data sets, check them, prepare them, and measure how fast they are read."""

import argparse

from vidmask.cli.data import bench, check, prepare, stats, synthesize

VERBS = {
    "bench": bench,
    "check": check,
    "prepare": prepare,
    "stats": stats,
    "synthesize": synthesize,
}
"""Modules with ``HELP``, ``DESCRIPTION``, ``add_arguments(parser)`` and ``run(namespace)``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of ``vidmask data`` to its parser."""
    verbs = parser.add_subparsers(dest="data_verb", metavar="VERB", required=True)
    for name, module in VERBS.items():
        module.add_arguments(verbs.add_parser(name, help=module.HELP, description=module.DESCRIPTION))


def run(namespace: argparse.Namespace) -> int:
    """Carry out a verb of ``vidmask data`` and return the exit code."""
    return VERBS[namespace.data_verb].run(namespace)
