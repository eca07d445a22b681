"""Encoders of earlier runs, and why one does not fit."""

from functools import partial
from pathlib import Path

import pytest
import torch
from trainers import quiet_trainer

from vidmask.checkpoints import build_encoder, encoder_record, save_encoder
from vidmask.classification import VideoClassification
from vidmask.classification.pretrained import load_pretrained, read_pretrained
from vidmask.masking import RandomMasking
from vidmask.models import TokenDecoder
from vidmask.models.vit import VideoViT
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.pretraining import MaskedPretraining
from vidmask.targets import PixelTarget

ARGS = {"frames": 4, "size": 16, "tubelet": [2, 8, 8], "embed_dim": 24, "depth": 1, "num_heads": 2}


def encoder(**options: object) -> VideoViT:
    return build_encoder({"class_path": "vidmask.models.vit.VideoViT", "init_args": ARGS | options})


def saved(folder: Path, **options: object) -> tuple[VideoViT, Path]:
    torch.manual_seed(0)
    config = {"class_path": "vidmask.models.vit.VideoViT", "init_args": ARGS | options}
    made = build_encoder(config)
    save_encoder(folder / "encoder.safetensors", made, config)
    return made, folder / "encoder.safetensors"


def equal(first: VideoViT, second: VideoViT) -> bool:
    theirs = second.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in first.state_dict().items())


def test_an_exported_encoder_is_taken_whole(tmp_path):
    made, path = saved(tmp_path)
    found = read_pretrained(path)
    assert (found.path, len(found.sha256)) == (str(path), 64)
    fresh = encoder(drop_path_rate=0.3)
    load_pretrained(fresh, found)
    assert equal(fresh, made)


@pytest.mark.parametrize("prefix", ["objective.encoder.", "classifier.encoder."])
def test_a_checkpoint_is_taken_too(tmp_path, prefix):
    made = encoder()
    weights = {prefix + name: value for name, value in made.state_dict().items()} | {"other": torch.ones(1)}
    hparams = {"encoder": {"class_path": "vidmask.models.vit.VideoViT", "init_args": ARGS}}
    torch.save({"state_dict": weights, "hyper_parameters": hparams}, tmp_path / "a.ckpt")
    found = read_pretrained(tmp_path / "a.ckpt")
    assert found.config == hparams["encoder"]
    fresh = encoder()
    load_pretrained(fresh, found)
    assert equal(fresh, made)
    # A module that was built in Python has no recipe.
    parts = {"state_dict": weights, "hyper_parameters": {"lr": 1}}
    torch.save(parts | {"encoder": encoder_record(made)}, tmp_path / "b.ckpt")
    assert read_pretrained(tmp_path / "b.ckpt").config["init_args"] == made.arguments
    torch.save(parts, tmp_path / "c.ckpt")
    with pytest.raises(ValueError, match=r"c\.ckpt does not tell .*: give an encoder\.safetensors"):
        read_pretrained(tmp_path / "c.ckpt")


def checkpoint_of(folder: Path, kind: str, **options: object) -> tuple[VideoViT, Path]:
    """Save the checkpoint of a module that was built in Python."""
    torch.manual_seed(0)
    made = encoder(**options)
    if kind == "classification":
        module = VideoClassification(made, {"class": 2})
    else:
        decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
        head = partial(Head, decoder=decoder, target=PixelTarget("none", "all"))
        module = MaskedPretraining(made, partial(MaskedAutoencoder, head=head), RandomMasking(0.5))
    trainer = quiet_trainer(default_root_dir=folder)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(folder / "a.ckpt", weights_only=True)
    return made, folder / "a.ckpt"


@pytest.mark.parametrize("kind", ["pretraining", "classification"])
@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        ({}, {"num_heads": 3}, "num_heads 2 in the file, 3 in the encoder"),
        (
            {"positions": "sincos3d", "class_token": False},
            {"positions": "sincos1d", "class_token": False},
            "positions sincos3d in the file, sincos1d in the encoder",
        ),
        ({"mean": [0.5, 0.5, 0.5]}, {}, r"mean \(0\.5, 0\.5, 0\.5\) in the file"),
        ({"std": [0.5, 0.5, 0.5]}, {}, r"std \(0\.5, 0\.5, 0\.5\) in the file"),
    ],
)
def test_what_no_shape_shows_is_compared_for_modules_built_in_python_too(
    tmp_path, kind, before, now, message
):
    made, path = checkpoint_of(tmp_path, kind, **before)
    with pytest.raises(ValueError, match=message):
        load_pretrained(encoder(**now), read_pretrained(path))
    fresh = encoder(**before)
    load_pretrained(fresh, read_pretrained(path))
    assert equal(fresh, made)


