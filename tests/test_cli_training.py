"""Runs from end to end, on a few small videos."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vidmask import recipes
from vidmask.callbacks.charts import ChartLayout
from vidmask.callbacks.run_folder import RunCheckpoints
from vidmask.checkpoints import load_encoder
from vidmask.cli import main, training
from vidmask.features import read_features
from vidmask.objectives.mae import MaskedAutoencoder
from vidmask.pretraining import MaskedPretraining

TINY = [
    *("--trainer.callbacks", "null"),
    *("--trainer.accelerator", "cpu"),
    *("--trainer.log_every_n_steps", "1"),
    *("--trainer.check_val_every_n_epoch", "1"),
    *("--trainer.num_sanity_val_steps", "0"),
    *("--data.batch_size", "4"),
    *("--data.num_workers", "0"),
    *("--model.lr", "0.002"),
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


def progress_of(folder: Path) -> list:
    """Lightning's count of epochs, batches and logged steps at the end of a run."""
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    loops = checkpoint["loops"]["fit_loop"]
    names = ("epoch_progress", "epoch_loop.batch_progress", "epoch_loop.state_dict")
    return [checkpoint["global_step"], *(loops[name] for name in names)]


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


class Killed(Exception):
    """Stands for the end of a process."""


def kill_after_saving(monkeypatch, step: int) -> None:
    save = RunCheckpoints._save_last_checkpoint

    def save_and_die(self, trainer, metrics) -> None:
        save(self, trainer, metrics)
        if trainer.global_step == step:
            monkeypatch.undo()
            raise Killed

    monkeypatch.setattr(RunCheckpoints, "_save_last_checkpoint", save_and_die)


def latest_in(runs: Path) -> Path:
    return (runs / "quickstart" / "mae_st" / "latest").resolve()


@pytest.mark.parametrize("length", [("--trainer.max_steps", "12"), ("--trainer.max_epochs", "3")])
@pytest.mark.parametrize(("val_every", "validated"), [(1, [4, 8, 12]), (3, [12])])
def test_killed_after_the_checkpoint_of_each_epoch_s_last_batch_a_run_is_the_uninterrupted_one(
    length, val_every, validated, moving_shapes, tmp_path, monkeypatch
):
    every_epoch = [*length, "--checkpoint.every_n_train_steps", "4"]
    every_epoch += ["--trainer.check_val_every_n_epoch", str(val_every)]
    args = words("fit", moving_shapes, *every_epoch, "--run.root", str(tmp_path / "killed"))
    for step, resume in ((4, []), (8, ["--ckpt_path", "last"])):
        with monkeypatch.context() as patch:
            kill_after_saving(patch, step)
            with pytest.raises(Killed):
                main([*args, *resume])
    assert main([*args, "--ckpt_path", "last"]) == 0
    assert main(words("fit", moving_shapes, *every_epoch)) == 0
    killed, whole = latest_in(tmp_path / "killed"), latest_in(tmp_path / "runs")
    assert numbers_of(killed) == numbers_of(whole)
    assert [step for step, name in numbers_of(killed) if name == "train/loss"] == list(range(1, 13))
    assert [step for step, name in numbers_of(killed) if name == "val/loss"] == validated
    places = [(line["step"], line["epoch"]) for line in lines_of(whole)]
    assert [(line["step"], line["epoch"]) for line in lines_of(killed)] == places
    assert progress_of(killed) == progress_of(whole)


def stop_at_three(self, trainer, *args) -> None:
    if trainer.global_step == 3:
        trainer.should_stop = True


