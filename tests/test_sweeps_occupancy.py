"""A folder has one writer at a time, and it stays one when the process that had locked it is gone."""

import subprocess
import sys
import threading
import time

import pytest

from vidmask.sweeps.occupancy import OccupiedError, occupied


def never() -> bool:
    return False


def test_the_next_waits_until_it_is_left(tmp_path):
    order = []

    def next_one() -> None:
        with occupied(tmp_path / "run", never):
            order.append("second")

    with occupied(tmp_path / "run", never):
        thread = threading.Thread(target=next_one)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_one_who_stays_is_told(tmp_path):
    with (
        occupied(tmp_path, never),
        pytest.raises(OccupiedError, match=f"another process still writes into {tmp_path}; it may be on"),
        occupied(tmp_path, never, patience=0.2),
    ):
        pass


def test_waiting_can_be_given_up(tmp_path):
    began = time.monotonic()
    with occupied(tmp_path, never), pytest.raises(OccupiedError), occupied(tmp_path, lambda: True):
        pass
    assert time.monotonic() - began < 5


def test_a_process_that_was_given_the_lock_keeps_it(tmp_path):
    with occupied(tmp_path, never) as lock:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[lock])
    with pytest.raises(OccupiedError), occupied(tmp_path, never, patience=0.2):
        pass
    process.kill()
    process.wait()
    with occupied(tmp_path, never, patience=5.0):
        pass
