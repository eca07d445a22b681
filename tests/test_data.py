"""The public names of the data package are there, and cost nothing until they are used."""

import subprocess
import sys

import pytest

import vidmask.data


@pytest.mark.parametrize("name", vidmask.data.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(vidmask.data, name).__name__ == name


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'VideoFolders'"):
        vidmask.data.VideoFolders  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = 'import sys, vidmask.data; print({"torch", "av", "lightning"} & {*sys.modules})'
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
