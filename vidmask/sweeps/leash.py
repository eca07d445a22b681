"""Processes that end when the one that started them is gone, however it went: a watcher sees to it.

The system closes a pipe when the process at its end is killed, so the watcher, at the other end, learns of it
in any case. This file is run as a program, without the package, as well as imported.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time


class Leash:
    """Ends the groups of some processes when this process is gone.

    Args:
        grace_seconds: For which they may tidy up before they are killed.
    """

    def __init__(self, grace_seconds: float) -> None:
        watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(grace_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert watcher.stdin is not None
        self._pipe = watcher.stdin
        # What stays is a child of that one, and so of nobody.
        watcher.wait()

    def hold(self, leader: int) -> None:
        """End a process's group, which it leads, when this process is gone."""
        self._tell(f"+{leader}")

    def release(self, leader: int) -> None:
        """Leave a group alone: its process has ended."""
        self._tell(f"-{leader}")

    def _tell(self, line: str) -> None:
        # A watcher that was killed takes nothing but this safety with it.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe.fileno(), f"{line}\n".encode())


def watch(grace_seconds: float) -> None:
    """Read which groups are held until the one that tells is gone, then end them."""
    held: set[int] = set()
    for line in sys.stdin:
        (held.add if line.startswith("+") else held.discard)(int(line[1:]))
    for leader in held:
        _signal(leader, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while any(_signal(leader, 0) for leader in held) and time.monotonic() < deadline:
        time.sleep(0.05)
    for leader in held:
        _signal(leader, signal.SIGKILL)


def _signal(leader: int, number: int) -> bool:
    """Send a signal to a group and return whether there was one."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


# A child of the one that is watched may be killed together with it, as Ray's workers do with theirs.
if __name__ == "__main__" and os.fork() == 0:
    watch(float(sys.argv[1]))
