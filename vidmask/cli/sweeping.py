"""How a sweep is planned, carried out and shown."""

import argparse
import dataclasses
import fcntl
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import monotonic
from types import FrameType

import torch
from rich.live import Live

from vidmask import recipes, runs
from vidmask.cli.console import unbroken_console
from vidmask.cli.cost_process import CostProcess
from vidmask.cli.errors import Mistake
from vidmask.cli.resolving import resolve, resolve_config
from vidmask.sweeps.budget import Cost
from vidmask.sweeps.cluster import RayRunner, connected
from vidmask.sweeps.costs import Costs
from vidmask.sweeps.definition import SweepDefinition, read_definition
from vidmask.sweeps.estimates import duration, plan_table
from vidmask.sweeps.execution import describe_anew, trainings_repeated
from vidmask.sweeps.local import LocalRunner, threads_of
from vidmask.sweeps.planning import PlannedRun, Planner, cost_key, write_plan
from vidmask.sweeps.records import RECORD
from vidmask.sweeps.settings import Config
from vidmask.sweeps.standing import Standing

FOLDER = "sweeps"
"""Name of the folder of sweeps among all runs."""

COPY = "sweep.yaml"
LOCK = ".lock"

LINES, TABLES = 60.0, 2.0
"""Seconds between two lines where the output is no terminal, and between two tables where it is one."""

FAILED = 1
"""Exit code where a run has failed and all others have been carried out."""


def sweep(options: argparse.Namespace) -> int:
    """Carry out ``vidmask sweep`` and return its exit code.

    Raises:
        Mistake: For what the user can put right, before any run is begun.
    """
    path = recipes.find_sweep(options.config)
    definition = read_definition(path)
    for base in (*definition.bases, *definition.evaluate):
        recipes.find(base)
    devices = _devices(options)
    if options.name is not None:
        definition = dataclasses.replace(definition, name=_name(options.name))
    folder = runs.root_folder(options.root) / FOLDER / definition.name
    if options.dry_run:
        planned, _ = _planned(definition, folder if folder.is_dir() else None, options, devices)
        _show_plan(definition, planned)
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder), nullcontext() if options.ray is None else connected(options.ray):
        planned, jobs = _planned(definition, folder, options, devices)
        runner = LocalRunner(jobs, devices)
        if options.ray is not None:
            runner = RayRunner(options.jobs, options.cpus_per_run or 1, on_gpus=options.devices != "none")
            jobs = runner.room(planned)
            print(f"sweep: {runner.describe(planned)}", flush=True)
        _check_same_sweep(folder, planned)
        shutil.copyfile(path, folder / COPY)
        write_plan(folder, definition, planned)
        for run in planned:
            describe_anew(run, folder / run.key, definition)
        standing = Standing(definition, planned, folder, jobs)
        wanted = ("waiting", "running", "interrupted", *(["failed"] if options.retry else []))
        records = standing.records()
        due = [run for run in planned if standing.status(run, records.get(run.key)) in wanted]
        repeated = sum(trainings_repeated(run, folder / run.key) for run in due)
        if repeated:
            print(f"sweep: {repeated} trainings are repeated, as their encoders were not kept", flush=True)
        print(f"sweep: {len(due)} of {len(planned)} runs to do, {jobs} at a time, in {folder}", flush=True)
        try:
            with _shown(standing) as look, _sigterm_as_ctrl_c():
                runner.run(due, folder, definition, look)
        except KeyboardInterrupt:
            print(f"{standing.headline()}; the same command goes on", flush=True)
            raise
    return _told(standing)


