"""Write all videos of a source anew for fast training, in parallel, so that an interrupted call goes on."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from vidmask.data.curation.candidates import Candidate, Candidates, find_candidates
from vidmask.data.curation.inspection import status_of
from vidmask.data.curation.journal import Journal, told_what_is_kept
from vidmask.data.curation.naming import output_names
from vidmask.data.curation.rows import FIELDS, from_row, to_row
from vidmask.data.curation.transcoding import Coding
from vidmask.data.manifest import Record, write_manifest
from vidmask.data.processes import Failure, checked_workers, run_tasks
from vidmask.data.progress_bar import progress_bar
from vidmask.data.writers import unfinished_paths

# Raised by every change after which a video is written otherwise: older folders are then refused.
PREPARE_VERSION = 3

_FOLD = re.compile(r":[0-9]+$")

JOURNAL, MANIFEST = ".prepared.journal", "manifest.csv"

_SIZE = FIELDS.index("size_bytes")


@dataclass(frozen=True)
class Prepared:
    """What came of preparing.

    Attributes:
        records: The rows of the manifest: the files written, and under their own paths the videos that cannot
            be decoded.
        pairs: Each source with the file made of it.
        already: How many of these an earlier call had made.
        bytes_before: Length of the files that were prepared.
        bytes_after: Length of what was made of them.
        left_over: Files of the folder that were made of videos that are no longer in the source, or lie
            elsewhere there. They are not in the manifest, and nothing removes them.
    """

    records: Sequence[Record]
    pairs: Sequence[tuple[str, str]]
    already: int
    bytes_before: int
    bytes_after: int
    left_over: Sequence[str]


def prepare(
    source: str,
    out: str | PathLike[str],
    coding: Coding | None = None,
    *,
    num_workers: int | None = None,
    timeout_seconds: float | None = 600.0,
) -> Prepared:
    """Transcode every video of a source to ``out/<split>/…``, and write ``out/manifest.csv``.

    Folders below the one that all videos of a split lie in are kept, so that class folders stay class
    folders; the manifest has the labels in any case. What was made is noted in a hidden file of ``out``:
    called again, also after a ``kill -9``, it makes what is lacking or was made of what has changed since.
    What was made is kept where the source is gone.

    Args:
        source: What ``open_source`` accepts.
        out: The folder: new, empty, or made by an earlier call with the same coding.
        coding: How videos are written.
        num_workers: Processes; None takes one for each processor, 0 works in this one, without a time limit.
        timeout_seconds: The longest that a video may take; a video that takes longer counts as broken.

    Raises:
        FileNotFoundError: If the source does not exist.
        ValueError: If an argument or the source is malformed, or the folder holds something else.
        OSError: If a file cannot be written, as on a full disk. What was made is kept.
    """
    coding = Coding() if coding is None else coding
    workers = checked_workers(num_workers, timeout_seconds)
    folder = Path(out).expanduser().absolute()
    candidates = find_candidates(source)
    if candidates.refusal:
        raise ValueError(candidates.refusal)
    _check_apart(source, candidates, folder)
    _check_ours(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        job = {"version": PREPARE_VERSION, **asdict(coding)}
        with Journal(folder / JOURNAL, job) as journal:
            return _Work(candidates, folder, coding, journal).carry_out(workers, timeout_seconds)
    except OSError as error:
        raise told_what_is_kept(error, folder / JOURNAL) from error


class _Work:
    """The videos of a source, and which of them are still to be made."""

    def __init__(self, candidates: Candidates, folder: Path, coding: Coding, journal: Journal) -> None:
        self._candidates = candidates
        self._folder = folder
        self._coding = asdict(coding)
        self._journal = journal
        self._names = output_names(candidates)
        self._failed: dict[str, dict[str, Any]] = {}
        by_name = {name: path for (_, path), name in self._names.items()}
        self._due = [(path, name) for name, path in by_name.items() if not self._is_made(path, name)]

    def carry_out(self, num_workers: int, timeout_seconds: float | None) -> Prepared:
        total = len(set(self._names.values()))
        already = total - len(self._due)
        for folder in {(self._folder / name).parent for name in self._names.values()}:
            folder.mkdir(parents=True, exist_ok=True)
        work = f"{__package__}.transcoding:prepare_video"
        tasks = _Tasks(self._due, self._folder, self._coding)
        with progress_bar("preparing", total, already) as advance:
            for place, answer in run_tasks(work, tasks, num_workers, timeout_seconds=timeout_seconds):
                self._take(*self._due[place], answer)
                advance(1)
        for path in list(unfinished_paths(self._folder)):
            path.unlink(missing_ok=True)
        records = list(self._records())
        write_manifest(self._folder / MANIFEST, records)
        whole = {name: path for (_, path), name in self._names.items() if self._is_whole(name)}
        pairs = [(path, str(self._folder / name)) for name, path in whole.items()]
        before = sum(self._journal.answers[name]["source"]["size_bytes"] for name in whole)
        after = sum(self._journal.answers[name]["row"][_SIZE] for name in whole)
        return Prepared(records, pairs, already, before, after, self._left_over())

    def _left_over(self) -> list[str]:
        """Return what was made of videos that are no longer in the source, or lie elsewhere there."""
        others = self._journal.answers.keys() - set(self._names.values())
        return sorted(name for name in others if (self._folder / name).is_file())

    def _take(self, path: str, name: str, answer: Any) -> None:
        if isinstance(answer, Failure):
            if answer.kind == "error":
                told = answer.reason if answer.errno is None else os.strerror(answer.errno)
                raise OSError(answer.errno, told, str(self._folder / name))
            told = f"{answer.reason} to prepare" if answer.kind == "timeout" else answer.reason
            answer = {"verdict": "broken", "reason": told}
        if answer["verdict"] == "broken":
            # Not for the journal: more time, more memory or a mended file may do.
            self._failed[name] = answer
            (self._folder / name).unlink(missing_ok=True)
        else:
            self._journal.add(name, {"source": answer["source"], "row": to_row(answer)})

    def _is_made(self, path: str, name: str) -> bool:
        """Tell whether a file was made of what the source still is."""
        found = self._journal.answers.get(name)
        # A source that is gone was perhaps removed to make room.
        return found is not None and status_of(path) in ({}, found["source"]) and self._is_whole(name)

    def _is_whole(self, name: str) -> bool:
        found = self._journal.answers.get(name)
        made = self._folder / name
        size = None if found is None else found["row"][_SIZE]
        return name not in self._failed and size is not None and _size(made) == size

    def _records(self) -> Iterator[Record]:
        for candidate in self._candidates:
            name = self._names[candidate.split, candidate.path]
            found = self._failed.get(name)
            if found is None:
                made = candidate._replace(path=str(self._folder / name))
                yield self._candidates.record(made, from_row(self._journal.answers[name]["row"]))
            else:
                yield self._candidates.record(candidate, found)


class _Tasks(Sequence[dict[str, Any]]):
    """What is due, each task made when it is asked for."""

    def __init__(self, due: Sequence[tuple[str, str]], folder: Path, coding: dict[str, Any]) -> None:
        self._due, self._folder, self._coding = due, folder, coding

    def __len__(self) -> int:
        return len(self._due)

    def __getitem__(self, place: int) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        path, name = self._due[place]
        return {"source": path, "out": str(self._folder / name), "coding": self._coding}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _check_apart(source: str, candidates: Candidates, out: Path) -> None:
    """Refuse a folder that lies in the source, or the other way round.

    Raises:
        ValueError: That it does.
    """
    named = source if Path(source).expanduser().is_dir() else _FOLD.sub("", source.partition(":")[2])
    root = Path(named).expanduser() if named else None
    if root is not None and root.is_dir() and out.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{out}: lies in {root}, the source: what is made would be taken for more of it")
    inside: Candidate | None = next(
        (candidate for candidate in candidates if Path(candidate.path).absolute().is_relative_to(out)), None
    )
    if inside is not None:
        raise ValueError(f"{out}: holds {inside.path}, a video of the source; give another folder")


def _check_ours(folder: Path) -> None:
    """Refuse a folder with other things in it.

    Raises:
        ValueError: That there are.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file; give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / JOURNAL).is_file():
        raise ValueError(
            f"{folder}: is not empty, and was not made by vidmask data prepare; give a new or empty folder"
        )
