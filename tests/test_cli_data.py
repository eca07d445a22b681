"""``vidmask data``: its verbs, and what each of them must offer."""

import argparse
import subprocess
import sys

import pytest

from vidmask.cli import data, main


@pytest.mark.parametrize("verb", data.VERBS)
def test_a_verb_says_what_it_does(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["data", verb, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: vidmask data {verb}")
    assert " ".join(data.VERBS[verb].DESCRIPTION.split())[:60] in " ".join(told.split())


def test_all_verbs_are_listed(capsys):
    parser = argparse.ArgumentParser(prog="vidmask data")
    data.add_arguments(parser)
    parser.print_help()
    told = capsys.readouterr().out
    assert all(verb in told for verb in data.VERBS)


def test_an_unknown_verb_is_told(capsys):
    assert main(["data", "chek"]) == 2
    assert "chek" in capsys.readouterr().err


def test_a_verb_is_needed(capsys):
    assert main(["data"]) == 2
    assert "VERB" in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    heavy = "{'torch', 'lightning', 'jsonargparse', 'numpy', 'av', 'pytorchvideo', 'matplotlib', 'rich'}"
    code = f"import sys, vidmask.cli.data; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