@pytest.mark.parametrize("length", [("--trainer.max_steps", "7"), ("--trainer.max_epochs", "2")])
@pytest.mark.parametrize("when", ["before the checkpoints", "after them", "in a validation"])
def test_a_run_that_was_stopped_early_in_mid_epoch_goes_on_as_the_uninterrupted_one(
    length, when, moving_shapes, tmp_path, monkeypatch
):
    args = words("fit", moving_shapes, *length, "--run.root", str(tmp_path / "stopped"))
    with monkeypatch.context() as patch:
        if when == "before the checkpoints":
            patch.setattr(ChartLayout, "on_train_batch_end", stop_at_three, raising=False)
        elif when == "after them":
            patch.setattr(
                MaskedPretraining,
                "on_train_batch_end",
                lambda self, *args: stop_at_three(self, self.trainer),
            )
        else:
            patch.setattr(ChartLayout, "on_validation_end", stop_at_three, raising=False)
            args += ["--trainer.val_check_interval", "3"]
        assert main(args) == 0
    stopped = latest_in(tmp_path / "stopped")
    assert [line["step"] for line in lines_of(stopped) if "train/loss" in line] == [1, 2, 3]
    assert main([*args, "--ckpt_path", "last"]) == 0
    assert main([*args, "--run.root", str(tmp_path / "whole")]) == 0
    whole = latest_in(tmp_path / "whole")
    ours, theirs = numbers_of(stopped), numbers_of(whole)
    # A run that stops early validates once more, at the step where it stops.
    assert {key: value for key, value in ours.items() if key in theirs} == theirs
    assert {step for step, _ in ours.keys() - theirs.keys()} <= {3}
    epochs = [line["epoch"] for line in lines_of(stopped) if "train/loss" in line]
    assert epochs == [0, 0, 0, 0, 1, 1, 1, 1][: len(epochs)]
    assert progress_of(stopped) == progress_of(whole)


def test_a_run_that_is_made_longer_goes_on_as_the_longer_one(moving_shapes, tmp_path):
    constant = ("--model.warmup", "0", "--model.lr", "0.002", "--model.min_lr", "0.002")
    args = words("fit", moving_shapes, *constant)
    assert main([*args, "--trainer.max_steps", "3"]) == 0
    folder = latest_in(tmp_path / "runs")
    more = ("--trainer.max_steps", "7", "--run.allow_config_change", "true", "--ckpt_path", "last")
    assert main([*args, *more]) == 0
    assert main([*args, "--trainer.max_steps", "7", "--run.root", str(tmp_path / "whole")]) == 0
    assert numbers_of(folder) == numbers_of(latest_in(tmp_path / "whole"))
    assert progress_of(folder) == progress_of(latest_in(tmp_path / "whole"))


@pytest.mark.parametrize("length", [("--trainer.max_steps", "4"), ("--trainer.max_epochs", "1")])
def test_a_finished_run_that_is_resumed_ends_at_once(length, moving_shapes, tmp_path, capsys):
    sanity = ("--trainer.num_sanity_val_steps", "-1")
    args = [word for word in words("fit", moving_shapes, *length, *sanity) if word != "null"]
    args.remove("--trainer.callbacks")
    assert main(args) == 0
    folder = latest_in(tmp_path / "runs")
    before, table = numbers_of(folder), capsys.readouterr().out.partition("Loss")[2].partition(" steps in")[0]
    assert main([*args, "--ckpt_path", "last"]) == 0
    out = capsys.readouterr().out
    assert "Everything of this run is in" in out
    assert out.partition("Loss")[2].partition(" steps in")[0] == table
    assert numbers_of(folder) == before


def test_a_run_is_resumed_through_the_link_to_the_latest(moving_shapes, tmp_path):
    args = words("fit", moving_shapes, "--trainer.max_steps", "3")
    assert main(args) == 0
    link = tmp_path / "runs" / "quickstart" / "mae_st" / "latest"
    folder = link.resolve()
    assert main([*args, "--ckpt_path", str(link / "checkpoints" / "last.ckpt")]) == 0
    assert link.readlink() == Path(folder.name)
    assert main([*args, "--ckpt_path", "last"]) == 0
    assert sorted(path.name for path in link.parent.iterdir()) == sorted([folder.name, "latest"])


