"""Arguments that verbs share."""

import argparse

import pytest

from vidmask.cli.data import VERBS
from vidmask.cli.data.arguments import add_strict, add_workers


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
