"""A run's folder is written to by one process at a time, on whichever machine that is."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"

PATIENCE_SECONDS = 180.0
"""For which to wait for the one before: it may be tidying up, or stand on a machine that a file server has
not given up yet (NFS takes 90 seconds)."""


class OccupiedError(Exception):
    """Another process goes on writing into a run's folder."""


@contextmanager
def occupied(folder: Path, give_up: Callable[[], bool], patience: float | None = None) -> Iterator[int]:
    """Keep all others out of a folder, as soon as they have left it.

    A process that is given the descriptor keeps them out as long as it lives, also without this one.

    Args:
        folder: The folder; it is made.
        give_up: Asked while waiting.
        patience: Seconds for which to wait at most; PATIENCE_SECONDS if None.

    Yields:
        Descriptor of the lock, for processes that write into the folder.

    Raises:
        OccupiedError: If another process stays in there.
        OSError: If the file system knows no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
    with (folder / LOCK).open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if give_up() or time.monotonic() > deadline:
                    raise OccupiedError(
                        f"another process still writes into {folder}; it may be on another machine"
                    ) from error
            time.sleep(0.05)
        yield file.fileno()
