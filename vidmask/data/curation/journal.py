"""What an interrupted job on many files had found out: each answer is on disk as soon as it is known."""

import fcntl
import json
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, BinaryIO

from vidmask.data.words import counted

_SYNC_SECONDS = 1.0


class Journal:
    """The answers of a job so far, in a hidden file of a line each.

    A line that a kill or a full disk cut off is dropped, and its answer is due again.

    Args:
        path: The file; it is made if it is not there.
        job: What the job does, of JSON types: answers to another question are of no use to it.

    Attributes:
        answers: The answer for each key that is known already.

    Raises:
        ValueError: If the file is another job's or no journal, or another process is at work with it.
        OSError: If it cannot be read or written.
    """

    def __init__(self, path: str | PathLike[str], job: Mapping[str, Any]) -> None:
        self._path = Path(path)
        self._job = json.loads(json.dumps(dict(job)))
        self.answers: dict[str, Any] = {}
        whole = self._read()
        self._file: BinaryIO = self._path.open("ab")
        self._synced = monotonic()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ValueError(f"{self._path}: another process is at the same work; wait for its end") from None
        except OSError:
            # Some network disks lock nothing.
            pass
        # What comes after the last whole line would garble the next one.
        self._file.truncate(whole)
        if not whole:
            self._write({"job": self._job})

    def add(self, key: str, answer: Any) -> None:
        """Write an answer down.

        Raises:
            OSError: If the disk is full, for instance.
        """
        self._write({"key": key, "answer": answer})
        self.answers[key] = answer

    def close(self) -> None:
        """Close the file, which stays for the job to go on."""
        self._file.close()

    def discard(self) -> None:
        """Remove the file, as the job is done."""
        self.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        # JSON escapes what is no ASCII, names of files that are no UTF-8 too.
        self._file.write(json.dumps(line).encode("ascii") + b"\n")
        # What is flushed survives a kill. Against a loss of power it is synced, but not for every line: on
        # some disks that takes longer than the work on a file.
        self._file.flush()
        if monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = monotonic()

    def _read(self) -> int:
        """Read the answers and return how many bytes the whole lines have."""
        if not self._path.is_file():
            return 0
        whole = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                self._take(number, line)
                whole += len(line)
        return whole

    def _take(self, number: int, line: bytes) -> None:
        try:
            entry = json.loads(line)
            if number:
                self.answers[entry["key"]] = entry["answer"]
                return
            job = entry["job"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"{self._path}: line {number + 1} is none of a journal; delete the file to begin anew"
            ) from None
        if job != self._job:
            differing = [name for name in {**job, **self._job} if job.get(name) != self._job.get(name)]
            told = ", ".join(f"{name} {job.get(name)!r}" for name in sorted(differing))
            raise ValueError(
                f"{self._path}: was begun with {told}; say the same again, or delete the file to begin anew"
            )


def told_what_is_kept(error: OSError, path: Path) -> OSError:
    """Return an error of a job that cannot write on, with how many answers its journal keeps.

    Args:
        error: What the system said.
        path: The journal, which need not be there.
    """
    # One without the system's words is of ``whole_file``, and names its file.
    told = f"{error.filename or path}: {error.strerror}" if error.strerror else str(error)
    try:
        with path.open("rb") as file:
            kept = sum(line.endswith(b"\n") for line in file) - 1
    except OSError:
        kept = 0
    if kept < 1:
        return OSError(told)
    return OSError(
        f"{told}; what was done is kept ({counted(kept, 'video')}), and the same command goes on from there"
    )
