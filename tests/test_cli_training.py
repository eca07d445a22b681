"""Runs from end to end, on a few small videos."""

import json
import os
from pathlib import Path

import pytest
import torch
import yaml

from vidmask import recipes
from vidmask.checkpoints import load_encoder
from vidmask.cli import main, training
from vidmask.pretraining import MaskedPretraining

TINY = [
    *("--trainer.callbacks", "null"),
    *("--trainer.accelerator", "cpu"),
    *("--trainer.log_every_n_steps", "1"),
    *("--trainer.check_val_every_n_epoch", "1"),
    *("--trainer.num_sanity_val_steps", "0"),
    *("--data.batch_size", "4"),
    *("--data.num_workers", "0"),
    *("--model.encoder.embed_dim", "24"),
    *("--model.encoder.depth", "1"),
    *("--model.encoder.num_heads", "2"),
]
SEVEN_STEPS = [
    *("--trainer.max_steps", "7"),
    *("--checkpoint.every_n_train_steps", "3"),
    *("--checkpoint.save_top_k", "-1"),
]


def words(verb: str, moving_shapes: Path, *more: str) -> list[str]:
    data = ["--data.source.root", str(moving_shapes)]
    sizes = [
        f"--data.source.num_{split}={number}" for split, number in (("train", 16), ("val", 4), ("test", 4))
    ]
    return [verb, "--config", "quickstart/mae_st", *data, *sizes, *TINY, *more]


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def numbers_of(folder: Path) -> dict[tuple[int, str], float]:
    return {(line["step"], name): line[name] for line in lines_of(folder) for name in line if "/" in name}


@pytest.fixture(scope="module")
def run(tmp_path_factory, moving_shapes) -> Path:
    """A run of seven steps, four to an epoch, with a checkpoint after 3, 6 and 7."""
    home = tmp_path_factory.mktemp("home")
    before = Path.cwd()
    os.chdir(home)
    try:
        assert main(words("fit", moving_shapes, *SEVEN_STEPS)) == 0
    finally:
        os.chdir(before)
    return (home / "runs" / "quickstart" / "mae_st" / "latest").resolve()


@pytest.fixture(autouse=True)
def _runs_of_this_test(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDMASK_RUNS", str(tmp_path / "runs"))


def test_a_run_leaves_its_files_in_its_folder_and_nothing_else_anywhere(run):
    names = sorted(path.name for path in run.iterdir())
    assert names[:5] == ["checkpoints", "config.yaml", "encoder.safetensors", "environment.json", names[4]]
    assert names[4].startswith("events.out.tfevents")
    assert names[5:] == ["metrics.jsonl", "recipe"]
    checkpoints = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert checkpoints == ["last.ckpt", "step_0000003.ckpt", "step_0000006.ckpt", "step_0000007.ckpt"]
    home = run.parents[3]
    assert [path.name for path in home.iterdir()] == ["runs"]
    assert sorted(path.name for path in run.parent.iterdir()) == [run.name, "latest"]


def test_every_step_is_logged_with_loss_and_rates(run):
    steps = [line for line in lines_of(run) if "train/loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [line["epoch"] for line in steps] == [0, 0, 0, 0, 1, 1, 1]
    assert all(line["clips_per_second"] > 0 and 0 <= line["data_wait"] <= 1 for line in steps)
    assert [line["step"] for line in lines_of(run) if "val/loss" in line] == [4]


def test_the_resolved_configuration_gives_the_same_run(run, tmp_path, moving_shapes):
    assert main(["fit", "--config", str(run / "config.yaml")]) == 0
    again = tmp_path / "runs" / "quickstart" / "mae_st" / "latest"
    assert numbers_of(again) == numbers_of(run)
    assert (again / "config.yaml").read_text() == (run / "config.yaml").read_text()


def test_a_run_that_was_stopped_in_mid_epoch_gives_the_uninterrupted_run(run, tmp_path, moving_shapes):
    assert main(words("fit", moving_shapes, *SEVEN_STEPS)) == 0
    stopped = (tmp_path / "runs" / "quickstart" / "mae_st" / "latest").resolve()
    for name in ("last.ckpt", "step_0000006.ckpt", "step_0000007.ckpt"):
        (stopped / "checkpoints" / name).unlink()
    assert main(words("fit", moving_shapes, *SEVEN_STEPS, "--ckpt_path", "last")) == 0
    assert numbers_of(stopped) == numbers_of(run)
    assert [line["step"] for line in lines_of(stopped)] == [line["step"] for line in lines_of(run)]
    seconds = [line["seconds"] for line in lines_of(stopped)]
    assert seconds == sorted(seconds)
    ours, theirs = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True) for folder in (stopped, run)
    )
    assert ours["state_dict"].keys() == theirs["state_dict"].keys()
    assert all(
        torch.equal(ours["state_dict"][name], theirs["state_dict"][name]) for name in ours["state_dict"]
    )
    assert len(list(stopped.parent.iterdir())) == 2


