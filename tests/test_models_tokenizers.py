"""Tokenizers in published files."""

import argparse
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file
from test_models_vqgan import PUBLISHED, small

from vidmask.models.tokenizers import PublishedVQGAN, file_hash, read_weights

LAYERS = {"ch": 32, "ch_mult": [1, 2], "num_res_blocks": 1, "z_channels": 8, "attn_resolutions": []}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a small VQGAN as taming-transformers writes it."""
    params = PUBLISHED["model"]["params"]
    layers = params["ddconfig"] | LAYERS | {"resolution": 16}
    params = params | {"embed_dim": 8, "n_embed": 16, "ddconfig": layers}
    OmegaConf.save({"model": PUBLISHED["model"] | {"params": params}}, tmp_path / "model.yaml")
    return tmp_path / "model.yaml"


@pytest.mark.parametrize("kind", ["checkpoint", "with arguments", "state_dict", "safetensors"])
def test_published_weights_are_read_and_give_the_same_codes(config: Path, kind: str) -> None:
    vqgan = small()
    weights = {name: value.clone() for name, value in vqgan.state_dict().items()}
    path = config.with_name("last.safetensors" if kind == "safetensors" else "last.ckpt")
    if kind == "safetensors":
        save_file(weights, path)
    elif kind == "state_dict":
        torch.save(weights, path)
    else:
        loss = {"loss.discriminator.main.0.weight": torch.zeros(1), "loss.logvar": torch.zeros(1)}
        more = {"args": argparse.Namespace(gpus=8)} if kind == "with arguments" else {"epoch": 3}
        torch.save({"state_dict": weights | loss, **more}, path)
    tokenizer = PublishedVQGAN(config, path)
    assert (tokenizer.num_codes, tokenizer.factor) == (16, 2)
    tokenizer.prepare()
    read, digest = tokenizer.load()
    assert digest == file_hash(path)
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(read.eval().encode(images), vqgan.encode(images))


@pytest.mark.parametrize("missing", ["model.yaml", "last.ckpt"])
def test_a_missing_file_is_named_before_anything_is_read(config: Path, missing: str) -> None:
    torch.save({}, config.with_name("last.ckpt"))
    config.with_name(missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"{missing}: a VQGAN of taming-transformers is its config"):
        PublishedVQGAN(config, config.with_name("last.ckpt"))


class Surprise:
    """Anything but a tensor."""


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "callbacks": Surprise()}, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match=r"holds more than weights, .* save its state_dict as .safetensors"):
        read_weights(tmp_path / "x.ckpt")


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": 3}, {"epoch": 3}])
def test_a_file_without_weights_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match="holds no weights"):
        read_weights(tmp_path / "x.ckpt")


def test_weights_of_another_model_are_refused_by_name(config: Path) -> None:
    path = config.with_name("last.ckpt")
    torch.save({"state_dict": small(num_codes=32).state_dict()}, path)
    with pytest.raises(ValueError, match=r"ckpt does not hold .* 1 of another shape: quantize\.embed"):
        PublishedVQGAN(config, path).load()