def test_tensorboard_has_one_point_for_each_step_of_a_resumed_run(moving_shapes, tmp_path, monkeypatch):
    args = words("fit", moving_shapes, "--trainer.max_steps", "7", "--checkpoint.every_n_train_steps", "2")
    with monkeypatch.context() as patch:
        patch.setattr(ChartLayout, "on_train_batch_end", die_at_six, raising=False)
        with pytest.raises(Killed):
            main(args)
    assert main([*args, "--ckpt_path", "last"]) == 0
    events = EventAccumulator(str(latest_in(tmp_path / "runs"))).Reload()
    assert [point.step for point in events.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6, 7]
    assert [point.step for point in events.Scalars("val/loss")] == [4]


def die_at_six(self, trainer, *args) -> None:
    if trainer.global_step == 6:
        raise Killed


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_without_a_checkpoint_there_is_nothing_to_score(verb, moving_shapes, tmp_path, capsys):
    assert main(words(verb, moving_shapes)) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"vidmask: {verb} is for a trained model, and no checkpoint is given"
    assert "--ckpt_path takes a file, 'last' for the newest" in second
    assert "or 'untrained' for random weights" in second
    assert not (tmp_path / "runs").exists()


def test_a_loss_that_is_not_finite_ends_the_run_with_every_file_of_the_batch_named(
    video_folder, tmp_path, monkeypatch, capsys
):
    videos = tmp_path / "videos"
    for number in range(32):
        folder = videos / ("with_a_long_name" * 10) / f"of_{number}"
        folder.mkdir(parents=True)
        (folder / f"video_{number}.mp4").symlink_to(video_folder / "train" / "run" / "0.mp4")

    def broken(self, batch, mask) -> dict:
        return {"loss": next(self.parameters()).sum() * float("nan")}

    monkeypatch.setattr(MaskedAutoencoder, "forward", broken)
    args = words("fit", tmp_path, "--data.batch_size", "32", "--trainer.max_steps", "1")
    args = [word for word in args if not word.startswith("--data.source")]
    args.remove(str(tmp_path))
    source = f"{{class_path: VideoFolder, init_args: {{root: {videos}}}}}"
    assert main([*args, "--data.source", source]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vidmask: ")]
    assert "nan" in line
    for number in range(32):
        assert f"/of_{number}/video_{number}.mp4" in line


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


def test_features_of_every_split_are_written_as_they_come_and_kept_nowhere_else(run):
    args = ["--ckpt_path", str(run / "checkpoints" / "last.ckpt"), "--features.level", "both"]
    cli = training.run(["predict", *args])
    assert cli.config["predict"].return_predictions is False
    assert cli.trainer.predict_loop.predictions == []
    names = sorted(path.name for path in (run / "predict" / "features").iterdir())
    assert names == [f"{split}-00000-00000.safetensors" for split in ("test", "train", "val")]
    found = {split: read_features(run / "predict" / "features", split) for split in ("train", "val", "test")}
    assert {split: len(features.paths) for split, features in found.items()} == {
        "train": 16,
        "val": 4,
        "test": 4,
    }
    encoder = load_encoder(run / "encoder.safetensors")
    clips = torch.stack([cli.datamodule.dataset("train")[video][0].clip for video in range(4)])
    with torch.no_grad():
        latents = encoder(clips / 255)
    torch.testing.assert_close(found["train"].features[:4], latents.tokens.mean(dim=1))
    torch.testing.assert_close(found["train"].tokens[:4], latents.tokens)
    assert found["train"].cls is None
    assert found["val"].classes == cli.datamodule.classes
    made_by = found["val"].made_by
    assert made_by["encoder"] == cli.filing.config["model"]["init_args"]["encoder"]["class_path"]
    assert (made_by["frames"], made_by["size"]) == (encoder.frames, encoder.size)


def test_features_of_random_weights_are_those_of_the_seed(run, moving_shapes, tmp_path):
    words_of = words("predict", moving_shapes, "--ckpt_path", "untrained", "--run.name", "random")
    cli = training.run(words_of)
    assert cli.filing.folder.parent.name == "random"
    latest = cli.filing.folder.parents[1] / "latest"
    assert not latest.exists() or latest.resolve() != cli.filing.folder.parent
    found = read_features(cli.filing.folder / "features", "val")
    trained = load_encoder(run / "encoder.safetensors")
    clips = torch.stack([cli.datamodule.dataset("val")[video][0].clip for video in range(4)])
    with torch.no_grad():
        random, after = cli.model.encoder(clips / 255), trained(clips / 255)
    torch.testing.assert_close(found.features, random.tokens.mean(dim=1))
    assert not torch.allclose(found.features, after.tokens.mean(dim=1))


def test_features_of_the_splits_asked_for_replace_those_of_the_same_split(run):
    args = ["predict", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]
    folder = run / "predict" / "features"
    assert main([*args, "--data.predict_splits", "[val,test]"]) == 0
    test = (folder / "test-00000-00000.safetensors").stat().st_mtime_ns
    (folder / "val-00000-00001.safetensors").write_bytes(b"of an earlier prediction")
    more = ["--data.predict_splits", "[val]", "--features.format", "parquet", "--data.test_clips", "2"]
    assert main([*args, *more]) == 0
    assert [path.name for path in sorted(folder.glob("val-*"))] == ["val-00000-00000.parquet"]
    assert (folder / "test-00000-00000.safetensors").stat().st_mtime_ns == test
    assert read_features(folder, "val").view.tolist() == [0, 1] * 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--features.format", "parquet", "--features.level", "both"], "parquet holds the level clip only"),
        (["--features.level", "clips"], "clip, token, both"),
        (["--data.predict_splits", "[]"], "predict_splits must be one or more of train, val, test, got []"),
    ],
)
def test_wrong_options_of_features_are_refused_before_any_work(run, options, said, capsys):
    args = ["predict", "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), "--run.name", "none"]
    assert main([*args, *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


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


def test_a_file_that_a_part_misses_is_named_in_a_line(tmp_path, capsys):
    option = "--model.objective.appearance.target.tokenizer.recipe"
    args = ["fit", "--config", "quickstart/mam2", "--run.root", str(tmp_path), option, "nosuch"]
    assert main(args) != 0
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert "no recipe 'nosuch'" in told[0]


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


@pytest.mark.slow
def test_help_of_fit_takes_eight_seconds_or_little_more_than_its_libraries():
    def seconds(*words: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        return time.perf_counter() - start

    # The first one may read the libraries from a cold disk, or share the machine; a slow one is slow at both.
    libraries = "import lightning.pytorch.cli, timm, torchvision"
    assert any(
        seconds("-m", "vidmask", "fit", "--help") <= max(8.0, 1.5 * seconds("-c", libraries))
        for _ in range(3)
    )


def classifier_words(verb: str, moving_shapes: Path, *more: str) -> list[str]:
    given = words(verb, moving_shapes, *more)
    return ["quickstart/finetune" if word == "quickstart/mae_st" else word for word in given]


def test_a_classifier_is_tested_by_its_checkpoint_alone(run, moving_shapes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    start = ["--model.encoder_checkpoint", str(run / "encoder.safetensors")]
    assert main(classifier_words("fit", moving_shapes, *start, "--trainer.max_steps", "2")) == 0
    folder = (tmp_path / "runs" / "quickstart" / "finetune" / "latest").resolve()
    views = ["--data.test_clips", "2", "--data.test_crops", "3"]
    checkpoint = folder / "checkpoints" / "last.ckpt"
    capsys.readouterr()
    assert main(["test", "--ckpt_path", str(checkpoint), *views]) == 0, capsys.readouterr().err
    card = (folder / "test" / "card.md").read_text()
    assert "2 in time × 3 in space" in card
    assert f"Weights: {run / 'encoder.safetensors'}" in card.replace("\\_", "_")


def test_random_weights_are_not_scored_as_those_of_a_file(run, moving_shapes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    start = ["--model.encoder_checkpoint", str(run / "encoder.safetensors")]
    assert main(classifier_words("test", moving_shapes, *start, "--ckpt_path", "untrained")) == 2
    assert capsys.readouterr().err.startswith("vidmask: --ckpt_path untrained takes random weights")
    assert not (tmp_path / "runs").exists()
