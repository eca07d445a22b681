"""``vidmask report``: a page of what runs have found, with a Markdown and a CSV beside it."""

import argparse
from importlib.util import find_spec as _found
from pathlib import Path

from vidmask.cli.errors import Mistake

NEEDED = ("pandas", "scipy", "seaborn", "jinja2")
"""What the extra ``report`` brings."""

DESCRIPTION = """\
Write one page that needs no network: scores of each cell with intervals over seeds, differences where seeds
are shared, curves, budgets, reconstructions, failures and settings. Beside it, under the same name, stand a
Markdown with its text and tables, and a CSV with a row for each score of each run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.description = DESCRIPTION
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUNS", help="folder of a run or a sweep, or of several"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page; ends in .html (default: %(default)s)",
    )
    parser.add_argument(
        "--metric",
        metavar="NAME",
        help="score that is shown first: a read-out such as linear_mean, with its label motion/linear_mean",
    )
    parser.add_argument(
        "--reference",
        metavar="CELL",
        help="cell that the others are compared with, by its name on the page (default: the first)",
    )
    parser.add_argument("--title", metavar="TEXT", help="heading of the page (default: the sweeps' names)")


def run(namespace: argparse.Namespace) -> int:
    """Write the three files and say where."""
    out: Path = namespace.out.expanduser()
    _check(out)
    from vidmask.report import write_report

    paths = [path.expanduser() for path in namespace.runs]
    written = write_report(
        paths, out, metric=namespace.metric, reference=namespace.reference, title=namespace.title
    )
    for path in written:
        print(path)
    return 0


def _check(out: Path) -> None:
    """Say before the work that it would be in vain."""
    if out.suffix.lower() != ".html":
        raise Mistake(f"-o takes a name that ends in .html, got {out}")
    if not out.parent.is_dir():
        raise Mistake(f"-o {out}: there is no folder {out.parent}")
    if out.is_dir():
        raise Mistake(f"-o {out}: that is a folder")
    missing = [name for name in NEEDED if _found(name) is None]
    if missing:
        raise Mistake(f"vidmask report needs {', '.join(missing)}: pip install 'vidmask[report]'")