@pytest.mark.parametrize("kind", ["pretraining", "classification"])
def test_positions_of_a_module_built_in_python_are_resampled_if_so_asked(tmp_path, kind):
    _, path = checkpoint_of(tmp_path, kind)
    fresh = encoder(frames=8, size=24)
    with pytest.raises(ValueError, match="interpolate_positions true resamples them"):
        load_pretrained(fresh, read_pretrained(path))
    load_pretrained(fresh, read_pretrained(path), interpolate_positions=True)
    assert fresh.positions.temporal.shape[1] == 4


@pytest.mark.parametrize(
    ("frames", "size", "grid"),
    [(2, 16, (1, 2, 2)), (8, 16, (4, 2, 2)), (4, 24, (2, 3, 3)), (8, 32, (4, 4, 4))],
)
def test_learned_positions_of_another_grid_are_resampled_if_so_asked(tmp_path, frames, size, grid):
    made, path = saved(tmp_path)
    fresh = encoder(frames=frames, size=size)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    with pytest.raises(ValueError, match="interpolate_positions true resamples them"):
        load_pretrained(fresh, read_pretrained(path))
    assert all(torch.equal(value, before[name]) for name, value in fresh.state_dict().items())
    load_pretrained(fresh, read_pretrained(path), interpolate_positions=True)
    assert fresh.positions.temporal.shape[1] == grid[0]
    assert fresh.positions.spatial.shape[1] == grid[1] * grid[2]
    torch.testing.assert_close(
        fresh.positions.temporal.mean(), made.positions.temporal.mean(), rtol=0.5, atol=0.01
    )
    assert torch.equal(fresh.blocks[0].attn.qkv.weight, made.blocks[0].attn.qkv.weight)
    assert fresh(torch.rand(1, 3, frames, size, size)).tokens.isfinite().all()


def test_fixed_positions_need_no_resampling(tmp_path):
    _, path = saved(tmp_path, positions="sincos3d", class_token=False)
    fresh = encoder(positions="sincos3d", class_token=False, frames=8, size=24)
    load_pretrained(fresh, read_pretrained(path))
    assert fresh(torch.rand(1, 3, 8, 24, 24)).tokens.shape == (1, 36, 24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "num_heads 2 in the file, 3 in the encoder"),
        (
            {"positions": "sincos3d", "class_token": False},
            "positions separable in the file, sincos3d in the encoder",
        ),
        (
            {"mean": [0.5, 0.5, 0.5]},
            r"mean \(0\.45, 0\.45, 0\.45\) in the file, \(0\.5, 0\.5, 0\.5\) in the encoder",
        ),
        ({"norm_eps": 1e-5}, "norm_eps 1e-06 in the file, 1e-05 in the encoder"),
        ({"depth": 2}, "12 missing: blocks.1.norm1.weight, blocks.1.norm1.bias, .*"),
        ({"class_token": False}, "2 left over: cls_position, cls_token"),
        (
            {"mlp_ratio": 2.0},
            r"3 of another shape: blocks\.0\.mlp\.fc1\.bias 96 and not 48, .*\.weight 96×24",
        ),
    ],
)
def test_what_does_not_fit_is_listed_and_nothing_is_loaded(tmp_path, options, message):
    _, path = saved(tmp_path)
    fresh = encoder(**options)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    with pytest.raises(ValueError, match=message) as error:
        load_pretrained(fresh, read_pretrained(path))
    assert len(str(error.value).splitlines()) <= 5
    assert all(torch.equal(value, before[name]) for name, value in fresh.state_dict().items())


def test_a_part_is_left_out_by_name(tmp_path):
    made, path = saved(tmp_path, class_token=False)
    fresh = encoder(class_token=True)
    with pytest.raises(
        ValueError, match=r"2 missing: cls_token, cls_position\nset model\.encoder\.class_token"
    ):
        load_pretrained(fresh, read_pretrained(path))
    cls = fresh.cls_token.clone()
    load_pretrained(fresh, read_pretrained(path), leave_out=("cls_",))
    assert torch.equal(fresh.cls_token, cls)
    assert torch.equal(fresh.norm.weight, made.norm.weight)
    with pytest.raises(ValueError, match="leave_out names 'heads', but no weight of the encoder begins so"):
        load_pretrained(fresh, read_pretrained(path), leave_out=("heads",))


def test_what_is_no_encoder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_pretrained(tmp_path / "none.ckpt")
    with pytest.raises(FileNotFoundError, match=r"is a folder; give its encoder\.safetensors"):
        read_pretrained(tmp_path)
    (tmp_path / "a.ckpt").write_bytes(b"text")
    torch.save({"weights": 1}, tmp_path / "b.ckpt")
    torch.save({"state_dict": {"head.weight": torch.ones(1)}}, tmp_path / "c.ckpt")
    for name, message in (
        ("a", "is no encoder"),
        ("b", "is no encoder"),
        ("c", "is no checkpoint of an encoder"),
    ):
        with pytest.raises(ValueError, match=message):
            read_pretrained(tmp_path / f"{name}.ckpt")
