from dataclasses import fields

from sweep_folders import write_training

from vidmask.results import load
from vidmask.results.one_run import Command


def test_what_is_known_of_a_command_is_a_column_of_the_table(tmp_path):
    steps = load(write_training(tmp_path / "a")).steps
    assert list(steps.columns) == ["run", *(field.name for field in fields(Command))]
    assert list(steps["name"]) == ["fit"]
