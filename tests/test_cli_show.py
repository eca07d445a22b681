"""``vidmask show`` from end to end, on a few small videos and a tiny model."""

from pathlib import Path

import pytest

from vidmask.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = [
    *("--trainer.callbacks", "null"),
    *("--trainer.accelerator", "cpu"),
    *("--trainer.num_sanity_val_steps", "0"),
    *("--data.batch_size", "4"),
    *("--data.num_workers", "0"),
    *("--model.encoder.embed_dim", "24"),
    *("--model.encoder.depth", "1"),
    *("--model.encoder.num_heads", "2"),
]
PICTURES = ["mask.gif", "mask.mp4", "mask.png", "reconstruction.gif", "reconstruction.mp4"]
PICTURES += ["reconstruction.png", "sheet.png"]


def words(moving_shapes: Path, *more: str) -> list[str]:
    source = ["--data.root", str(moving_shapes)]
    for split, number in (("train", 16), ("val", 4), ("test", 4)):
        source.append(f"--data.source.num_{split}={number}")
    return ["--config", "quickstart/mae_st", *source, *TINY, *more]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_recipe_is_shown_without_a_run(moving_shapes, tmp_path, capsys):
    assert main(["show", *words(moving_shapes), "--out", "drawn", "--clips", "1"]) == 0
    assert names_in(Path("drawn")) == PICTURES
    assert capsys.readouterr().out.splitlines()[0] == str(Path("drawn", "mask.png"))
    assert names_in(tmp_path) == ["drawn"]


def test_a_trained_model_s_predictions_stand_beside(moving_shapes, tmp_path, capsys):
    assert main(["fit", *words(moving_shapes, "--trainer.max_steps", "2")]) == 0
    run = (tmp_path / "runs" / "quickstart" / "mae_st" / "latest").resolve()
    before = sorted(path.name for path in run.iterdir())
    checkpoint = str(run / "checkpoints" / "last.ckpt")
    # The run's own configuration is taken; and with it, the newest is found.
    assert main(["show", "--ckpt_path", checkpoint, "--out", "one"]) == 0
    assert main(["show", *words(moving_shapes), "--ckpt_path", "last", "--out", "other"]) == 0
    assert main(["show", *words(moving_shapes), "--out", "untrained"]) == 0
    one, other, untrained = (
        Path(name, "reconstruction.png").read_bytes() for name in ("one", "other", "untrained")
    )
    assert one == other != untrained
    assert sorted(path.name for path in run.iterdir()) == before
    assert [path.name for path in run.parent.iterdir() if path.name != "latest"] == [run.name]


@pytest.mark.parametrize(
    ("more", "told"),
    {
        "no folder": ([], "--out"),
        "a file": (["--out", "taken"], "--out takes a folder, and taken is a file"),
        "below a file": (["--out", "taken/a"], "--out takes a folder, and "),
        "no checkpoint": (["--out", "a", "--ckpt_path", "nowhere.ckpt"], "no checkpoint 'nowhere.ckpt'"),
        "no run": (["--out", "a", "--ckpt_path", "last"], "no run of quickstart/mae_st to go on with"),
        "a setting that is none": (["--out", "a", "--model.lrr", "1"], "no setting 'model.lrr'"),
        "no clips": (["--out", "a", "--clips", "0"], "a whole number from 1 is accepted, got '0'"),
        "a ratio that hides all": (
            ["--out", "a", "--model.masking.ratio", "0.9999"],
            "masking ratio 0.9999 leaves 0 of 128 tokens visible",
        ),
    }.values(),
)
def test_a_mistake_is_told_and_nothing_is_written(more, told, moving_shapes, tmp_path, capsys):
    (tmp_path / "taken").touch()
    assert main(["show", *words(moving_shapes), *more]) == 2
    assert told in capsys.readouterr().err
    assert names_in(tmp_path) == ["taken"]


def test_what_hides_nothing_is_not_shown(tokenizer_folder, capsys):
    assert main(["show", "--config", str(tokenizer_folder / "small.yaml"), "--out", "a"]) == 2
    assert "this recipe trains a TokenizerTraining" in capsys.readouterr().err


def test_other_settings_of_the_model_than_were_trained_are_refused(moving_shapes, capsys):
    assert main(["fit", *words(moving_shapes, "--trainer.max_steps", "1")]) == 0
    capsys.readouterr()
    more = ["--ckpt_path", "last", "--out", "a", "--model.masking.ratio", "0.5"]
    assert main(["show", *words(moving_shapes), *more]) == 2
    assert "model.masking.ratio: 0.75 → 0.5" in capsys.readouterr().err.replace("init_args.", "")
