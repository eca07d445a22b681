"""Training that is killed at any step goes on with exactly the samples that were still due."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "resume_after_kill.py"


def run(*words: str) -> str:
    """Run the script in a process that has computed nothing yet, so that it may fork."""
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_samples_are_those_of_a_run_that_was_never_stopped() -> None:
    told = run("--kills", "1", "--workers", "0", "2", "--ranks", "1", "2")
    assert told.count("all samples equal") == 4
    assert told.count("two ranks see what one sees, no sample twice, other masks") == 2


@pytest.mark.slow
def test_they_are_without_repeats_too() -> None:
    assert run("--kills", "1", "--workers", "2", "--ranks", "1", "--repeats", "1").count("equal") == 1
