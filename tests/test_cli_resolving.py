"""The resolved configuration of a recipe, without building anything."""

import pytest

from vidmask import runs
from vidmask.cli import main
from vidmask.cli.errors import Mistake
from vidmask.cli.resolving import resolve, resolve_config
from vidmask.sweeps.settings import with_settings

TUBE = {"class_path": "TubeMasking", "init_args": {}}


def masking(config: dict) -> dict:
    return config["model"]["init_args"]["masking"]


@pytest.mark.usefixtures("one_thread")
def test_it_is_what_the_run_writes_down(moving_shapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--config", "quickstart/mae_st", f"--data.source.root={moving_shapes}", "--trainer.max_steps=1"]
    words += ["--data.source.num_train=16", "--data.source.num_val=4", "--data.source.num_test=4"]
    words += ["--data.batch_size=4", "--trainer.callbacks=null", "--trainer.enable_progress_bar=false"]
    resolved = resolve(words)
    assert list(tmp_path.iterdir()) == []
    assert main(["fit", *words]) == 0
    assert runs.read_config(tmp_path / "runs/quickstart/mae_st/latest") == resolved


def test_equal_words_are_read_once_and_what_is_returned_can_be_changed():
    words = ["--config", "quickstart/mae_st"]
    first = resolve(words)
    first["model"]["init_args"]["lr"] = -1
    assert resolve(words)["model"]["init_args"]["lr"] == 4e-3


def test_a_whole_part_has_its_own_defaults_and_nothing_of_the_old_one():
    before = masking(resolve(["--config", "quickstart/mae_st"]))
    assert before["init_args"]["ratio"] == 0.75
    config = with_settings("quickstart/mae_st", {"model.masking": TUBE}, resolve, resolve_config)
    assert masking(config) == {"class_path": "vidmask.TubeMasking", "init_args": {"ratio": 0.9}}
    # The command line would have kept the ratio.
    kept = resolve(["--config", "quickstart/mae_st", "--model.masking=TubeMasking"])
    assert masking(kept)["init_args"]["ratio"] == 0.75


def test_a_setting_inside_of_a_whole_part(monkeypatch):
    settings = {"model.masking.ratio": 0.5, "model.masking": TUBE}
    config = with_settings("quickstart/mae_st", settings, resolve, resolve_config)
    assert masking(config)["init_args"] == {"ratio": 0.5}


def test_a_head_can_be_left_out():
    config = with_settings("quickstart/mam2", {"model.objective.motion": None}, resolve, resolve_config)
    assert config["model"]["init_args"]["objective"]["init_args"]["motion"] is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model.masking.ration": 0.5}, "did you mean"),
        ({"model.masking": {"class_path": "TubMasking"}}, "no class 'TubMasking'"),
        ({"model.masking": TUBE, "model.masking.ration": 0.5}, "ration"),
        ({"model.lr": "fast"}, "model.lr"),
        ({"data.frames": 8}, "set model.encoder.frames instead"),
    ],
)
def test_a_mistake_is_told_as_in_fit(settings, told):
    with pytest.raises(Mistake, match=told) as raised:
        with_settings("quickstart/mae_st", settings, resolve, resolve_config)
    assert "tmp" not in str(raised.value)
