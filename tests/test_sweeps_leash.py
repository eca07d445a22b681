"""Processes end when the one that started them is killed, and only then."""

import os
import signal
import subprocess
import sys
import time

import pytest
from test_sweeps_processes import is_alive, wait_until

# Starts a process with a child, and another that it lets go, and tells their numbers.
PROGRAM = """
import subprocess, sys, time
from vidmask.sweeps.leash import Leash
leash = Leash(float(sys.argv[1]))
child = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
command = [sys.executable, "-c", f"{child}; {sys.argv[2]}"]
held = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)
leash.hold(held.pid)
free = subprocess.Popen(["sleep", "600"], start_new_session=True)
leash.hold(free.pid)
leash.release(free.pid)
print(held.pid, held.stdout.readline().strip(), free.pid, flush=True)
time.sleep(600)
"""


def started(grace_seconds: float, then: str) -> tuple[subprocess.Popen, list[int]]:
    command = [sys.executable, "-c", PROGRAM, str(grace_seconds), then]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize("then", ["time.sleep(600)", "import signal; signal.pause()"])
def test_they_end_with_all_that_they_started_when_it_is_killed(then):
    process, (held, child, free) = started(30, then)
    time.sleep(0.2)
    assert is_alive(held)
    process.kill()
    wait_until(lambda: not is_alive(held) and not is_alive(child), 20)
    assert is_alive(free)
    os.kill(free, signal.SIGKILL)
    process.wait()


def test_what_does_not_listen_is_killed():
    process, (held, child, free) = started(
        0.3, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    )
    time.sleep(0.3)
    process.kill()
    wait_until(lambda: not is_alive(held) and not is_alive(child))
    os.kill(free, signal.SIGKILL)
    process.wait()
