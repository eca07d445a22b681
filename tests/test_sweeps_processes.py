"""Processes end with all that they started; so does what an earlier sweep left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vidmask.sweeps import processes
from vidmask.sweeps.processes import Processes, StoppedError, end_orphan, identity


def wait_until(happens, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    return identity(pid)["began"] is not None


@pytest.fixture
def as_python(monkeypatch, tmp_path):
    """Let what follows ``vidmask`` be a program of Python."""
    launcher = tmp_path / "vidmask.py"
    launcher.write_text("import sys\nexec(sys.argv[1])\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("as_python")
def test_what_it_prints_is_added_to_its_log_and_its_code_returned(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("before\n")
    program = "import os; print(os.environ['WHO'], flush=True); os.write(2, b'told'); sys.exit(3)"
    begun = []
    assert Processes().run([program], log, {"WHO": "me"}, begun.append) == 3
    assert log.read_text() == "before\nme\ntold"
    assert set(begun[0]) == {"pid", "began"}


CHILDREN = """
import subprocess, pathlib, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("child").write_text(str(child.pid))
time.sleep(600)
"""


@pytest.mark.usefixtures("as_python")
def test_stopping_ends_it_and_what_it_started(tmp_path):
    running, codes = Processes(), []
    thread = threading.Thread(target=lambda: codes.append(running.run([CHILDREN], tmp_path / "log", {})))
    thread.start()
    child = tmp_path / "child"
    wait_until(lambda: child.is_file() and child.read_text())
    running.stop()
    thread.join(30)
    assert codes == [-signal.SIGTERM]
    assert running.stopped
    wait_until(lambda: not is_alive(int(child.read_text())))
    with pytest.raises(StoppedError):
        running.run(["pass"], tmp_path / "log", {})


DEAF = """
import signal, pathlib, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("child").write_text("deaf")
time.sleep(600)
"""


@pytest.mark.usefixtures("as_python")
def test_what_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    running, codes = Processes(), []
    thread = threading.Thread(target=lambda: codes.append(running.run([DEAF], tmp_path / "log", {})))
    thread.start()
    wait_until(lambda: (tmp_path / "child").is_file())
    running.stop()
    thread.join(30)
    assert codes == [-signal.SIGKILL]


def test_an_orphan_is_ended_and_nothing_else():
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    orphan = subprocess.Popen(program, start_new_session=True)
    known = identity(orphan.pid)
    # A process of that number that began at another time is somebody else's.
    assert not end_orphan({**known, "began": "earlier"})
    assert orphan.poll() is None
    assert end_orphan(known)
    assert orphan.wait(30) == -signal.SIGTERM
    assert not end_orphan(known)


def test_this_process_has_begun():
    assert identity(os.getpid()) == identity(os.getpid())
    assert identity(os.getpid())["began"] is not None
    assert Path("/proc/self/stat").read_text().split()[21] in identity(os.getpid())["began"]


KILLED = """
import pathlib, sys
from vidmask.sweeps.processes import Processes
Processes().run([sys.argv[1]], pathlib.Path("log"), {}, lambda process: print(process["pid"], flush=True))
"""


@pytest.mark.usefixtures("as_python")
def test_it_ends_when_this_process_is_killed(tmp_path, monkeypatch):
    # The stand-in for the package, which lies here, must not hide it from the one that is killed.
    monkeypatch.delenv("PYTHONPATH")
    package = str(Path(processes.__file__).parents[2])
    paths = f"sys.path.insert(0, {package!r}); os.environ['PYTHONPATH'] = {str(tmp_path)!r}"
    program = f"import os, sys; {paths}\n{KILLED}"
    killed = subprocess.Popen(
        [sys.executable, "-P", "-c", program, CHILDREN], stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout is not None
    pid = int(killed.stdout.readline())
    child = tmp_path / "child"
    wait_until(lambda: child.is_file() and child.read_text())
    killed.kill()
    wait_until(lambda: not is_alive(pid) and not is_alive(int(child.read_text())))
    killed.wait()


@pytest.mark.usefixtures("as_python")
def test_it_inherits_what_is_to_be_kept_open_and_nothing_else(tmp_path):
    with (tmp_path / "kept").open("w") as file:
        program = f"import os; os.fstat({file.fileno()})"
        assert Processes().run([program], tmp_path / "log", {}, keep_open=[file.fileno()]) == 0
        assert Processes().run([program], tmp_path / "log", {}) == 1
        assert "Bad file descriptor" in (tmp_path / "log").read_text()
