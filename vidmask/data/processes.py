"""Tasks in parallel processes that may crash or hang: each task ends in an answer or in a failure, always."""

import contextlib
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple


class Failure(NamedTuple):
    """A task without an answer.

    Attributes:
        kind: ``"error"``: an ``OSError`` in the task; ``"killed"``: its process died; ``"timeout"``: it took
            too long.
        reason: What happened, in one line.
        errno: That of the ``OSError``.
    """

    kind: Literal["error", "killed", "timeout"]
    reason: str
    errno: int | None = None


def processors() -> int:
    """Return how many processors this process may use: in a container fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_workers(num_workers: int | None, timeout_seconds: int | float | None) -> int:
    """Return how many processes a long job takes: one for each processor if None is asked for.

    Raises:
        ValueError: If the number or the time limit of a task is out of range.
    """
    # No number compares as more than nan.
    if timeout_seconds is not None and not timeout_seconds > 0:
        raise ValueError(f"the time limit must be more than 0 s, got {timeout_seconds:g}")
    if num_workers is not None and num_workers < 0:
        raise ValueError(f"the number of workers must be 0 or more, got {num_workers}")
    return processors() if num_workers is None else num_workers


def run_tasks(
    function: str, tasks: Sequence[Any], num_workers: int, *, timeout_seconds: float | None = None
) -> Iterator[tuple[int, Any]]:
    """Carry out tasks and yield each one's place and answer as it comes in.

    A process that dies or takes too long fails the one task that it was at; a new one takes its place. All
    are killed where the caller stops asking.

    Args:
        function: ``module:name`` of a function that takes a task and returns its answer, both of JSON types.
            The processes import it by that name, and nothing else.
        tasks: The tasks.
        num_workers: Processes; 0 works in this one, without a time limit.
        timeout_seconds: The longest a task may take.

    Yields:
        ``(place, answer)`` in order of completion; the answer is a ``Failure`` where there is none.
    """
    if num_workers == 0:
        work = _import(function)
        for place, task in enumerate(tasks):
            yield place, _carry_out(work, task)
        return
    waiting, answers = iter(enumerate(tasks)), queue.SimpleQueue[tuple[int, Any]]()
    lock, stopped = threading.Lock(), threading.Event()
    workers = [_Worker(function, timeout_seconds, stopped) for _ in range(min(num_workers, len(tasks)))]

    def feed(worker: _Worker) -> None:
        while not stopped.is_set():
            with lock:
                place, task = next(waiting, (-1, None))
            if place < 0:
                return
            try:
                answer = worker.ask(task)
            except OSError as error:
                answer = Failure("killed", f"its process cannot be started: {error.strerror}")
            except Exception as error:
                # Such as a task that is not of JSON types: the caller's fault, and raised there.
                answer = error
            answers.put((place, answer))

    feeders = [threading.Thread(target=feed, args=[worker], daemon=True) for worker in workers]
    try:
        for feeder in feeders:
            feeder.start()
        for _ in tasks:
            place, answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            yield place, answer
    finally:
        stopped.set()
        for worker in workers:
            worker.kill()
        for feeder in feeders:
            if feeder.ident is not None:
                feeder.join()
        for worker in workers:
            worker.close()


class _Worker:
    """A process that is started when it is first asked, and anew after it has died."""

    def __init__(self, function: str, timeout_seconds: float | None, stopped: threading.Event) -> None:
        self._function = function
        self._stopped = stopped
        self._timeout = timeout_seconds
        self._process: subprocess.Popen[str] | None = None

    def ask(self, task: Any) -> Any:
        process = self._process = self._process or self._start()
        if self._stopped.is_set():
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()
        timer = threading.Timer(self._timeout or 0, lambda: (late.set(), process.kill()))
        if self._timeout is not None:
            timer.start()
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line.endswith("\n"):
            if late.is_set():
                # It answered just before it was killed.
                self.close()
            answer = json.loads(line)
            return Failure(*answer["failure"]) if "failure" in answer else answer["answer"]
        if late.is_set():
            self.close()
            return Failure("timeout", f"took more than {self._timeout:g} s")
        return Failure("killed", f"its process {_how_it_ended(self.close())}")

    def kill(self) -> None:
        """Kill the process; whoever waits for its answer gets none."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> int:
        """Return the code with which the process has ended; it is killed if it does not end by itself."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            return process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _start(self) -> "subprocess.Popen[str]":
        # Plain subprocesses and not those of `multiprocessing`: a fork inherits the locks that torch's
        # threads hold, and a spawned process runs the caller's script again where that lacks a guard.
        command = [sys.executable, "-P", "-m", __name__, self._function]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with the code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _import(function: str) -> Callable[[Any], Any]:
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def _carry_out(work: Callable[[Any], Any], task: Any) -> Any:
    try:
        return work(task)
    except OSError as error:
        # A full disk, or a folder that is gone: for the parent to tell in one line.
        return Failure("error", " ".join(str(error).split()), error.errno)


def _serve(function: str) -> None:
    """Answer the tasks that arrive on standard input until it is closed."""
    # Ctrl-C reaches the whole group of processes; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = _import(function)
    for line in sys.stdin:
        answer = _carry_out(work, json.loads(line))
        told = {"failure": answer} if isinstance(answer, Failure) else {"answer": answer}
        try:
            print(json.dumps(told), file=answers, flush=True)
        except BrokenPipeError:
            # The parent was killed; what is left in the buffer must not be tried again at the exit.
            os._exit(1)


if __name__ == "__main__":
    _serve(sys.argv[1])
