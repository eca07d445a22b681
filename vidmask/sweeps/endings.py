"""Why a command ended as it did, in one line."""

import re
import signal
from pathlib import Path

_TAIL = 20_000
"""Bytes at the end of a log in which the reason is looked for."""

_OUT_OF_MEMORY = re.compile(
    r"CUDA out of memory[^\n]*|can't allocate memory[^\n]*|not enough memory[^\n]*|"
    r"(?:torch\.)?OutOfMemoryError[^\n]*|MemoryError[^\n]*|Cannot allocate memory[^\n]*"
)
_NAME = re.compile(r"^(?:\w+\.)*\w+Error: ")
_TOLD = re.compile(r"^vidmask: (.+)$", re.MULTILINE)
_RAISED = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt|Exit)\b.*)$", re.MULTILINE)


def reason_of(returncode: int, log: Path) -> str:
    """Return why a command failed.

    Args:
        returncode: As of ``subprocess``: below 0 for a signal.
        log: What it has printed.
    """
    text = _tail(log)
    memory = _OUT_OF_MEMORY.search(text)
    if memory is not None:
        return f"out of memory: {_one_line(_NAME.sub('', memory[0]))}"
    if returncode < 0:
        return killed_by(-returncode)
    told = _TOLD.findall(text)
    if told:
        return _one_line(told[-1])
    raised = _RAISED.findall(text)
    if raised:
        return _one_line(raised[-1])
    if returncode > 128:
        # A shell, or a process that others were started by, says so of a signal.
        return killed_by(returncode - 128)
    return f"it ended with exit code {returncode} and said nothing that is understood: see its log"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says; its name where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def killed_by(number: int) -> str:
    """Return in words that a signal of some number has ended a process."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "no known signal"
    most_often = ": most often by the system, for want of memory" if number == signal.SIGKILL else ""
    return f"killed by signal {number} ({name}){most_often}"


def _tail(log: Path) -> str:
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - _TAIL, 0))
        return file.read().decode("utf-8", errors="replace")


def _one_line(text: str, longest: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
