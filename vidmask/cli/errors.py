"""What the user can put right is said in a few lines, without a traceback."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import vidmask

MAX_LINES = 5
MAX_LINE_LENGTH = 400

PACKAGE = Path(vidmask.__file__).parent

SHORTENED = (ValueError, OSError, FloatingPointError)
"""Exceptions that are shown as one line where the package itself raised them: by its own rule it raises
these for what a user can cause, and asserts for its own faults."""


WORKER_KILLED = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (is killed by signal: [^.]+|exited unexpectedly[^.]*)|"
    r"unexpected bus error encountered in worker[^.]*"
)
"""What torch says when the process of a loader dies."""


class Mistake(Exception):
    """A mistake of the user's.

    Args:
        lines: What was wrong; then, where known, in which file and what would be accepted.
    """

    def __init__(self, *lines: str) -> None:
        self.lines = [line for line in lines if line][:MAX_LINES]
        super().__init__("\n".join(self.lines))


def did_you_mean(name: str, accepted: Iterable[str]) -> str:
    """Return the question, or an empty string where nothing accepted comes near."""
    nearest = difflib.get_close_matches(name, list(dict.fromkeys(accepted)), n=1, cutoff=0.6)
    return f"did you mean {nearest[0]!r}?" if nearest else ""


def explain(error: BaseException) -> list[str] | None:
    """Return what to print instead of a traceback, or None if the traceback belongs to the reader."""
    if isinstance(error, Mistake):
        return error.lines
    if isinstance(error, RuntimeError) and (killed := WORKER_KILLED.search(str(error))):
        return [
            f"a process that decodes videos was lost: {killed[0]}",
            "most often the system has killed it for want of memory: give fewer data.num_workers, or a "
            "smaller data.prefetch_factor or data.batch_size",
            "the last checkpoint is kept: the same command with --ckpt_path last goes on from there",
        ]
    if not isinstance(error, SHORTENED):
        return None
    from_worker = _last_line_from_worker(str(error))
    if from_worker is not None:
        return [_shorten(from_worker)]
    if raised_in_package(error.__traceback__):
        line = " ".join(str(error).split())
        # A loss that is not finite names every file of its batch: any of them may be the cause.
        return [line if isinstance(error, FloatingPointError) else _shorten(line)]
    return None


def raised_in_package(traceback: TracebackType | None) -> bool:
    """Say whether the innermost frame of a traceback stands in this package."""
    innermost = None
    while traceback is not None:
        innermost = traceback.tb_frame.f_code.co_filename
        traceback = traceback.tb_next
    return innermost is not None and Path(innermost).is_relative_to(PACKAGE)


def _last_line_from_worker(message: str) -> str | None:
    # A data loader's worker hands its exception over as text: the traceback, then "ValueError: message".
    if not (message.startswith("Caught ") and "DataLoader worker" in message):
        return None
    lines = [line for line in message.splitlines() if line.strip()]
    frames = [line for line in lines if line.startswith('  File "')]
    if not frames or not Path(frames[-1].split('"')[1]).is_relative_to(PACKAGE):
        return None
    return lines[-1].partition(": ")[2]


def _shorten(line: str) -> str:
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[: MAX_LINE_LENGTH - 1]}…"
