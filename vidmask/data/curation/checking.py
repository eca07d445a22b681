"""Check the videos of a source in parallel, so that an interrupted check goes on, and write the manifest."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from vidmask.data.curation.candidates import Candidate, Candidates, find_candidates
from vidmask.data.curation.inspection import READER, status_of
from vidmask.data.curation.journal import Journal, told_what_is_kept
from vidmask.data.curation.rows import FIELDS, from_row, to_row
from vidmask.data.manifest import Record, check_suffix, is_manifest, iterate_manifest, write_manifest
from vidmask.data.processes import Failure, checked_workers, run_tasks
from vidmask.data.progress_bar import progress_bar

# Raised by every change after which a video may get another verdict: older journals are then refused.
CHECK_VERSION = 2

_SIZE, _MODIFIED = FIELDS.index("size_bytes"), FIELDS.index("modified_ns")


class Checked(NamedTuple):
    """What came of a check.

    Attributes:
        records: The rows of the manifest.
        candidates: The files that were to be checked.
        resumed: How many of them an interrupted check had done before.
    """

    records: Sequence[Record]
    candidates: Candidates
    resumed: int


def check(
    source: str,
    out: str | PathLike[str],
    *,
    full: bool = False,
    num_workers: int | None = None,
    timeout_seconds: float = 60.0,
) -> Checked:
    """Check every video of a source and write what was found to a manifest.

    What is found out about a file is kept beside the manifest in ``.<manifest>.journal`` until the manifest
    is written. A check that was interrupted, also by ``kill -9``, goes on from there, and checks files anew
    that have changed since. Files that took too long, or at which a process died, are tried again.

    Args:
        source: What ``open_source`` accepts.
        out: The manifest, ending in .csv or .parquet; an older one of that name is replaced.
        full: Whether every frame is decoded, and not the first, the last and five more.
        num_workers: Processes; None takes one for each processor, 0 works in this one, without a time limit.
        timeout_seconds: The longest that a file may take.

    Raises:
        FileNotFoundError: If the source, or the manifest's folder, does not exist.
        OSError: If the journal or the manifest cannot be written. What was found out is kept.
        ValueError: If the source or an argument is malformed, or another file lies where the manifest is to.
    """
    out = Path(out).expanduser()
    check_suffix(out)
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out.parent}: does not exist; give a manifest in a folder that does")
    if out.exists() and not is_manifest(out):
        raise ValueError(f"{out}: is there already and no manifest; give another name")
    workers = checked_workers(num_workers, timeout_seconds)
    candidates = find_candidates(source)
    if out.exists():
        _check_same_source(out, candidates)
    path = journal_path(out)
    try:
        with Journal(path, {"version": CHECK_VERSION, "full": full, "reader": READER}) as journal:
            _check_same_journal(path, journal, candidates)
            due = _Due(candidates, journal.answers, full)
            resumed = len(due.paths_seen) - len(due)
            failed = _check_files(due, journal, resumed, workers, timeout_seconds)
            records = _Records(candidates, journal.answers, failed)
            write_manifest(out, records)
            journal.discard()
    except OSError as error:
        raise told_what_is_kept(error, path) from error
    return Checked(records, candidates, resumed)


def journal_path(out: Path) -> Path:
    """Return where an interrupted check keeps what it had found out."""
    return out.with_name(f".{out.name}.journal")


def _check_same_source(out: Path, candidates: Candidates) -> None:
    """Refuse to replace a manifest of which no video is among those to be checked.

    Raises:
        ValueError: That there is none.
    """
    before: set[str] = set()
    damage = ""
    # Of a damaged one the rows before the damage tell.
    try:
        before.update(os.path.realpath(record.path) for record in iterate_manifest(out))
    except ValueError as error:
        damage = str(error)
    if damage and not before:
        raise ValueError(f"{damage}; it would be replaced: give another name, or delete it")
    if before and not _is_one_of(before, candidates):
        raise ValueError(
            f"{out}: is a manifest of none of these videos, but of such as {min(before)}; give another name, "
            "or delete it"
        )


def _check_same_journal(path: Path, journal: Journal, candidates: Candidates) -> None:
    """Refuse to drop what an interrupted check of other videos had found out.

    Raises:
        ValueError: That the journal is of other videos.
    """
    if journal.answers and not _is_one_of({os.path.realpath(key) for key in journal.answers}, candidates):
        raise ValueError(
            f"{path}: is of an interrupted check of none of these videos, but of such as "
            f"{min(journal.answers)}; let that check come to its end, delete the file, or give another name"
        )


def _is_one_of(paths: Set[str], candidates: Iterable[Candidate]) -> bool:
    """Tell whether one of the candidates is among the files, by whatever links it is reached."""
    return any(os.path.realpath(candidate.path) in paths for candidate in candidates)


class _Due(Sequence[dict[str, Any]]):
    """The tasks that are left: files that are not in the journal, or have changed since."""

    def __init__(self, candidates: Candidates, answers: Mapping[str, list[Any]], full: bool) -> None:
        self.paths_seen: set[str] = set()
        self._full = full
        self._tasks: list[tuple[str, bool]] = []
        for candidate in candidates:
            path = _key(candidate)
            if path not in self.paths_seen:
                self.paths_seen.add(path)
                if path not in answers or not _is_unchanged(path, answers[path]):
                    self._tasks.append((path, candidate.may_be_folder))

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, place: int) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        path, may_be_folder = self._tasks[place]
        return {"path": path, "full": self._full, "may_be_folder": may_be_folder}


class _Records(Sequence[Record]):
    """The rows of the manifest, each made when it is asked for."""

    def __init__(
        self, candidates: Candidates, answers: Mapping[str, list[Any]], failed: Mapping[str, list[Any]]
    ) -> None:
        self._candidates, self._answers, self._failed = candidates, answers, failed

    def __len__(self) -> int:
        return len(self._candidates)

    def __iter__(self) -> Iterator[Record]:
        for candidate in self._candidates:
            yield self._record(candidate)

    def __getitem__(self, place: int) -> Record:  # pyright: ignore[reportIncompatibleMethodOverride]
        return next(itertools.islice(self, place, None))

    def _record(self, candidate: Candidate) -> Record:
        path = _key(candidate)
        found = self._failed.get(path) or self._answers[path]
        return self._candidates.record(candidate, from_row(found))


def _check_files(
    due: _Due, journal: Journal, resumed: int, num_workers: int, timeout_seconds: float
) -> dict[str, list[Any]]:
    """Check the files that are left, and return what failed at the check itself."""
    failed: dict[str, list[Any]] = {}
    work = f"{__package__}.inspection:inspect"
    with progress_bar("checking", len(due) + resumed, resumed) as advance:
        for place, answer in run_tasks(work, due, num_workers, timeout_seconds=timeout_seconds):
            path = due[place]["path"]
            if isinstance(answer, Failure):
                # This run's, and not for the journal: a larger limit or more memory may do.
                failed[path] = to_row({"verdict": "broken", "reason": _told(answer)} | status_of(path))
            else:
                journal.add(path, to_row(answer))
            advance(1)
    return failed


def _key(candidate: Candidate) -> str:
    return os.path.abspath(candidate.path)  # noqa: PTH100


def _told(failure: Failure) -> str:
    if failure.kind == "timeout":
        return f"{failure.reason} to check; another --timeout gives it more"
    if failure.kind == "killed":
        return f"cannot be checked: {failure.reason}"
    return f"cannot be read: {failure.reason}"


def _is_unchanged(path: str, found: list[Any]) -> bool:
    """Tell whether a file is as it was; what was neither file nor folder of frames is looked at again."""
    status = status_of(path)
    is_same_size = found[_SIZE] == status.get("size_bytes", found[_SIZE])
    return bool(status) and is_same_size and found[_MODIFIED] == status["modified_ns"]