def _planned(
    definition: SweepDefinition, folder: Path | None, options: argparse.Namespace, devices: Sequence[str]
) -> tuple[list[PlannedRun], int]:
    """Return the runs, and how many are carried out at a time."""
    jobs = options.jobs or 1
    costs = Costs(folder, keep=not options.dry_run)
    print(f"sweep: planning {definition.name}", file=sys.stderr, flush=True)
    with CostProcess(_environment(jobs, options, devices)) as process:

        def cost(base: str, config: Config) -> Cost | None:
            # Not by the number of threads: with another number of jobs, the steps that a budget of seconds
            # came to stay.
            key = f"{cost_key(config)} on {_kind_of_device(devices, config)}"
            if key not in costs:
                costs.add(key, process.measure(base, config))
            return costs[key]

        planned = Planner(resolve, resolve_config, cost).plan(definition)
    if options.jobs is None and devices:
        jobs = max(len(devices) // max(run.num_devices for run in planned), 1)
    return planned, jobs


def _environment(jobs: int, options: argparse.Namespace, devices: Sequence[str]) -> dict[str, str]:
    """Return the variables by which a process computes as each of the runs will."""
    if devices:
        return {"CUDA_VISIBLE_DEVICES": devices[0]}
    threads = threads_of(jobs) if options.ray is None else options.cpus_per_run or 1
    seen = {} if options.ray is not None and options.devices is None else {"CUDA_VISIBLE_DEVICES": ""}
    return {"OMP_NUM_THREADS": str(threads), **seen}


def _kind_of_device(devices: Sequence[str], config: Config) -> str:
    accelerator = config["trainer"].get("accelerator")
    if not devices or accelerator == "cpu":
        return "CPU"
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else str(accelerator)


def _devices(options: argparse.Namespace) -> list[str]:
    """Return the numbers of the GPUs that the runs share; of a cluster's GPUs Ray keeps account."""
    given = options.devices
    if options.ray is not None:
        if given not in (None, "none"):
            raise Mistake(f"--devices {given} is for this machine: on a cluster Ray hands out the GPUs")
        return []
    if options.cpus_per_run is not None:
        raise Mistake("--cpus-per-run is for a cluster, and needs --ray")
    if given is None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible:
            return [number.strip() for number in visible.split(",")]
        return [str(number) for number in range(torch.cuda.device_count())]
    if given == "none":
        return []
    numbers = [number.strip() for number in given.split(",")]
    if not all(numbers) or len(set(numbers)) < len(numbers):
        raise Mistake(f"--devices takes numbers of GPUs, such as 0,1,2,3, or none, got {given!r}")
    return numbers


def _name(given: str) -> str:
    if Path(given).name != given or given in ("", ".", ".."):
        raise Mistake(f"--name is the name of one folder, without slashes, got {given!r}")
    return given


def _check_same_sweep(folder: Path, planned: Sequence[PlannedRun]) -> None:
    """Refuse to take the place of another sweep, none of whose runs is one of this."""
    there = {path.parent.name for path in folder.glob(f"*/{RECORD}")}
    if there and there.isdisjoint(run.key for run in planned):
        raise Mistake(
            f"{folder} holds {len(there)} runs, and none of them is one of this sweep",
            "--name NAME files this sweep under another name; or remove that folder",
        )


def _show_plan(definition: SweepDefinition, planned: Sequence[PlannedRun]) -> None:
    console = unbroken_console()
    console.print(plan_table(definition, planned))
    each = [run.cost.seconds_per_step for run in planned if run.cost is not None and run.steps is not None]
    if len(each) == len(planned) and None not in each:
        total = sum(
            run.steps * run.cost.seconds_per_step  # pyright: ignore[reportOptionalMemberAccess, reportOperatorIssue, reportOptionalOperand]
            for run in planned
        )
        console.print(f"training of all: {duration(total)}, one run after the other, on this machine")
    console.print(
        "counted is training alone: not making data or a tokenizer, waiting for data, validation, probes and "
        "evaluations"
    )


@contextmanager
def _shown(standing: Standing) -> Iterator[Callable[[], None]]:
    """Show how the sweep stands: a table that is drawn anew, or a line now and then; yield what to call."""
    console = unbroken_console()
    if not console.is_terminal:
        last = monotonic()

        def line() -> None:
            nonlocal last
            if monotonic() - last >= LINES:
                last = monotonic()
                print(standing.headline(), flush=True)

        yield line
        return
    with Live(standing.table(), console=console, auto_refresh=False) as live:
        drawn = monotonic()

        def draw() -> None:
            nonlocal drawn
            if monotonic() - drawn >= TABLES:
                live.update(standing.table(), refresh=True)
                drawn = monotonic()

        yield draw


def _told(standing: Standing) -> int:
    """Print how the sweep has ended and return the exit code."""
    console = unbroken_console()
    console.print(standing.table())
    for line in standing.failures():
        console.print(line, soft_wrap=True)
    if standing.counts()["failed"]:
        console.print("what has failed is run again with --retry", soft_wrap=True)
    console.print(f"vidmask report {standing.folder} -o report.html draws what came out", soft_wrap=True)
    return FAILED if standing.counts()["failed"] else 0


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """End everything in order when whoever started the sweep ends it, such as a scheduler of jobs."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let no other process carry out the same sweep.

    Raises:
        Mistake: If one does.
    """
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Mistake(
                f"the sweep in {folder} is being carried out already",
                "wait for it, or stop it; another --root is another sweep",
            ) from error
        yield