def test_a_resumed_run_with_another_setting_is_refused(run, moving_shapes, capsys):
    checkpoint = str(run / "checkpoints" / "last.ckpt")
    before = (run / "metrics.jsonl").read_text()
    assert main(words("fit", moving_shapes, *SEVEN_STEPS, "--ckpt_path", checkpoint, "--model.lr", "1")) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[0] == f"vidmask: the run in {run} was begun with other settings:"
    assert error[1] == "  model.init_args.lr: 0.002 → 1.0"
    assert (run / "metrics.jsonl").read_text() == before


def test_a_checkpoint_alone_gives_the_module_back(run):
    module = MaskedPretraining.load_from_checkpoint(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert module.lr == 2e-3
    assert module.encoder.embed_dim == 24
    weights = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(weights[name], weight) for name, weight in module.state_dict().items())


def test_the_encoder_file_holds_the_trained_encoder(run):
    module = MaskedPretraining.load_from_checkpoint(run / "checkpoints" / "last.ckpt", weights_only=True)
    encoder = load_encoder(run / "encoder.safetensors")
    trained = module.encoder.state_dict()
    assert all(torch.equal(trained[name], weight) for name, weight in encoder.state_dict().items())


@pytest.mark.parametrize(("verb", "split"), [("validate", "val"), ("test", "test")])
def test_a_checkpoint_is_scored_in_its_run_s_folder(run, verb, split):
    before = sorted(path.name for path in (run / "checkpoints").iterdir())
    cli = training.run([verb, "--ckpt_path", str(run / "checkpoints" / "last.ckpt")])
    assert cli.trainer.checkpoint_callback.dirpath == str(run / "checkpoints")
    (line,) = lines_of(run / verb)
    assert line[f"{split}/loss"] > 0
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == before
    assert len(list(run.parent.iterdir())) == 2


