"""The parts that are shown: as they begin, or with a checkpoint's weights."""

import pytest
import torch

from vidmask.cli import training
from vidmask.cli.errors import Mistake
from vidmask.cli.showing import ShowingCLI
from vidmask.pretraining import MaskedPretraining


@pytest.fixture
def words(moving_shapes, tmp_path, monkeypatch) -> list[str]:
    monkeypatch.setenv("VIDMASK_RUNS", str(tmp_path / "runs"))
    source = [f"--data.source.num_{split}={n}" for split, n in (("train", 16), ("val", 4), ("test", 4))]
    recipe = ["--config", "quickstart/mae_st", "--data.root", str(moving_shapes), *source]
    small = [
        "--model.encoder.embed_dim",
        "24",
        "--model.encoder.depth",
        "1",
        "--model.encoder.num_heads",
        "2",
    ]
    return ["fit", *recipe, *small, "--data.num_workers", "0", "--trainer.accelerator", "cpu"]


def test_a_checkpoint_s_weights_are_taken_whole_or_not_at_all(words, tmp_path):
    begun = training.run(words, ShowingCLI)
    assert begun.filing.checkpoint is None
    other = {name: value + 1 for name, value in begun.module.state_dict().items()}
    hparams = dict(begun.module.hparams)
    file = tmp_path / "some.ckpt"
    torch.save({"state_dict": other, "global_step": 3, "hyper_parameters": hparams}, file)
    cli = training.run([*words, "--ckpt_path", str(file)], ShowingCLI)
    assert all(torch.equal(value, other[name]) for name, value in cli.module.state_dict().items())
    torch.save({"state_dict": {"objective.x": torch.zeros(2)}, "global_step": 3}, file)
    with pytest.raises(Mistake, match="does not fit the model"):
        training.run([*words, "--ckpt_path", str(file)], ShowingCLI)
    assert not (tmp_path / "runs").exists()


def test_clips_are_the_same_each_time_and_as_floats(words):
    cli = training.run(words, ShowingCLI)
    cli.prepare()
    assert isinstance(cli.module, MaskedPretraining)
    first, again = cli.clips("val", 2), cli.clips("val", 2)
    assert torch.equal(first.clips, again.clips)
    assert first.clips.shape == (2, 3, 16, 32, 32)
    assert 0 <= first.clips.min() < first.clips.max() <= 1
    assert cli.clips("train", 3).clips.shape[0] == 3
