"""Every shipped recipe can be built, has the size it should have, and trains."""

import json
from pathlib import Path

import pytest
import torch

from vidmask import recipes
from vidmask.cli import main, training

# Parameters that are trained: of the encoder, and of decoder and prediction.
# A block of width d has 12 d² + 13 d. The quick-start's encoder: 4 blocks of width 128 (793,088), tubelets
# of 384 numbers embedded (49,280), the last norm (256). Its decoder: 1 block of width 64 (49,984), the
# projection (8,192 and a bias of 64), the norm (128), the mask token (64); the prediction of one frame of a
# tubelet has 12,480, of both 24,960.
# MAM2's regressor: a block of width 128 (65,920 of attention, 1,024 of norms, 131,712 of MLP), norm (256)
# and mask token (128). Each decoder: projection, block and norm; 128 codes, differences of 192 numbers.
MAM2 = 198_656 + 384 + 2 * (8_256 + 49_984 + 128) + 8_320 + 12_480
PARAMETERS = {
    "quickstart/mae_st": (793_088 + 49_280 + 256, 49_984 + 8_256 + 128 + 64 + 24_960),
    "quickstart/mae_st_paper": (793_088 + 49_280 + 256, 49_984 + 8_256 + 128 + 64 + 12_480),
    "quickstart/mam2": (793_088 + 49_280 + 256, MAM2),
    "quickstart/videomae": (793_088 + 49_280 + 256, 49_984 + 8_192 + 128 + 64 + 24_960),
}


TOKENIZER = "quickstart/tokenizer"


class Building(training.TrainingCLI):
    """Builds the parts and does nothing with them."""

    def _run_subcommand(self, subcommand: str) -> None: ...


def test_every_recipe_has_its_number_here():
    assert sorted([*PARAMETERS, TOKENIZER]) == recipes.names()


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_recipe_builds_a_model_of_its_size(name, tmp_path):
    path = recipes.find(name)
    with torch.device("meta"):
        cli = Building(["fit", "--config", str(path), "--run.root", str(tmp_path)], [path], ["fit"])
    assert all(parameter.is_meta for parameter in cli.model.parameters())
    total = sum(parameter.numel() for parameter in cli.model.parameters() if parameter.requires_grad)
    encoder = sum(
        parameter.numel() for parameter in cli.model.encoder.parameters() if parameter.requires_grad
    )
    assert (encoder, total - encoder) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_recipe_trains_for_two_steps(name, tmp_path, moving_shapes, tokenizer_recipe):
    # The same callbacks stand in all of them, and cost more than the steps.
    more = [] if name == "quickstart/mae_st" else ["--trainer.callbacks", "null"]
    losses = two_steps(name, tmp_path, moving_shapes, *more, *tokenizer_of(name, tokenizer_recipe))
    assert len(losses) == 2
    assert all(loss is not None and loss > 0 for loss in losses)


ABLATIONS = ("appearance: null", "motion: null", "regressor: null", "shared_decoder: true", "align: 2.0")


@pytest.mark.parametrize("line", ABLATIONS)
def test_one_line_takes_a_part_of_mam2_away(line, tmp_path, moving_shapes, tokenizer_recipe):
    """The line stands in a recipe of its own, which changes the other."""
    (tmp_path / "mine.yaml").write_text(f"model: {{init_args: {{objective: {{init_args: {{{line}}}}}}}}}")
    tokenizer = [] if "appearance" in line else tokenizer_of("quickstart/mam2", tokenizer_recipe)
    more = ["--config", str(tmp_path / "mine.yaml"), "--trainer.callbacks", "null", *tokenizer]
    assert len(two_steps("quickstart/mam2", tmp_path, moving_shapes, *more)) == 2


def tokenizer_of(name, recipe):
    """Let MAM2 take the small tokenizer."""
    option = "--model.objective.appearance.target.tokenizer.recipe"
    return [option, str(recipe)] if name == "quickstart/mam2" else []


def two_steps(name, tmp_path, moving_shapes, *more):
    """Train a recipe on little, and return its losses."""
    args = [
        *("fit", "--config", name, "--run.root", str(tmp_path), "--trainer.accelerator", "cpu", *more),
        *("--data.source.root", str(moving_shapes)),
        *(
            f"--data.source.num_{split}={number}"
            for split, number in (("train", 16), ("val", 4), ("test", 4))
        ),
        *("--data.batch_size", "4", "--data.num_workers", "0"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1"),
    ]
    assert main(args) == 0
    lines = (tmp_path / name / "latest" / "metrics.jsonl").read_text().splitlines()
    return [line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line]


def test_the_tokenizer_s_recipe_builds_a_vqgan_of_its_size(tmp_path):
    path = recipes.find(TOKENIZER)
    with torch.device("meta"):
        cli = Building(["fit", "--config", str(path), "--run.root", str(tmp_path)], [path], ["fit"])
    assert sum(parameter.numel() for parameter in cli.model.parameters()) == 1_029_635


def test_every_recipe_says_where_it_comes_from_and_how_it_is_run():
    for name in recipes.names():
        comments = [
            line for line in Path(recipes.find(name)).read_text().splitlines() if line.startswith("#")
        ]
        assert any(f"vidmask fit --config {name}" in line for line in comments), name
        assert any("arXiv" in line for line in comments), name
