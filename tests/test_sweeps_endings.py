"""The reason of a failure is found in the exit code and in what was printed."""

import pytest

from vidmask.sweeps.endings import reason_of

TRACEBACK = """Traceback (most recent call last):
  File "a.py", line 3, in <module>
    raise error
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 1 GiB
"""


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (2, "step 3\nvidmask: the loss is not finite at step 12\n", "the loss is not finite at step 12"),
        (2, "vidmask: first\nvidmask: last\n  and more\n", "last"),
        (-9, "step 3\n", "killed by signal 9 (SIGKILL): most often by the system, for want of memory"),
        (-15, "", "killed by signal 15 (SIGTERM)"),
        (137, "", "killed by signal 9 (SIGKILL): most often by the system, for want of memory"),
        (-11, "vidmask: told before\n", "killed by signal 11 (SIGSEGV)"),
        (
            1,
            TRACEBACK,
            "out of memory: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 1 GiB",
        ),
        (
            1,
            "RuntimeError: [enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate "
            "memory: you tried to allocate 3298534883328 bytes. Error code 12 (Cannot allocate memory)\n",
            "out of memory: can't allocate memory: you tried to allocate 3298534883328 bytes. Error code 12 "
            "(Cannot allocate memory)",
        ),
        (1, "Traceback:\n  File\nmy.module.OddError: it is odd\n", "OddError: it is odd"),
        (3, "nothing of note", "it ended with exit code 3 and said nothing that is understood: see its log"),
    ],
)
def test_reasons(tmp_path, code, text, reason):
    (tmp_path / "fit.log").write_text(text)
    assert reason_of(code, tmp_path / "fit.log") == reason


def test_no_log_is_no_crash(tmp_path):
    assert reason_of(1, tmp_path / "none.log").startswith("it ended with exit code 1")


def test_only_the_end_of_a_long_log_is_read(tmp_path):
    path = tmp_path / "fit.log"
    path.write_text("vidmask: early\n" + "x\n" * 20_000 + "ValueError: late\n")
    assert reason_of(1, path) == "ValueError: late"


def test_a_long_reason_is_cut(tmp_path):
    (tmp_path / "fit.log").write_text(f"vidmask: {'long ' * 200}\n")
    assert len(reason_of(2, tmp_path / "fit.log")) == 300
