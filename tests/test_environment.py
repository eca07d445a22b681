"""What is written down of the machine and the code."""

import json
import platform
import subprocess

import pytest
import torch

import vidmask
from vidmask import environment


def test_versions_and_hardware_are_those_of_this_process():
    described = environment.describe()
    assert described["vidmask"] == vidmask.__version__
    assert described["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert described["python"] == platform.python_version()
    assert len(described["hardware"]["gpus"]) == torch.cuda.device_count()
    assert described["hardware"]["cpu"]
    json.dumps(described)


def test_no_name_of_the_machine_is_told():
    assert platform.node() not in json.dumps(environment.describe()).replace(platform.machine(), "")


def repository(folder) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", "-C", str(folder), *identity, *command], check=True)


@pytest.fixture(autouse=True)
def _no_repository_above(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def test_processors_are_counted_and_not_threads(monkeypatch):
    monkeypatch.setattr(environment.os, "cpu_count", lambda: 96)
    monkeypatch.setattr(environment.torch, "get_num_threads", lambda: 3)
    hardware = environment.describe()["hardware"]
    assert (hardware["cores"], hardware["torch_threads"]) == (96, 3)


def test_the_commit_of_the_working_directory_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment.describe()["working_directory_commit"] is None
    repository(tmp_path)
    commit = environment.describe()["working_directory_commit"]
    assert len(commit["commit"]) == 40
    assert commit["uncommitted_changes"] is False
    (tmp_path / "new.py").write_text("")
    assert environment.describe()["working_directory_commit"] == {**commit, "uncommitted_changes": True}


@pytest.mark.parametrize("tracked", [True, False])
def test_the_package_s_commit_is_that_of_its_checkout_and_no_other(tracked, tmp_path, monkeypatch):
    package = tmp_path / "vidmask"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (tmp_path / ".gitignore").write_text("" if tracked else "vidmask\n")
    repository(tmp_path)
    monkeypatch.setattr(environment, "PACKAGE", package)
    assert (environment.describe()["vidmask_commit"] is not None) == tracked


def test_a_machine_without_git_is_described_too(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    described = environment.describe()
    assert described["vidmask_commit"] is described["working_directory_commit"] is None
