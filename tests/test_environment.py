"""What is written down of the machine and the code."""

import json
import platform
import subprocess

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


def test_the_commit_is_that_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.describe()["git"] is None
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *identity, *command], check=True)
    git = environment.describe()["git"]
    assert len(git["commit"]) == 40
    assert git["uncommitted_changes"] is False
    (tmp_path / "new.py").write_text("")
    assert environment.describe()["git"] == {"commit": git["commit"], "uncommitted_changes": True}


def test_a_machine_without_git_is_described_too(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.describe()["git"] is None
