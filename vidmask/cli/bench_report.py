"""What ``vidmask data bench`` shows: tables for people, JSON for programs."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vidmask import environment
from vidmask.cli.benchmark import Benchmark
from vidmask.data.processes import processors
from vidmask.data.readers import ReaderName
from vidmask.data.stages import STAGES
from vidmask.data.throughput import LoaderSetting
from vidmask.data.words import escaped
from vidmask.data.writers import write_text

Section = tuple[str, Table, str]
"""A table with its title and a note, which may be empty."""


def print_report(result: Benchmark) -> None:
    """Print the tables, what was skipped, and the verdict."""
    console = Console()

    def say(text: str = "") -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    measured = result.measured
    say(
        f"{result.recipe}: batches of {measured.batch_size} clips of {result.frames} × {result.size} × "
        f"{result.size}, {measured.repeats} of each opened video"
    )
    say(
        f"{processors()} processors, load before {result.load:.1f}; training on {result.device}, "
        f"{measured.precision}"
    )
    if result.frame_folders:
        say("The videos are folders of frames, which --data.reader does not concern.")
    for title, table, note in (_loaders(result), _stages(result), _trainings(result)):
        say()
        # A title of the table's own would be broken to its width.
        say(title)
        console.print(table)
        if note:
            say(note)
    say()
    for line in (*_skipped(result), *verdict_lines(result)):
        say(line)


def verdict_lines(result: Benchmark) -> list[str]:
    """Return the bottleneck and what to change, in a few lines."""
    verdict = result.verdict
    return [
        f"Bottleneck: {verdict.bottleneck}",
        *(f"  {line}" for line in verdict.reason),
        f"Change: {verdict.setting or 'no setting of the data'}",
        *(f"  {line}" for line in verdict.advice),
    ]


def write_json(file: Path, result: Benchmark) -> None:
    """Write all numbers, and what machine, code and libraries gave them."""
    content = {**asdict(result), "processors": processors(), "environment": environment.describe()}
    for stages, told in zip(result.measured.stages, content["measured"]["stages"], strict=True):
        told["other"] = stages.other
    write_text(file, json.dumps(content, indent=2) + "\n")


def _loaders(result: Benchmark) -> Section:
    measured = result.measured
    table = Table("workers")
    rates = {loader.setting: loader for loader in measured.loaders}
    readers: list[ReaderName] = list(dict.fromkeys(setting.reader for setting in rates))
    for reader in readers:
        table.add_column(f"{_name(reader, result)}\nclips/s", justify="right")
        table.add_column("first batch\ns", justify="right")
    for number in dict.fromkeys(setting.num_workers for setting in rates):
        row = [str(number)]
        for reader in readers:
            loader = rates[LoaderSetting(reader, number)]
            mark = "*" if loader.setting == measured.trainings[0].setting else " "
            row += [f"{loader.clips_per_second:.1f} {mark}", f"{loader.first_batch_seconds:.2f}"]
        table.add_row(*row)
    return "Loader alone", table, "* as configured"


def _stages(result: Benchmark) -> Section:
    table = Table("")
    for stages in result.measured.stages:
        table.add_column(f"{_name(stages.reader, result)}\nms", justify="right")
        table.add_column("\n%", justify="right")
    for name in (*STAGES, "other"):
        row = [name]
        for stages in result.measured.stages:
            spent = stages.other if name == "other" else stages.milliseconds[name]
            row += [f"{spent:.2f}", f"{100 * spent / stages.total:.0f}"]
        table.add_row(*row, end_section=name == "other")
    totals = ["together"]
    for stages in result.measured.stages:
        totals += [f"{stages.total:.2f}", "100"]
    table.add_row(*totals)
    in_worker = result.measured.trainings[0].setting.num_workers > 0
    title = f"Time of a clip in one process{' with one thread, as a worker has it' if in_worker else ''}"
    has_torchcodec = any(stages.reader == "torchcodec" for stages in result.measured.stages)
    whole = has_torchcodec and not result.frame_folders
    return title, table, "torchcodec seeks and converts while it decodes" if whole else ""


def _trainings(result: Benchmark) -> Section:
    measured = result.measured
    step = measured.step
    table = Table("")
    table.add_column("clips/s", justify="right")
    table.add_column("waits for data", justify="right")
    table.add_row(
        f"batches always ready: {step.step_milliseconds:.0f} ms a step", f"{step.clips_per_second:.1f}", ""
    )
    for place, training in enumerate(measured.trainings):
        what = "tried" if place else "as configured"
        row = f"{what}: {training.setting}"
        table.add_row(row, f"{training.clips_per_second:.1f}", f"{training.data_wait:.0%}")
    share = step.augment_milliseconds / step.step_milliseconds
    return "Training", table, f"float and augmentations on the device are {share:.0%} of a step"


def _skipped(result: Benchmark) -> list[str]:
    """Say for each reader what it could not read."""
    lines = []
    readers = dict.fromkeys(loader.setting.reader for loader in result.measured.loaders)
    for reader in readers:
        loaders = [loader for loader in result.measured.loaders if loader.setting.reader == reader]
        skipped = sum(loader.num_skipped for loader in loaders)
        due = skipped + sum(loader.num_clips for loader in loaders)
        unreadable = {path: why for loader in loaders for path, why in loader.unreadable.items()}
        if unreadable:
            lines += [
                f"{_name(reader, result)} could not read {skipped} of {due} clips, which count in no rate; "
                f"of {len(unreadable)} file(s), the first:",
                f"  {escaped(' '.join(next(iter(unreadable.values())).split()))}",
            ]
    if lines:
        lines += [f"vidmask fit stops above a share of {result.max_skipped_share:g} of the videos", ""]
    return lines


def _name(reader: str, result: Benchmark) -> str:
    return "frames" if result.frame_folders else reader
