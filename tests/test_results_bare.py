import json

import pytest
import yaml
from sweep_folders import RECIPE, write_training

from vidmask.results.bare import read_bare


def test_the_axes_are_the_settings_in_which_runs_of_a_recipe_differ(tmp_path):
    folders = [
        write_training(tmp_path / "a", seed=0, settings={"masking": "RandomMasking", "ratio": 0.5}),
        write_training(tmp_path / "b", seed=1, settings={"masking": "TubeMasking", "ratio": 0.75}),
        write_training(tmp_path / "c", seed=2, settings={"masking": "TubeMasking", "ratio": 0.75}),
        write_training(tmp_path / "d", settings={"masking": "FrameMasking"}, recipe="quickstart/mam2"),
    ]
    runs = read_bare(folders)
    assert [run.name for run in runs] == ["a", "b", "c", "d"]
    assert [run.recipe for run in runs] == [RECIPE] * 3 + ["quickstart/mam2"]
    assert [run.seed for run in runs] == [0, 1, 2, 0]
    assert [run.labels for run in runs] == [
        {"model.masking": "RandomMasking", "model.masking.ratio": "0.5"},
        {"model.masking": "TubeMasking", "model.masking.ratio": "0.75"},
        {"model.masking": "TubeMasking", "model.masking.ratio": "0.75"},
        {"model.masking": "FrameMasking", "model.masking.ratio": "0.75"},
    ]


def test_settings_that_change_no_result_are_no_axis(tmp_path):
    folders = [write_training(tmp_path / name) for name in "ab"]
    config = yaml.safe_load((folders[0] / "config.yaml").read_text())
    config["data"]["num_workers"] = 7
    (folders[0] / "config.yaml").write_text(yaml.safe_dump(config))
    assert [run.labels for run in read_bare(folders)] == [{}, {}]


def test_names_are_as_long_as_it_takes(tmp_path):
    folders = [tmp_path / "x/a/run", tmp_path / "x/b/run", tmp_path / "y/b/run", tmp_path / "x/b/other"]
    runs = read_bare([write_training(folder) for folder in folders])
    assert [run.name for run in runs] == ["a/run", "x/b/run", "y/b/run", "other"]


@pytest.mark.parametrize("made", ["encoder.safetensors", "test/metrics.jsonl", None])
def test_a_run_has_finished_when_what_is_made_at_the_end_is_there(tmp_path, made):
    folder = write_training(tmp_path / "a", ends=made is None)
    if made is not None:
        (run,) = read_bare([folder])
        assert run.status == "unfinished"
        assert run.reason == "it runs still, or was broken off"
        (folder / made).parent.mkdir(exist_ok=True)
        (folder / made).touch()
    (run,) = read_bare([folder])
    assert (run.status, run.reason) == ("finished", None)


@pytest.mark.parametrize(
    ("trainer", "gpus", "clips"),
    [
        ({"devices": "auto", "accelerator": "cpu"}, ["a", "b"], 32),
        ({"devices": "auto", "accelerator": "auto"}, ["a", "b"], 64),
        ({"devices": "auto", "accelerator": "auto"}, [], 32),
        ({"devices": 4, "num_nodes": 2, "accumulate_grad_batches": 3}, [], 768),
        ({"devices": [0, 2]}, ["a", "b", "c"], 64),
    ],
)
def test_clips_of_a_step_are_those_of_all_devices_and_accumulated_batches(tmp_path, trainer, gpus, clips):
    folder = write_training(tmp_path / "a")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "trainer": trainer}))
    environment = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps({**environment, "hardware": {"gpus": gpus}}))
    (run,) = read_bare([folder])
    assert run.clips_per_step == clips
    assert run.macs_per_step != run.macs_per_step


def test_a_seed_that_was_drawn_is_not_known(tmp_path):
    folder = write_training(tmp_path / "a")
    environment = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps({**environment, "seed": True}))
    assert read_bare([folder])[0].seed is None


@pytest.mark.parametrize(
    ("name", "text"),
    [("config.yaml", "a: [1"), ("config.yaml", "3"), ("environment.json", "{"), ("environment.json", "[]")],
)
def test_a_damaged_file_is_refused_with_its_path(tmp_path, name, text):
    folder = write_training(tmp_path / "a")
    (folder / name).write_text(text)
    with pytest.raises(ValueError, match="is damaged") as caught:
        read_bare([folder])
    assert str(folder / name) in str(caught.value)
