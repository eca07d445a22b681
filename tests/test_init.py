import ast
import importlib
import re
from pathlib import Path

import pytest

import vidmask

SOURCE = ast.parse(Path(vidmask.__file__).read_text())


@pytest.mark.parametrize("name", vidmask.__all__)
def test_every_public_name_is_what_its_home_defines(name):
    home = importlib.import_module(vidmask._HOMES[name])
    assert getattr(vidmask, name) is getattr(home, name)
    assert getattr(vidmask, name).__module__ == home.__name__


def test_the_names_that_type_checkers_see_are_those_at_run_time():
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == vidmask._HOMES
    assert sorted(seen) == sorted(vidmask.__all__)


def test_public_names_are_listed_by_dir():
    assert set(vidmask.__all__) < set(dir(vidmask))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'vidmask' has no attribute 'VideoVit'"):
        _ = vidmask.VideoVit


def test_the_version_is_a_release_number():
    assert re.fullmatch(r"\d+\.\d+\.\d+", vidmask.__version__)
