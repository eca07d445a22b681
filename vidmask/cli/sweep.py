"""``vidmask sweep``: a grid of runs, each in a process of its own, of which only what is missing is run."""

import argparse

from vidmask.cli.data.arguments import whole_number

EPILOG = """\
A sweep is a YAML file: base (a recipe, or several), grid (settings with their values), cases, seeds,
overrides, budget, evaluate, best, keep; experiments/ablations/README.md tells what each takes. Its runs are
filed under RUNS/sweeps/NAME, where NAME is the name of the file. The same command again runs what is missing:
what was interrupted goes on, what has finished is not repeated, what has failed is left without --retry."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument(
        "--config", required=True, metavar="SWEEP", help="file of the sweep, or its short name"
    )
    parser.add_argument(
        "--root", metavar="DIR", help="folder of all runs (default: VIDMASK_RUNS, or else runs)"
    )
    parser.add_argument("--name", help="name of the sweep's folder (default: that of the file)")
    parser.add_argument(
        "--jobs",
        type=whole_number(1),
        metavar="N",
        help="runs at a time (default: as many as the devices, or the cluster, suffice for; 1 on the CPU)",
    )
    parser.add_argument(
        "--devices",
        metavar="NUMBERS",
        help="GPUs to share, such as 0,1,2,3 (default: all that are visible); none for the CPU",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="run on the Ray cluster at auto, or HOST:PORT, that this machine is one of (extra ray); its "
        "machines share RUNS and the working directory, and have the same environment",
    )
    parser.add_argument(
        "--cpus-per-run",
        type=whole_number(1),
        metavar="N",
        help="CPUs that a run takes of the cluster, and threads that it computes with (default: 1); of GPUs "
        "it takes as many as trainer.devices says, if the cluster has any",
    )
    parser.add_argument("--retry", action="store_true", help="run again what has failed")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="list the runs with their cost, and run nothing; a tokenizer that they need is made",
    )


def run(namespace: argparse.Namespace) -> int:
    """Carry out the sweep and return the exit code: 1 where a run has failed."""
    from vidmask.cli import sweeping

    return sweeping.sweep(namespace)
