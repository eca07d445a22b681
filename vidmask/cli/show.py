"""``vidmask show``: the mask on a few clips, and what each head is asked for, as pictures."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from vidmask.cli.data.arguments import positive, whole_number
from vidmask.cli.errors import Mistake
from vidmask.cli.recipe_words import keep_recipe_words

if TYPE_CHECKING:
    from vidmask.cli.showing import ShowingCLI
    from vidmask.tokens import ClipBatch

SPLITS = ("train", "val", "test")
DESCRIPTION = """\
Draw, for a few clips, what a recipe hides and what each head is asked for, as PNG, GIF and MP4. With
--ckpt_path FILE, or 'last' for the newest of the recipe's latest run, what the trained model predicts stands
beside it. All other options are those of vidmask fit; no run is filed. Videos that a recipe makes, and the
tokenizer that it trains on first use, are made as in fit, and kept in the cache."""
USAGE = """\
%(prog)s --config RECIPE [any setting of vidmask fit] --out DIR [--ckpt_path FILE|last]
                    [--clips N] [--split SPLIT] [--fps X]"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb; those that it does not know are kept for ``vidmask fit``."""
    parser.usage, parser.description = USAGE, DESCRIPTION
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder that PNG, GIF and MP4 are written to"
    )
    parser.add_argument(
        "--clips", type=whole_number(1), default=2, metavar="N", help="clips shown (default: %(default)s)"
    )
    parser.add_argument(
        "--split", choices=SPLITS, help="split that they come from (default: val if there, else train)"
    )
    parser.add_argument(
        "--fps",
        type=positive("a number"),
        default=6.0,
        metavar="X",
        help="frames per second of what moves (default: %(default)s)",
    )
    keep_recipe_words(parser)


def run(namespace: argparse.Namespace) -> int:
    """Draw, write, and say where."""
    from vidmask.cli.showing import ShowingCLI
    from vidmask.cli.training import run as build
    from vidmask.show import shown, write_pictures

    out: Path = namespace.out.expanduser()
    _check_folder(out)
    cli = build(["fit", *namespace.recipe_words], ShowingCLI)
    assert isinstance(cli, ShowingCLI)
    cli.prepare()
    clips = _clips(cli, namespace)
    module = cli.module.to(cli.device).eval()
    pictures = shown(module, clips, predictions=cli.filing.checkpoint is not None)
    for path in write_pictures(pictures, out, namespace.fps):
        print(path)
    for name in module.objective.heads.keys() - pictures.keys():
        print(f"of the target of {name} there is no picture")
    return 0


def _check_folder(out: Path) -> None:
    """Say before the work that a folder cannot be written to."""
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise Mistake(f"--out takes a folder, and {there} is a file")
    if not os.access(there, os.W_OK):
        raise Mistake(f"--out {out}: {there} cannot be written to")


def _clips(cli: "ShowingCLI", namespace: argparse.Namespace) -> "ClipBatch":
    """Return so many fixed clips, on the device and as floats in [0, 1]."""
    for split in (namespace.split,) if namespace.split else ("val", "train"):
        batch = cli.clips(split, namespace.clips)
        if batch is not None:
            return batch
    where = f"split {namespace.split}" if namespace.split else "validation and no training split"
    raise Mistake(f"there is no {where} of which a clip could be shown")
