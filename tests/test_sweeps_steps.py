"""The commands of a run."""

import pytest
import yaml
from sweep_runs import StandIn, definition, plan

from vidmask.sweeps.steps import steps_of


@pytest.fixture
def run():
    return plan(definition(evaluate={"quickstart/linear": {}}))[0]


def test_a_run_is_a_training_and_for_each_evaluation_a_training_and_a_test(run):
    fit, asked, test = steps_of(run)
    assert [step.name for step in (fit, asked, test)] == [
        "fit",
        "quickstart/linear",
        "quickstart/linear test",
    ]
    assert [str(step.folder) for step in (fit, asked, test)] == [
        "quickstart/mae_st/run",
        "quickstart/linear/run",
        "quickstart/linear/run/test",
    ]
    assert [step.log for step in (fit, asked, test)] == [
        "fit.log",
        "quickstart_linear.log",
        "quickstart_linear_test.log",
    ]
    assert (fit.key, asked.key, test.key) == (run.key, run.evaluations[0].key, run.evaluations[0].key)


def test_words_of_each_command(run, tmp_path):
    fit, asked, test = steps_of(run)
    assert fit.words(tmp_path) == [
        *("fit", "--config", "quickstart/mae_st", "--config", str(tmp_path / "fit.yaml")),
        *(f"--run.root={tmp_path}", "--run.name=run"),
    ]
    assert yaml.safe_load((tmp_path / "fit.yaml").read_text()) == run.config
    encoder = tmp_path / "quickstart/mae_st/run/encoder.safetensors"
    assert asked.words(tmp_path)[-2:] == [f"--model.encoder_checkpoint={encoder}", "--run.name=run"]
    StandIn().run(asked.words(tmp_path), tmp_path / asked.log, {})
    checkpoint = tmp_path / "quickstart/linear/run/checkpoints/last.ckpt"
    assert test.words(tmp_path) == ["test", "--ckpt_path", str(checkpoint)]


def test_what_was_broken_off_goes_on_from_its_checkpoint(run, tmp_path):
    fit = next(steps_of(run))
    assert not fit.goes_on(tmp_path)
    StandIn().run(fit.words(tmp_path), tmp_path / fit.log, {})
    assert fit.goes_on(tmp_path)
    checkpoint = tmp_path / "quickstart/mae_st/run/checkpoints/last.ckpt"
    assert fit.words(tmp_path)[-2:] == ["--ckpt_path", str(checkpoint)]


def test_what_has_other_settings_does_not_go_on(run, tmp_path):
    fit = next(steps_of(run))
    StandIn().run(fit.words(tmp_path), tmp_path / fit.log, {})
    path = tmp_path / fit.folder / "config.yaml"
    path.write_text(path.read_text().replace("lr: 0.1", "lr: 0.7"))
    assert not fit.goes_on(tmp_path)
    told = "it was run with model.init_args.lr 0.7, planned was 0.1"
    assert fit.contradiction(tmp_path) == told


def test_an_evaluation_whose_encoder_has_another_path_begins_anew(run, tmp_path):
    _, asked, _ = steps_of(run)
    StandIn().run(asked.words(tmp_path), tmp_path / asked.log, {})
    path = tmp_path / asked.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["model"]["init_args"]["encoder_checkpoint"] = str(tmp_path / asked.encoder)
    path.write_text(yaml.safe_dump(config))
    assert asked.goes_on(tmp_path)
    config["model"]["init_args"]["encoder_checkpoint"] = "elsewhere"
    path.write_text(yaml.safe_dump(config))
    assert not asked.goes_on(tmp_path)
    assert asked.contradiction(tmp_path) is None


def test_a_training_that_stopped_early_has_not_spent_its_budget(run, tmp_path):
    fit = next(steps_of(run))
    StandIn().run(fit.words(tmp_path), tmp_path / fit.log, {})
    checkpoints = tmp_path / fit.folder / "checkpoints"
    for steps, told in ((3, "it stopped after 3 of 4 steps"), (4, None)):
        (checkpoints / "last.ckpt").unlink()
        (checkpoints / f"step_{steps:07d}.ckpt").touch()
        (checkpoints / "last.ckpt").symlink_to(f"step_{steps:07d}.ckpt")
        assert fit.contradiction(tmp_path) == told


def test_a_training_that_left_no_encoder_has_not_finished(run, tmp_path):
    fit, asked, test = steps_of(run)
    for step in (fit, asked, test):
        StandIn().run(step.words(tmp_path), tmp_path / step.log, {})
        assert step.contradiction(tmp_path) is None
    (tmp_path / fit.folder / "encoder.safetensors").unlink()
    (tmp_path / test.folder / "metrics.jsonl").unlink()
    assert fit.contradiction(tmp_path) == "it left no quickstart/mae_st/run/encoder.safetensors"
    assert test.contradiction(tmp_path) == "it left no quickstart/linear/run/test/metrics.jsonl"
    assert asked.contradiction(tmp_path) is None
