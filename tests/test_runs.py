"""Folders of runs."""

import json
from pathlib import Path

import pytest

from vidmask import runs


def begun(folder: Path, *checkpoints: str) -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("seed_everything: 0\n")
    (folder / "environment.json").write_text("{}")
    for name in checkpoints:
        (folder / "checkpoints" / name).write_bytes(b"")
    return folder


def test_two_runs_of_one_second_get_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.setattr(runs.time, "strftime", lambda format: "noon")
    folders = [runs.new_folder(tmp_path, "quickstart/mae_st") for _ in range(3)]
    assert [folder.name for folder in folders] == ["noon", "noon-1", "noon-2"]
    assert all(folder.parent == tmp_path / "quickstart" / "mae_st" for folder in folders)


def test_a_name_that_is_taken_is_refused(tmp_path):
    assert runs.new_folder(tmp_path, "r", "mine") == tmp_path / "r" / "mine"
    with pytest.raises(ValueError, match=r"there is a run in .*mine already"):
        runs.new_folder(tmp_path, "r", "mine")


def test_runs_lie_where_the_option_or_the_environment_says(monkeypatch):
    monkeypatch.delenv("VIDMASK_RUNS", raising=False)
    assert runs.root_folder(None) == Path("runs")
    monkeypatch.setenv("VIDMASK_RUNS", "/data/runs")
    assert runs.root_folder(None) == Path("/data/runs")
    assert runs.root_folder("mine") == Path("mine")


def test_latest_is_a_relative_link_that_moves(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    runs.point_latest(first)
    runs.point_latest(second)
    assert (tmp_path / "latest").readlink() == Path("b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "latest"]


def test_a_checkpoint_belongs_to_the_run_whose_folder_it_lies_in(tmp_path):
    folder = begun(tmp_path / "run", "step_1.ckpt")
    assert runs.folder_of(folder / "checkpoints" / "step_1.ckpt") == folder
    (tmp_path / "step_1.ckpt").write_bytes(b"")
    assert runs.folder_of(tmp_path / "step_1.ckpt") is None


def test_through_the_link_to_the_latest_a_checkpoint_belongs_to_the_folder_itself(tmp_path):
    folder = begun(tmp_path / "a", "last.ckpt")
    runs.point_latest(folder)
    assert runs.folder_of(tmp_path / "latest" / "checkpoints" / "last.ckpt") == folder


def test_the_link_does_not_point_to_itself(tmp_path):
    runs.point_latest(begun(tmp_path / "a"))
    with pytest.raises(AssertionError, match="is the link itself"):
        runs.point_latest(tmp_path / "latest")
    assert (tmp_path / "latest").readlink() == Path("a")


def test_no_run_takes_the_name_of_the_link(tmp_path):
    with pytest.raises(ValueError, match=r"run\.name cannot be 'latest'"):
        runs.new_folder(tmp_path, "r", "latest")


def test_the_last_checkpoint_is_that_of_the_latest_run(tmp_path):
    begun(tmp_path / "r" / "a", "last.ckpt")
    runs.point_latest(begun(tmp_path / "r" / "b", "step_0000500.ckpt", "last.ckpt"))
    assert runs.last_checkpoint(tmp_path, "r") == tmp_path / "r" / "b" / "checkpoints" / "last.ckpt"


def test_the_highest_step_stands_in_for_a_link_that_leads_nowhere(tmp_path):
    folder = begun(tmp_path / "run", "step_0000900.ckpt", "step_0001000.ckpt")
    (folder / "checkpoints" / "last.ckpt").symlink_to("gone.ckpt")
    assert runs.newest_checkpoint(folder).name == "step_0001000.ckpt"


def test_without_a_run_or_a_checkpoint_last_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run of r to go on with"):
        runs.last_checkpoint(tmp_path, "r")
    runs.point_latest(begun(tmp_path / "r" / "a"))
    with pytest.raises(FileNotFoundError, match="has no checkpoint to go on with"):
        runs.last_checkpoint(tmp_path, "r")


def test_changed_settings_are_named_with_both_values():
    old = {"model": {"lr": 1.0, "betas": [0.9, 0.95]}, "trainer": {"max_steps": 10}}
    new = {"model": {"lr": 2.0, "betas": [0.9, 0.95]}, "trainer": {"max_steps": 10, "min_steps": 3}}
    assert runs.changed_settings(old, new) == {"model.lr": (1.0, 2.0), "trainer.min_steps": (None, 3)}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("data.num_workers", False),
        ("checkpoint.every_n_train_steps", False),
        ("trainer.accelerator", False),
        ("trainer.devices", True),
        ("trainer.max_steps", True),
        ("data.batch_size", True),
        ("seed_everything", True),
    ],
)
def test_settings_that_change_no_number_may_change(name, counts):
    def nested(value: int) -> dict:
        section, _, key = name.rpartition(".")
        return {section: {key: value}} if section else {key: value}

    assert bool(runs.changed_settings(nested(1), nested(2))) == counts


def test_a_section_that_was_empty_is_compared_too():
    assert runs.changed_settings({"a": {}}, {"a": {"b": 1}}) == {"a": ({}, None), "a.b": (None, 1)}


def test_a_replaced_configuration_is_kept(tmp_path):
    for value in (1, 1, 2, 3):
        runs.write_config(tmp_path, {"b": value, "a": [value]})
    assert runs.read_config(tmp_path) == {"b": 3, "a": [3]}
    assert (tmp_path / "config.1.yaml").read_text() == "b: 1\na:\n- 1\n"
    assert (tmp_path / "config.2.yaml").read_text() == "b: 2\na:\n- 2\n"
    assert len(list(tmp_path.iterdir())) == 3


def test_metrics_are_cut_back_to_a_step(tmp_path):
    lines = [{"step": step, "seconds": step * 1.5, "loss": 0.1} for step in (2, 4, 4, 6)]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 8, "sec')
    assert runs.cut_metrics(tmp_path, 4) == 6.0
    assert [json.loads(line) for line in path.read_text().splitlines()] == lines[:3]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_run_without_metrics_has_taken_no_time(tmp_path):
    assert runs.cut_metrics(tmp_path, 4) == 0.0


@pytest.mark.parametrize("name", ["a/b", "../b", "..", "/b"])
def test_a_name_is_that_of_one_folder(name, tmp_path):
    with pytest.raises(ValueError, match=r"run\.name is the name of one folder, without slashes"):
        runs.new_folder(tmp_path, "r", name)


def test_a_place_where_no_folder_can_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot make .*file/r: Not a directory; give another run\.root"):
        runs.new_folder(tmp_path / "file", "r")
