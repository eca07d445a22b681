"""A recipe's parts, built and not run."""

import os

import pytest

from vidmask.cli.errors import Mistake
from vidmask.cli.parts import PartsCLI, build


@pytest.fixture
def words(moving_shapes) -> list[str]:
    source = [f"--data.source.num_{split}={n}" for split, n in (("train", 16), ("val", 4), ("test", 4))]
    return ["--config", "quickstart/mae_st", "--data.root", str(moving_shapes), *source]


def test_parts_are_those_of_the_recipe_and_nothing_is_filed_or_told_to_other_processes(words, tmp_path):
    stops = ["--trainer.fast_dev_run", "true", "--trainer.devices", "2", "--trainer.accelerator", "cpu"]
    cli = build([*words, *stops, "--model.masking.ratio", "0.5"], tmp_path, PartsCLI)
    cli.prepare()
    assert cli.model.masking.ratio == 0.5
    assert cli.datamodule.frames == cli.model.encoder.frames
    assert cli.device.type == "cpu"
    assert cli.trainer.loggers == []
    assert cli.trainer.checkpoint_callback is None
    assert cli.trainer.num_devices == 1
    assert not any(name.startswith("VIDMASK_RUN_FOLDER") for name in os.environ)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_one_as_in_training(words, tmp_path):
    with pytest.raises(Mistake, match=r"no setting 'model\.lrr'"):
        build([*words, "--model.lrr", "1"], tmp_path, PartsCLI)