def test_features_are_written(run):
    assert main(["predict", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
    assert (run / "predict" / "features.safetensors").is_file()


@pytest.fixture
def build(monkeypatch, moving_shapes):
    """Builds the parts and does nothing with them."""
    monkeypatch.setattr(training.TrainingCLI, "_run_subcommand", lambda cli, subcommand: None)
    return lambda *more: training.run(words("fit", moving_shapes, *more))


def test_the_data_follow_the_encoder(build):
    cli = build("--model.encoder.frames", "8", "--model.encoder.size", "24")
    assert (cli.datamodule.frames, cli.datamodule.size) == (8, 24)
    assert "frames" not in cli.filing.config["data"]


def test_a_later_recipe_and_the_command_line_override(build, tmp_path):
    (tmp_path / "later.yaml").write_text(
        "data: {batch_size: 2}\nmodel: {init_args: {lr: 0.5, weight_decay: 0.5}}\n"
    )
    cli = build("--config", str(tmp_path / "later.yaml"), "--model.lr", "0.25")
    assert (cli.datamodule.batch_size, cli.model.lr, cli.model.weight_decay) == (2, 0.25, 0.5)
    assert cli.filing.recipe == "quickstart/mae_st"


def test_an_interpolation_follows_an_override(build, tmp_path):
    (tmp_path / "tied.yaml").write_text("data: {eval_batch_size: '${data.batch_size}'}\n")
    cli = build("--config", str(tmp_path / "tied.yaml"), "--data.batch_size", "3")
    assert cli.datamodule.eval_batch_size == 3


def test_a_class_of_a_module_beside_the_recipe_is_found(build, tmp_path):
    (tmp_path / "masks_of_mine.py").write_text(
        "from vidmask.masking import RandomMasking\n\n\nclass HalfMasking(RandomMasking):\n"
        "    def __init__(self):\n        super().__init__(0.5)\n"
    )
    recipe = {"model": {"init_args": {"masking": {"class_path": "masks_of_mine.HalfMasking"}}}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    assert type(build("--config", str(tmp_path / "mine.yaml")).model.masking).__name__ == "HalfMasking"


def test_parts_stand_beside_the_recipe_in_every_section(build, moving_shapes, tmp_path, monkeypatch):
    shipped = recipes.folder() / "quickstart"
    (tmp_path / "recipes").mkdir()
    (tmp_path / "parts").mkdir()
    for part in (shipped / "parts").iterdir():
        (tmp_path / "parts" / part.name).write_text(part.read_text())
    text = (shipped / "mae_st.yaml").read_text()
    assert text.count(": parts/") == 3
    (tmp_path / "recipes" / "mine.yaml").write_text(text.replace(": parts/", ": ../parts/"))
    monkeypatch.chdir(tmp_path.parent)
    args = words("fit", moving_shapes)
    args[2] = str(tmp_path / "recipes" / "mine")
    cli = training.run(args)
    assert cli.filing.recipe == "mine"
    assert cli.model.encoder.tubelet.rows == 8


def test_a_trial_run_writes_no_encoder_and_is_not_the_latest(moving_shapes, tmp_path):
    assert main(words("fit", moving_shapes, "--trainer.fast_dev_run", "1")) == 0
    (folder,) = (tmp_path / "runs" / "quickstart" / "mae_st").iterdir()
    assert folder.name != "latest"
    assert not (folder / "encoder.safetensors").exists()


def test_a_file_that_is_no_video_ends_the_run_with_its_name(tmp_path, capsys, moving_shapes):
    folder = tmp_path / "videos" / "walking"
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / f"{number}.mp4").write_bytes(b"words" * 100)
    args = [
        *("fit", "--config", "quickstart/mae_st", *TINY, "--data.on_error_fit", "raise"),
        *("--data.source=VideoFolder", f"--data.source.root={tmp_path / 'videos'}"),
    ]
    assert main(args) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vidmask: ")]
    assert str(folder) in line


def test_an_exception_of_ours_keeps_its_traceback(moving_shapes, monkeypatch):
    def broken(*args) -> None:
        raise AssertionError("a fault of ours")

    monkeypatch.setattr(MaskedPretraining, "training_step", broken)
    with pytest.raises(AssertionError, match="a fault of ours"):
        main(words("fit", moving_shapes, "--trainer.fast_dev_run", "1"))


def test_a_logger_of_the_user_s_is_added(moving_shapes, tmp_path):
    logger = f"--trainer.logger={{class_path: CSVLogger, init_args: {{save_dir: {tmp_path / 'csv'}}}}}"
    cli = training.run(words("fit", moving_shapes, "--trainer.max_steps", "1", logger))
    assert [type(logger).__name__ for logger in cli.trainer.loggers] == [
        "RunTensorBoard",
        "MetricsJsonl",
        "CSVLogger",
    ]


def test_help_of_a_verb_names_our_sections(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["fit", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "--run.root" in text
    assert "--checkpoint.every_n_train_steps" in text
    assert "--data.frames" not in text
