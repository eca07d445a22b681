"""``vidmask data synthesize``: make a MovingShapes data set."""

import argparse
import sys
import time

HELP = "make a MovingShapes data set of any size"
DESCRIPTION = """\
Make a folder of MovingShapes: H.264 files of eight shapes in eight motions, with two independent labels in
labels.csv. An interrupted run is continued by the same command; a complete folder is left alone. Train on
it with --data.source.init_args.root DIR."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("--out", metavar="DIR", required=True, help="the folder: new, empty or interrupted")
    parser.add_argument(
        "--preset", default="easy", metavar="NAME", help="easy, standard or hard (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="whole number from 0 (default: %(default)s)"
    )
    for split, name in (("train", "training"), ("val", "validation"), ("test", "test")):
        parser.add_argument(
            f"--{split}",
            type=int,
            metavar="N",
            help=f"videos in the {name} split (default: the preset's number)",
        )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes at work (default: one for each processor; 0: this one)",
    )


def run(namespace: argparse.Namespace) -> int:
    """Make the data set and return the exit code."""
    from vidmask.data.moving_shapes.generation import synthesize

    start = time.perf_counter()
    made = synthesize(
        namespace.out,
        namespace.preset,
        namespace.seed,
        num_train=namespace.train,
        num_val=namespace.val,
        num_test=namespace.test,
        num_workers=namespace.workers,
    )
    if made:
        print(f"{namespace.out}: made in {time.perf_counter() - start:.1f} s")
    else:
        print(f"{namespace.out}: complete already, nothing to do", file=sys.stderr)
    return 0
