"""The verbs, and what is told of a mistake before any of them begins."""

import subprocess
import sys
import time

import pytest

from vidmask.cli import main


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "vidmask", *args], capture_output=True, text=True)


def test_help_names_every_verb_in_under_two_seconds():
    start = time.perf_counter()
    done = run("--help")
    assert time.perf_counter() - start < 2
    assert done.returncode == 0
    for verb in ("fit", "validate", "test", "predict", "data"):
        assert f"  {verb} " in done.stdout


def test_without_a_verb_help_is_shown():
    assert run().stdout == run("--help").stdout


def test_version_is_the_package_s():
    import vidmask

    assert run("--version").stdout == f"vidmask {vidmask.__version__}\n"


def test_an_unknown_verb_brings_the_nearest(capsys):
    assert main(["fti", "--config", "x"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "vidmask: no verb 'fti'; there are fit, validate, test, predict, data, show, sweep, report, probe",
        "  did you mean 'fit'?",
    ]


def test_an_unknown_option_of_a_verb_of_ours_is_told_in_lines(capsys):
    assert main(["data", "synthesize", "--out", "x", "--sead", "3"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "vidmask: unrecognized arguments: --sead 3"
    assert len(lines) <= 5


def test_the_words_of_the_process_are_taken_if_none_are_given(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["vidmask", "fitt"])
    assert main() == 2
    assert "did you mean 'fit'?" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_traceback_is_shown_when_asked_for(how, monkeypatch):
    if how == "environment":
        monkeypatch.setenv("VIDMASK_TRACEBACK", "1")
    args = ["fit", "--config", "nowhere", *(["--traceback"] if how == "option" else [])]
    with pytest.raises(FileNotFoundError, match="no recipe 'nowhere'"):
        main(args)


def test_an_interrupt_ends_in_one_line(monkeypatch, capsys):
    def interrupt(namespace):
        raise KeyboardInterrupt

    monkeypatch.setattr("vidmask.cli.data.run", interrupt)
    assert main(["data", "stats", "videos"]) == 130
    assert capsys.readouterr().err == "vidmask: interrupted\n"
