"""Processes that are ended with all that they have started, also when the one that started them has gone."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidmask.sweeps.leash import Leash

GRACE_SECONDS = 10.0
"""For which a process may tidy up before it is killed."""


class StoppedError(Exception):
    """Processes are being ended, so no other is started."""


class Processes:
    """Runs commands, each in a session of its own, so that what it starts can be ended with it.

    They end when this process does, also when that is killed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._stopped = False
        self._leash: Leash | None = None

    def run(
        self,
        words: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        begun: Callable[[dict[str, Any]], None] | None = None,
        keep_open: Sequence[int] = (),
    ) -> int:
        """Carry out ``vidmask`` with some words and return its exit code.

        Args:
            words: What follows ``vidmask``.
            log: File that what it prints is added to.
            environment: Variables beside those of this process.
            begun: Called with what tells the process from others, as soon as it runs.
            keep_open: Descriptors that it inherits, such as of a lock that holds as long as it lives.

        Raises:
            StoppedError: If processes are being ended.
        """
        command = [sys.executable, "-m", "vidmask", *words]
        with log.open("ab") as file:
            with self._lock:
                if self._stopped:
                    raise StoppedError
                if self._leash is None:
                    self._leash = Leash(GRACE_SECONDS)
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=os.environ | dict(environment),
                    start_new_session=True,
                    pass_fds=keep_open,
                )
                self._leash.hold(process.pid)
                self._running.add(process)
            try:
                if begun is not None:
                    begun(identity(process.pid))
                return process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)
                    self._leash.release(process.pid)

    def stop(self) -> None:
        """End everything that runs, and start nothing more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                _signal(process.pid, signal.SIGKILL)

    @property
    def stopped(self) -> bool:
        """Return whether everything is being ended."""
        return self._stopped


def identity(pid: int) -> dict[str, Any]:
    """Return what tells a process from a later one of the same number."""
    return {"pid": pid, "began": _began(pid)}


def end_orphan(process: Mapping[str, Any]) -> bool:
    """End a process that an earlier sweep started, with all that it started; return whether it still ran.

    Args:
        process: What ``identity`` said of it.
    """
    pid, began = process.get("pid"), process.get("began")
    if not isinstance(pid, int) or began is None or _began(pid) != began:
        return False
    _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while _began(pid) == began and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(pid, signal.SIGKILL)
    return True


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # It leads its session, and so a group of its own.
        os.killpg(pid, number)


def _began(pid: int) -> str | None:
    """Return when a process began, in ticks since the machine did, and which start of the machine that was.

    None where it has ended, or the system does not tell.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    # The name of the program, in brackets, may hold anything.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else f"{boot}/{fields[18]}"
