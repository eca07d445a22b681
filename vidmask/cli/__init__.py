"""The command line: ``vidmask VERB …``.

Nothing heavy is imported before the verb is known, so that ``vidmask --help`` answers at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import vidmask
from vidmask.cli.errors import SHORTENED, Mistake, did_you_mean, explain

INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell has it."""

TRAINING_VERBS = {
    "fit": "train from a recipe: vidmask fit --config quickstart/mae_st",
    "validate": "score a checkpoint on the validation split",
    "test": "score a checkpoint on the test split",
    "predict": "write the features of a checkpoint's encoder",
}
"""Verbs that Lightning carries out; see ``vidmask.cli.training``."""

OTHER_VERBS = {
    "data": "make and look at data sets",
    "show": "draw what a recipe hides and what it asks for",
    "sweep": "run a grid of settings, each with several seeds",
    "report": "write a page of what runs and sweeps have found",
    "probe": "read off the features that predict wrote: nearest neighbours, linear and attentive probes",
}
"""Verbs with a module of their name in ``vidmask.cli``: ``add_arguments(parser)`` and ``run(namespace)``."""

EPILOG = """\
vidmask VERB --help lists what a verb takes. Recipes go by short name or path, any setting can be
overridden with dots: vidmask fit --config quickstart/mae_st --model.lr 1e-3 --trainer.max_steps 300
--traceback, or VIDMASK_TRACEBACK=1, shows where an error comes from."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        args: The words after ``vidmask``; those of the process if None.
    """
    words = list(sys.argv[1:] if args is None else args)
    with_traceback = "--traceback" in words or os.environ.get("VIDMASK_TRACEBACK") == "1"
    try:
        return _dispatch([word for word in words if word != "--traceback"])
    except KeyboardInterrupt:
        # Verbs that keep what they had done say so themselves.
        print("vidmask: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (Mistake, RuntimeError, *SHORTENED) as error:
        lines = None if with_traceback else explain(error)
        if lines is None:
            raise
        print(_format(lines), file=sys.stderr)
        return 2


class VerbParser(argparse.ArgumentParser):
    """An argument parser whose mistakes are told in one place."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        options = [option for action in self._actions for option in action.option_strings]
        unknown = message.removeprefix("unrecognized arguments: ").split()[0]
        raise Mistake(message, did_you_mean(unknown, options), f"see: {self.prog} --help")


def _dispatch(words: list[str]) -> int:
    verb = words[0] if words else "--help"
    if verb in TRAINING_VERBS:
        importlib.import_module("vidmask.cli.training").run(words)
    elif verb in OTHER_VERBS:
        module = importlib.import_module(f"vidmask.cli.{verb}")
        parser = VerbParser(prog=f"vidmask {verb}", description=OTHER_VERBS[verb])
        module.add_arguments(parser)
        return module.run(parser.parse_args(words[1:])) or 0
    elif verb.startswith("-"):
        _overview().parse_args(words or ["--help"])
    else:
        verbs = [*TRAINING_VERBS, *OTHER_VERBS]
        raise Mistake(f"no verb {verb!r}; there are {', '.join(verbs)}", did_you_mean(verb, verbs))
    return 0


def _overview() -> argparse.ArgumentParser:
    parser = VerbParser(
        prog="vidmask",
        description="Masked self-supervised learning from video.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vidmask {vidmask.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for verb, help_text in {**TRAINING_VERBS, **OTHER_VERBS}.items():
        verbs.add_parser(verb, help=help_text)
    return parser


def _format(lines: Sequence[str]) -> str:
    return "\n".join([f"vidmask: {lines[0]}", *(f"  {line}" for line in lines[1:])])
