import subprocess
import sys


def test_the_package_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "vidmask", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: vidmask ")
    assert "fit" in done.stdout


def test_a_mistake_ends_with_a_status_that_is_not_zero():
    done = subprocess.run([sys.executable, "-m", "vidmask", "fitt"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
