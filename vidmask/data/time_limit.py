"""A time limit on what may hang inside a decoder or a file system."""

import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class TimeLimit:
    """Carry out work in a thread, and stop waiting for it after a time.

    Neither a signal nor an exception reaches a thread that hangs in a decoder or waits for a dead network
    drive, but decoders let other threads go on meanwhile. What hangs is left behind in its thread, which ends
    with the process, and the next work gets a new one.

    Args:
        seconds: The longest to wait; None works in the caller's thread, without a limit.

    Raises:
        ValueError: If the limit is not positive.
    """

    def __init__(self, seconds: int | float | None) -> None:
        if seconds is not None and seconds <= 0:
            raise ValueError(f"timeout_seconds must be positive, or null for no limit, got {seconds}")
        self.seconds = seconds
        self._process: int | None = None
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[Any]]] | None = None

    def __call__(self, work: Callable[[], Result]) -> Result:
        """Return what the work returns, or raise what it raises.

        Raises:
            TimeoutError: If it takes longer than the limit.
        """
        if self.seconds is None:
            return work()
        # A thread does not live on in a process that was forked off.
        if self._work is None or self._process != os.getpid():
            self._process = os.getpid()
            self._work = queue.SimpleQueue()
            threading.Thread(target=_carry_out, args=[self._work], daemon=True).start()
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._work.put((work, answer))
        try:
            result, error = answer.get(timeout=self.seconds)
        except queue.Empty:
            self._work = None
            raise TimeoutError(f"took more than {self.seconds:g} s") from None
        if error is not None:
            raise error
        return result

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the thread, which no other process can take over."""
        return {"seconds": self.seconds, "_process": None, "_work": None}


def _carry_out(waiting: "queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[Any]]]") -> None:
    while True:
        work, answer = waiting.get()
        try:
            answer.put((work(), None))
        except BaseException as error:
            # Whatever it is belongs to the caller.
            answer.put((None, error))
        del work, answer
