"""Draw and encode the videos of MovingShapes in parallel processes, which load nothing heavy."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock

from vidmask.data.presets import PRESETS
from vidmask.data.scenes import FPS, SplitName, render
from vidmask.data.writers import is_whole, write_video

Chunk = tuple[SplitName, int, int]
"""A split, the first video of a run of them, and the one after the last."""

_DONE = "done"


def make_videos(
    folder: Path,
    preset: str,
    seed: int,
    chunks: Sequence[Chunk],
    num_workers: int,
    count: Callable[[int], None],
) -> None:
    """Make the videos that are missing or not whole; others are left alone.

    Args:
        folder: Holds a folder for each split.
        preset: How hard the videos are.
        seed: Of the data set.
        chunks: The videos, in runs that one process makes at a time.
        num_workers: Processes; 0 makes them in this one.
        count: Called with a number of videos whenever so many more are there.

    Raises:
        OSError: If a file cannot be written, or a process was killed.
    """
    if num_workers == 0:
        for chunk in chunks:
            _make_chunk(folder, preset, seed, chunk)
            count(chunk[2] - chunk[1])
        return
    # Plain subprocesses and not those of `multiprocessing`: a fork inherits the locks that torch's threads
    # hold, and a spawned process runs the caller's script again where that lacks a __main__ guard.
    command = [sys.executable, "-P", "-m", __name__, str(folder.resolve()), preset, str(seed)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OPENBLAS_NUM_THREADS": "1",
    }
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(min(num_workers, len(chunks)))
    ]
    waiting, lock = iter(chunks), Lock()

    def feed(worker: "subprocess.Popen[str]") -> None:
        while True:
            with lock:
                chunk = next(waiting, None)
            if chunk is None:
                return
            answer = _ask(worker, json.dumps(chunk))
            if answer != _DONE:
                raise OSError(f"{folder / chunk[0]}: {answer or 'the process making its videos was killed'}")
            count(chunk[2] - chunk[1])

    pool = ThreadPoolExecutor(len(workers))
    try:
        for fed in as_completed([pool.submit(feed, worker) for worker in workers]):
            fed.result()
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
        pool.shutdown()


def _ask(worker: "subprocess.Popen[str]", question: str) -> str:
    """Return the worker's answer, empty if it is dead."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(question + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return ""
    return worker.stdout.readline().rstrip()


def _make_chunk(folder: Path, preset: str, seed: int, chunk: Chunk) -> None:
    split, start, stop = chunk
    for index in range(start, stop):
        path = folder / split / f"{index:05d}.mp4"
        if not is_whole(path):
            write_video(path, render(PRESETS[preset], seed, split, index), FPS)


def _serve(folder: Path, preset: str, seed: int) -> None:
    """Make the chunks that arrive on standard input, until it is closed or one fails."""
    # Ctrl-C reaches the whole group of processes; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        try:
            _make_chunk(folder, preset, seed, json.loads(line))
        except OSError as error:
            # A full disk, or a folder that is gone: for the parent to tell in one line.
            print(str(error).replace("\n", " "), flush=True)
            return
        print(_DONE, flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
