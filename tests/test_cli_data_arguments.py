"""Arguments that verbs share."""

import argparse

import pytest

from vidmask.cli.data import VERBS
from vidmask.cli.data.arguments import add_strict, add_workers, json_file, positive_seconds, whole_number


def test_they_mean_the_same_everywhere():
    parser = argparse.ArgumentParser()
    add_workers(parser)
    add_strict(parser)
    assert vars(parser.parse_args([])) == {"workers": None, "strict": False}
    assert vars(parser.parse_args(["--workers", "3", "--strict"])) == {"workers": 3, "strict": True}


@pytest.mark.parametrize("verb", ["check", "prepare", "stats"])
def test_long_jobs_have_workers(verb):
    parser = argparse.ArgumentParser()
    VERBS[verb].add_arguments(parser)
    assert "--workers" in parser.format_help()


def test_what_is_no_number_is_told():
    assert whole_number(1)("3") == 3
    assert positive_seconds("0.5") == 0.5
    for word in ("0", "1.5", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"from 1 is accepted, got '{word}'"):
            whole_number(1)(word)
    for word in ("0", "nan", "inf", "-1", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"above 0 is accepted, got '{word}'"):
            positive_seconds(word)


def test_json_replaces_no_other_file(tmp_path):
    (tmp_path / "folder.json").mkdir()
    assert json_file(str(tmp_path / "a.json")) == tmp_path / "a.json"
    for name, message in (
        ("a.mp4", "ends in .json"),
        ("folder.json", "is a folder"),
        ("no/a.json", "no folder"),
    ):
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            json_file(str(tmp_path / name))
