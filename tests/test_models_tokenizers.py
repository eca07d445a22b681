"""Tokenizers in published files."""

import argparse
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file
from test_models_dvae import saved_codebook
from test_models_vqgan import PUBLISHED, small
from transformers import FlavaImageCodebook

from vidmask.models.dvae import DVAE
from vidmask.models.tokenizers import FlavaCodebook, PublishedVQGAN, file_hash, read_weights
from vidmask.models.vqgan import VQGAN

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


# As taming-transformers publishes them (mult, attention, codes), but for the widths.
KINDS = {
    "f16, 1024": ("vqgan.VQModel", [1, 1, 2, 2, 4], [16], 1024, 224),
    "f16, 16384": ("vqgan.VQModel", [1, 1, 2, 2, 4], [16], 16384, 224),
    "Gumbel f8": ("vqgan.GumbelVQ", [1, 1, 2, 4], [32], 8192, 112),
}


@pytest.mark.parametrize(("kind", "ch_mult", "attention", "codes", "size"), KINDS.values(), ids=KINDS.keys())
def test_each_published_kind_gives_one_code_for_each_patch_of_a_clip_of_224_pixels(
    kind: str, ch_mult: list[int], attention: list[int], codes: int, size: int, tmp_path: Path
) -> None:
    params = PUBLISHED["model"]["params"]
    narrow = {"ch": 32, "z_channels": 8, "num_res_blocks": 1}
    layers = params["ddconfig"] | {"ch_mult": ch_mult, "attn_resolutions": attention} | narrow
    model = {"target": f"taming.models.{kind}", "params": params | {"embed_dim": 8, "n_embed": codes}}
    model["params"]["ddconfig"] = layers
    OmegaConf.save({"model": model}, tmp_path / "model.yaml")
    save_file({}, tmp_path / "last.safetensors")
    tokenizer = PublishedVQGAN(tmp_path / "model.yaml", tmp_path / "last.safetensors")
    save_file(VQGAN(**tokenizer.settings).state_dict(), tmp_path / "last.safetensors")
    vqgan, _ = tokenizer.load()
    assert tokenizer.num_codes == codes
    assert tokenizer.factor == vqgan.factor == size // 14
    assert vqgan.is_gumbel == (kind == "vqgan.GumbelVQ")
    with torch.no_grad():
        found = vqgan.eval().encode(torch.rand(1, 3, size, size))
    assert found.shape == (1, 14, 14)
    assert 0 <= found.min() <= found.max() < codes


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


@pytest.fixture
def flava(tmp_path: Path) -> Path:
    """The folder of a small dVAE as transformers writes it."""
    return saved_codebook(tmp_path / "flava-image-codebook")


@pytest.mark.parametrize("given", ["folder", "file"])
@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_the_dvae_is_known_by_its_settings_and_read_when_it_is_needed(
    flava: Path, kind: str, given: str
) -> None:
    weights = flava / "model.safetensors"
    if kind == "bin":
        torch.save(load_file(weights), flava / "pytorch_model.bin")
        weights.unlink()
        weights = flava / "pytorch_model.bin"
    tokenizer = FlavaCodebook(flava if given == "folder" else weights)
    assert (tokenizer.num_codes, tokenizer.factor, tokenizer.has_decoder) == (32, 8, False)
    tokenizer.prepare()
    dvae, digest = tokenizer.load()
    assert isinstance(dvae, DVAE)
    assert digest == file_hash(weights)
    images = torch.rand(2, 3, 32, 32)
    theirs = FlavaImageCodebook.from_pretrained(saved_codebook(flava.with_name("same"))).eval()
    expected = theirs.get_codebook_indices(0.8 * images + 0.1)
    assert torch.equal(dvae.encode(images), expected)
    assert len(expected.unique()) > 4


def test_reading_the_dvae_draws_no_number(flava: Path) -> None:
    before = torch.get_rng_state()
    FlavaCodebook(flava).load()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_missing_file_of_the_dvae_is_named(flava: Path, missing: str) -> None:
    (flava / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"{missing}: the dVAE of FLAVA is the config.json and the"):
        FlavaCodebook(flava)


def test_weights_of_another_dvae_are_refused_by_name(flava: Path) -> None:
    weights = load_file(flava / "model.safetensors")
    weights["blocks.input.bias"] = torch.zeros(3)
    save_file(weights, flava / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"of this flava_image_codebook: 1 are missing, .* is blocks\.input\.b"
    ):
        FlavaCodebook(flava).load()


def test_without_transformers_one_line_says_how_to_get_it(
    flava: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    tokenizer = FlavaCodebook(flava)
    assert tokenizer.num_codes == 32
    for use in (tokenizer.prepare, tokenizer.load):
        with pytest.raises(ValueError, match=r"needs transformers: pip install 'vidmask\[dvae\]'$"):
            use()
