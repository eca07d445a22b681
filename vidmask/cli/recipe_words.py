"""Verbs that take a recipe beside options of their own: what they do not know is said to ``vidmask fit``."""

import argparse
from functools import partial
from typing import Any


def keep_recipe_words(parser: argparse.ArgumentParser) -> None:
    """Let a parser put the words that it does not know into ``recipe_words`` of what it returns."""
    parser.parse_known_args = partial(_keep_the_others, parser.parse_known_args)


def _keep_the_others(
    parse: Any, args: Any = None, namespace: Any = None
) -> tuple[argparse.Namespace, list[str]]:
    known, others = parse(args, namespace)
    known.recipe_words = others
    return known, []
