"""DALL-E's dVAE around transformers' FLAVA codebook."""

import json
from pathlib import Path

import pytest
import torch
from transformers import FlavaImageCodebook, FlavaImageCodebookConfig

from vidmask.models.dvae import DVAE, read_dvae_settings

SMALL = {"hidden_size": 8, "num_blocks_per_group": 1, "vocab_size": 32}


def saved_codebook(folder: Path, **settings: object) -> Path:
    """A folder with a small codebook of random weights, always the same, as transformers writes it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = FlavaImageCodebook(FlavaImageCodebookConfig(**(SMALL | settings)))
        with torch.no_grad():
            # So large, and no code so likely everywhere, that places differ in their code.
            for weight in model.parameters():
                torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.1)
            logits = model.blocks(torch.rand(16, 3, 32, 32))
            model.blocks.output.conv.bias -= logits.mean(dim=(0, 2, 3))
    model.save_pretrained(folder)
    return folder


def small() -> DVAE:
    torch.manual_seed(0)
    return DVAE(SMALL).eval()


def test_codes_are_the_likeliest_of_transformers_own_for_pixels_kept_from_the_ends() -> None:
    dvae, images = small(), torch.rand(3, 3, 32, 16)
    codes = dvae.encode(images)
    assert codes.shape == (3, 4, 2)
    assert torch.equal(codes, dvae.codebook.get_codebook_indices(0.8 * images + 0.1))


def test_pixels_are_mapped_as_transformers_own_processor_does() -> None:
    from transformers import FlavaImageProcessor

    image = torch.randint(0, 256, (3, 112, 112), dtype=torch.uint8)
    processor = FlavaImageProcessor()
    theirs = processor(image, return_codebook_pixels=True, return_tensors="pt")["codebook_pixel_values"]
    seen: list[torch.Tensor] = []
    dvae = small()
    dvae.codebook.blocks.input.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    dvae.encode(image[None] / 255)
    torch.testing.assert_close(seen[0], theirs, rtol=0, atol=1e-5)


def test_one_code_is_eight_pixels_and_112_pixels_give_a_grid_of_14() -> None:
    assert small().encode(torch.rand(1, 3, 112, 112)).shape == (1, 14, 14)
    with torch.device("meta"):
        published = DVAE()
    assert (published.num_codes, published.factor) == (8192, 8)
    # 53.8 million, as transformers counts the published one.
    assert round(sum(weight.numel() for weight in published.parameters()) / 1e5) == 538


def test_logits_are_of_float32_in_mixed_precision() -> None:
    dvae, seen = small(), []
    dvae.codebook.blocks.output.register_forward_hook(
        lambda module, inputs, output: seen.append(output.dtype)
    )
    with torch.autocast("cpu", torch.bfloat16):
        dvae.encode(torch.rand(1, 3, 16, 16))
    assert seen == [torch.float32]


def test_settings_are_read_from_the_published_config(tmp_path: Path) -> None:
    settings = read_dvae_settings(saved_codebook(tmp_path / "x") / "config.json")
    assert settings == {"num_groups": 4, "input_channels": 3, **SMALL}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "flava_image_codebook"}))
    defaults = read_dvae_settings(tmp_path / "config.json")
    assert (defaults["vocab_size"], defaults["hidden_size"]) == (8192, 256)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "config.json is no JSON"),
        ("[]", "describes a model of type None, and the dVAE of FLAVA is flava_image_codebook"),
        ('{"model_type": "flava"}', "describes a model of type flava, and the dVAE"),
        ('{"model_type": "flava_image_codebook", "input_channels": 1}', "of 1 channels, clips have 3"),
    ],
)
def test_another_config_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_dvae_settings(tmp_path / "config.json")
