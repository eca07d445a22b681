"""A recipe read as ``vidmask fit`` reads it, for its resolved configuration alone: nothing is built."""

import copy
import functools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from vidmask.cli.errors import Mistake
from vidmask.cli.training import TrainingCLI, run


class ResolvingCLI(TrainingCLI):
    """The command line of ``vidmask fit`` up to where its configuration is known."""

    resolved: dict[str, Any]

    def _set_seed(self) -> None:
        """Leave chance as it is."""

    def before_instantiate_classes(self) -> None:
        """Keep the configuration."""
        self.resolved = self._resolved()

    def instantiate_classes(self) -> None:
        """Build nothing."""

    def after_instantiate_classes(self) -> None:
        """Write nothing."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Train nothing."""


def resolve(words: Sequence[str]) -> dict[str, Any]:
    """Return the resolved configuration of the words that would follow ``vidmask fit``; equal words at once.

    Raises:
        Mistake: For what the user can put right, as in ``vidmask fit``.
    """
    return copy.deepcopy(_resolve(tuple(words)))


def resolve_config(recipe: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the resolved form of a whole configuration of a recipe: checked, with all defaults.

    Args:
        recipe: The recipe; modules beside it are found.
        config: The configuration.

    Raises:
        Mistake: For what the user can put right.
    """
    return copy.deepcopy(_resolve_config(recipe, json.dumps(config)))


@functools.cache
def _resolve(words: tuple[str, ...]) -> dict[str, Any]:
    cli = run(["fit", *words], ResolvingCLI)
    assert isinstance(cli, ResolvingCLI)
    return cli.resolved


@functools.cache
def _resolve_config(recipe: str, config: str) -> dict[str, Any]:
    # Not over the recipe: what the whole part leaves to its defaults would be taken from there.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{Path(recipe).stem}.yaml")
        path.write_text(yaml.safe_dump(json.loads(config), sort_keys=False), encoding="utf-8")
        try:
            return _resolve(("--config", str(path)))
        except Mistake as error:
            # The place in a file that is gone by now tells nobody anything.
            lines = [line for line in error.lines if folder not in line]
            raise Mistake(*lines, f"in a part that is laid over {recipe}") from error
