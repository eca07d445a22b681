"""``vidmask probe``: what can be read off features that ``vidmask predict`` wrote."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vidmask.cli.data.arguments import json_file, positive, whole_number

if TYPE_CHECKING:
    from vidmask.features import Features
    from vidmask.probing import LabelScores

SPLITS = ("train", "val", "test")
PROBES = ("knn", "linear", "attentive")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "features", metavar="FEATURES", help="folder that vidmask predict wrote: RUN/predict/features"
    )
    parser.add_argument(
        "--label",
        action="append",
        metavar="NAME",
        help="label to be answered; may be given again (default: all)",
    )
    parser.add_argument(
        "--probes",
        type=_probes,
        default=PROBES,
        metavar="NAMES",
        help=f"any of {','.join(PROBES)} (default: all; attentive needs tokens)",
    )
    parser.add_argument(
        "--train", choices=SPLITS, default="train", help="split that is fitted to (default: %(default)s)"
    )
    parser.add_argument(
        "--score", choices=SPLITS, help="split that is scored (default: test if there, else val)"
    )
    parser.add_argument(
        "--l2",
        type=positive("a number"),
        metavar="X",
        help="penalty of the linear probe (default: chosen on a fifth of the training videos)",
    )
    parser.add_argument(
        "--epochs",
        type=whole_number(1),
        default=20,
        metavar="N",
        help="passes of the attentive probe over the training clips (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="of the attentive probe's first weights, batches and held-out videos (default: %(default)s)",
    )
    parser.add_argument(
        "--json", type=json_file, metavar="FILE", help="write everything there too; ends in .json"
    )


def run(namespace: argparse.Namespace) -> int:
    """Probe the features and return the exit code."""
    import dataclasses
    import json
    from pathlib import Path

    import torch

    from vidmask.cli.console import unbroken_console
    from vidmask.data.writers import write_text
    from vidmask.features import read_features, shards_of
    from vidmask.probing import ProbeOptions, Schedule, check_features, probe_label

    folder = Path(namespace.features).expanduser()
    score = _scored_split(folder, shards_of(folder).values(), namespace.train, namespace.score)
    train, scored = read_features(folder, namespace.train), read_features(folder, score)
    check_features(train, scored)
    labels = list(dict.fromkeys(namespace.label or train.classes))
    _check_labels(folder, labels, train, scored, score)
    options = ProbeOptions(
        l2=namespace.l2,
        schedule=Schedule(epochs=namespace.epochs, seed=namespace.seed),
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    console = unbroken_console()
    for split, features in ((namespace.train, train), (score, scored)):
        console.print(_described(split, features), soft_wrap=True)
    found = []
    for label in labels:
        found.append(probe_label(train, scored, label, namespace.probes, options))
        console.print()
        _print(console, found[-1], score)
    if namespace.json is not None:
        content = {
            "features": str(folder),
            "train": namespace.train,
            "score": score,
            "made_by": train.made_by,
            "skipped": {"train": len(train.skipped), "score": len(scored.skipped)},
            "labels": [dataclasses.asdict(one) for one in found],
        }
        write_text(namespace.json, json.dumps(content, indent=1) + "\n")
    return 0


def _probes(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= set(PROBES):
        raise argparse.ArgumentTypeError(f"any of {','.join(PROBES)} are accepted, got {text!r}")
    return names


def _scored_split(folder: Any, there: Any, train: str, score: str | None) -> str:
    there = list(dict.fromkeys(there))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: there is no such folder; vidmask predict writes RUN/predict/features"
        )
    if train not in there:
        found = ", ".join(there) or "no split"
        raise FileNotFoundError(
            f"{folder}: no features of {train!r} to fit to, but of {found}; vidmask predict writes them"
        )
    if score is None:
        score = next((split for split in ("test", "val") if split in there and split != train), None)
        if score is None:
            raise FileNotFoundError(
                f"{folder}: no features of test or val to score; predict with --data.predict_splits "
                "'[train,val,test]'"
            )
    elif score == train:
        raise ValueError(
            f"--score and --train are both {score}: a probe is scored on other videos than it saw"
        )
    elif score not in there:
        raise FileNotFoundError(f"{folder}: no features of {score!r} to score, but of {', '.join(there)}")
    return score


def _check_labels(
    folder: Any, labels: Sequence[str], train: "Features", scored: "Features", score: str
) -> None:
    from vidmask.data.words import printable

    known = ", ".join(map(printable, train.classes)) or "none"
    for label in labels:
        if label not in train.classes:
            raise ValueError(f"--label {printable(label)}: no such label in {folder}; there are: {known}")
    if not labels:
        raise ValueError(f"{folder}: the videos have no label, so nothing can be probed")
    if not any(label in scored.labels for label in labels):
        raise ValueError(
            f"{folder}: the videos of {score} have no label {' or '.join(map(printable, labels))}, so "
            "nothing can be scored; give another split as --score"
        )


def _described(split: str, features: "Features") -> str:
    from vidmask.data.words import counted

    videos, clips = len(features.video_index.unique()), len(features.paths)
    views = "" if clips == videos else f" in {counted(clips, 'clip')}"
    lost = f"; {counted(len(features.skipped), 'video')} could not be decoded" if features.skipped else ""
    return f"{split}: {counted(videos, 'video')}{views}{lost}"


def _print(console: Any, found: "LabelScores", score: str) -> None:
    from rich.table import Table

    from vidmask.data.words import counted, printable

    console.print(
        f"{printable(found.label)}: {counted(found.num_classes, 'class')}, fitted to "
        f"{counted(found.num_train, 'video')}, scored on {found.num_scored} of {score}",
        soft_wrap=True,
    )
    if found.scores:
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for column in ("", "top-1", "95 % interval", ""):
            table.add_column(column)
        for one in found.scores:
            accuracy = "-" if one.accuracy is None else f"{one.accuracy:.1%}"
            bounds = "" if one.interval is None else f"{one.interval.low:.1%} to {one.interval.high:.1%}"
            table.add_row(one.probe, accuracy, bounds, one.how)
        console.print(table)
    for remark in found.remarks:
        console.print(f"  {remark}", soft_wrap=True)
