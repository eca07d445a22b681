"""Work that hangs is left behind."""

import multiprocessing
import pickle
import threading
import time

import pytest

from vidmask.data.time_limit import TimeLimit


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_what_the_work_returns_and_raises_is_the_callers(seconds):
    within = TimeLimit(seconds)
    assert within(lambda: 6 * 7) == 42
    with pytest.raises(KeyError, match="missing"):
        within(lambda: {}["missing"])
    assert within(lambda: "again") == "again"


def test_work_that_hangs_is_left_behind_and_the_next_is_done():
    within = TimeLimit(0.2)
    release = threading.Event()
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"took more than 0.2 s"):
        within(lambda: release.wait(20))
    assert time.monotonic() - started < 5
    assert within(lambda: "next") == "next"
    release.set()


def test_one_thread_does_all_work_that_ends_in_time():
    within = TimeLimit(5.0)
    assert len({within(threading.get_ident) for _ in range(5)} | {threading.get_ident()}) == 2


def test_a_process_forked_off_or_sent_to_has_a_thread_of_its_own():
    within = TimeLimit(5.0)
    within(lambda: None)
    assert pickle.loads(pickle.dumps(within))(lambda: 1) == 1
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put(within(lambda: 2)))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert answers.get() == 2


def test_a_limit_is_positive():
    with pytest.raises(ValueError, match="timeout_seconds must be positive, or null for no limit, got 0"):
        TimeLimit(0)
