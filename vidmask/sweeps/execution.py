"""One run of a sweep carried out: its commands, one after the other, and what becomes of each."""

import dataclasses
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from vidmask import runs
from vidmask.sweeps.definition import Keep, SweepDefinition
from vidmask.sweeps.endings import reason_of
from vidmask.sweeps.occupancy import OccupiedError, occupied
from vidmask.sweeps.planning import PlannedRun
from vidmask.sweeps.processes import Processes, StoppedError, end_orphan
from vidmask.sweeps.records import RunRecord, StepRecord, read_record, write_record
from vidmask.sweeps.steps import ENCODER, Step, steps_of

STOPPED = "the sweep was stopped"


def missing(run: PlannedRun, record: RunRecord | None, folder: Path) -> list[Step]:
    """Return the commands of a run that have not finished.

    Where an evaluation is missing and the encoder was not kept, the training is too.
    """
    steps = list(steps_of(run))
    left = [step for step in steps if not _has_finished(step, record)]
    asks = any(step.encoder is not None and not (folder / step.encoder).is_file() for step in left)
    return [steps[0], *left] if asks and steps[0] not in left else left


def trainings_repeated(run: PlannedRun, folder: Path) -> bool:
    """Return whether a training that has finished is repeated, for an encoder that was not kept."""
    record = read_record(folder)
    fit = next(steps_of(run))
    return fit in missing(run, record, folder) and _has_finished(fit, record)


def carry_out(
    run: PlannedRun,
    folder: Path,
    definition: SweepDefinition,
    environment: Mapping[str, str],
    processes: Processes,
) -> RunRecord:
    """Carry out what is missing of a run, and write down what becomes of it.

    A training that was broken off, or failed, goes on from its newest checkpoint.

    Args:
        run: The run.
        folder: Its folder in the sweep.
        definition: The sweep.
        environment: Variables for its processes, such as which devices they see.
        processes: Runs the commands.

    Returns:
        What is known of it afterwards; its status is ``finished``, ``failed`` or ``interrupted``.
    """
    _end_the_one_before(folder)
    try:
        with occupied(folder, lambda: processes.stopped) as lock:
            return _carry_out(run, folder, definition, environment, processes, lock)
    except OccupiedError as error:
        record = begun(run, folder, definition)
        record.status, record.reason = "failed", str(error)
        if processes.stopped:
            record.status, record.reason = "interrupted", STOPPED
        write_record(folder, record)
        return record


def _end_the_one_before(folder: Path) -> None:
    """End a process that an earlier sweep, which was killed, has left to write into a run's folder.

    On another machine it ends by itself, and its lock is waited for.
    """
    record = read_record(folder)
    if record is not None and record.process is not None:
        end_orphan(record.process)


def _carry_out(
    run: PlannedRun,
    folder: Path,
    definition: SweepDefinition,
    environment: Mapping[str, str],
    processes: Processes,
    lock: int,
) -> RunRecord:
    record = begun(run, folder, definition)
    for step in missing(run, record, folder):
        known = record.step(step.name, step.key)
        if known is None or known.status == "finished":
            # Of an evaluation with other settings nothing is kept: there is one folder for it.
            record.steps = [each for each in record.steps if each.name != step.name]
            known = StepRecord(step.name, step.key, str(step.folder), step.log)
            record.steps.append(known)
            shutil.rmtree(folder / step.folder, ignore_errors=True)
            (folder / step.log).unlink(missing_ok=True)
        if not _do(step, known, folder, record, environment, processes, lock):
            record.status, record.reason = known.status, known.reason and f"{step.name}: {known.reason}"
            break
    else:
        record.status, record.reason = "finished", None
        thin_out(folder, record, definition.keep)
    record.process = None
    write_record(folder, record)
    return record


def begun(run: PlannedRun, folder: Path, definition: SweepDefinition) -> RunRecord:
    """Return the record of a run that begins, or goes on, now."""
    record = read_record(folder)
    if record is None:
        record = RunRecord(run.key, definition.name, run.cell.base, run.seed, {})
        record.started = time.strftime("%Y-%m-%d %H:%M:%S %z")
    _describe(record, run, definition)
    record.status, record.reason, record.process = "running", None, None
    record.attempts += 1
    write_record(folder, record)
    return record


def describe_anew(run: PlannedRun, folder: Path, definition: SweepDefinition) -> None:
    """Let the record of a run say which cell it is now: axes and labels change without another run."""
    record = read_record(folder)
    if record is not None:
        before = dataclasses.asdict(record)
        _describe(record, run, definition)
        if dataclasses.asdict(record) != before:
            write_record(folder, record)


def _describe(record: RunRecord, run: PlannedRun, definition: SweepDefinition) -> None:
    budget = definition.budget
    record.sweep, record.base, record.cell = definition.name, run.cell.base, dict(run.cell.labels)
    record.budget = budget and {**dataclasses.asdict(budget), "steps": run.steps}
    record.cost = run.cost and dataclasses.asdict(run.cost)


def thin_out(folder: Path, record: RunRecord, keep: Keep) -> None:
    """Remove from a finished run what is not to stay.

    Args:
        folder: The run's folder in the sweep.
        record: What is known of it.
        keep: What stays: everything; no checkpoints; or no weights, no events of TensorBoard and no
            moving pictures either.
    """
    if keep == "all":
        return
    for step in record.steps:
        trained = folder / step.folder
        shutil.rmtree(trained / runs.CHECKPOINTS, ignore_errors=True)
        if keep == "numbers":
            (trained / ENCODER).unlink(missing_ok=True)
            for pattern in ("events.out.tfevents.*", "reconstructions/*.gif"):
                for path in trained.glob(pattern):
                    path.unlink()


def _do(
    step: Step,
    known: StepRecord,
    folder: Path,
    record: RunRecord,
    environment: Mapping[str, str],
    processes: Processes,
    lock: int,
) -> bool:
    """Carry out one command and return whether it has finished."""
    if step.verb != "fit" or not step.goes_on(folder):
        shutil.rmtree(folder / step.folder, ignore_errors=True)
    known.status, known.reason = "running", None
    started, before = time.monotonic(), known.seconds

    def note(process: dict | None) -> None:
        record.process = process
        known.seconds = round(before + time.monotonic() - started, 3)
        write_record(folder, record)

    try:
        # The lock goes with the command: this process may be killed, and that one live on for a while.
        returncode = processes.run(step.words(folder), folder / step.log, environment, note, keep_open=[lock])
    except StoppedError:
        known.status, known.reason = "interrupted", STOPPED
        return False
    wrong = step.contradiction(folder) if returncode == 0 else reason_of(returncode, folder / step.log)
    if wrong is None:
        known.status = "finished"
    elif processes.stopped:
        known.status, known.reason = "interrupted", STOPPED
    else:
        known.status, known.reason = "failed", wrong
    note(None)
    return known.status == "finished"


def _has_finished(step: Step, record: RunRecord | None) -> bool:
    known = record and record.step(step.name, step.key)
    return known is not None and known.status == "finished"
