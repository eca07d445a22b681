"""Images to codes and back, and published files read."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from taming.modules.vqvae.quantize import VectorQuantizer
from transformers import ChameleonVQVAE, ChameleonVQVAEConfig

from vidmask.models.vqgan import VQGAN, load_weights, nearest_codes, read_settings, resized

SMALL = {"num_codes": 16, "embed_dim": 8, "ch": 32, "ch_mult": (1, 2), "num_res_blocks": 1, "z_channels": 8}
SMALL |= {"attn_resolutions": (), "resolution": 16}
PUBLISHED = {
    "model": {
        "base_learning_rate": 4.5e-6,
        "target": "taming.models.vqgan.VQModel",
        "params": {
            "embed_dim": 256,
            "n_embed": 1024,
            "ddconfig": {
                "double_z": False,
                "z_channels": 256,
                "resolution": 256,
                "in_channels": 3,
                "out_ch": 3,
                "ch": 128,
                "ch_mult": [1, 1, 2, 2, 4],
                "num_res_blocks": 2,
                "attn_resolutions": [16],
                "dropout": 0.0,
            },
            "lossconfig": {"target": "taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator"},
        },
    }
}


def small(**changes: object) -> VQGAN:
    torch.manual_seed(0)
    return VQGAN(**(SMALL | changes)).eval()


@pytest.mark.parametrize("attn_resolutions", [(), (8,)])
def test_the_codes_are_those_of_transformers_chameleon_with_the_same_weights(
    attn_resolutions: tuple[int, ...],
) -> None:
    ours = small(attn_resolutions=attn_resolutions, num_codes=64)
    # Codes spread as widely as what is looked up, so that all of them are in play.
    images = torch.rand(6, 3, 16, 16)
    with torch.no_grad():
        latents = ours.latents(images).movedim(1, -1).flatten(0, -2)
        ours.codebook.copy_(latents[torch.randperm(len(latents))[:64]] + 0.01 * torch.randn(64, 8))
    config = ChameleonVQVAEConfig(
        embed_dim=8,
        num_embeddings=64,
        latent_channels=8,
        resolution=16,
        base_channels=32,
        channel_multiplier=[1, 2],
        num_res_blocks=1,
        attn_resolutions=list(attn_resolutions) or None,
        attn_type="vanilla",
    )
    theirs = ChameleonVQVAE(config).eval()
    weights = {name: value for name, value in ours.state_dict().items() if not name.startswith("decoder.")}
    faults = theirs.load_state_dict(weights, strict=False)
    assert not faults.unexpected_keys
    assert not faults.missing_keys
    with torch.no_grad():
        expected = theirs.encode(images * 2 - 1).image_tokens.view(6, 8, 8)
        codes = ours.encode(images)
    assert torch.equal(codes, expected)
    assert len(codes.unique()) > 32


def test_a_published_config_gives_the_f16_model_that_it_describes(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    OmegaConf.save(PUBLISHED, path)
    settings = read_settings(path)
    with torch.device("meta"):
        vqgan = VQGAN(**settings)
    assert vqgan.factor == 16
    assert not vqgan.is_gumbel
    # 72.1 million parameters and 343 tensors with a dummy loss, as taming-transformers counts them.
    assert sum(weight.numel() for weight in vqgan.parameters()) == 72_141_699
    assert len(vqgan.state_dict()) == 343
    assert {"encoder.down.4.attn.1.proj_out.weight", "quantize.embedding.weight", "quant_conv.bias"} <= set(
        vqgan.state_dict()
    )


def test_a_gumbel_config_gives_a_codebook_of_logits_and_its_codes_do_not_change(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    params = PUBLISHED["model"]["params"] | {"n_embed": 8192}
    OmegaConf.save({"model": {"target": "taming.models.vqgan.GumbelVQ", "params": params}}, path)
    assert read_settings(path)["gumbel"]
    vqgan = small(gumbel=True)
    assert {"quantize.proj.weight", "quantize.embed.weight"} <= set(vqgan.state_dict())
    images = torch.rand(4, 3, 16, 16)
    with torch.no_grad():
        codes = vqgan.encode(images)
        assert torch.equal(codes, vqgan.encode(images))
        assert torch.equal(codes, vqgan.quantize.proj(vqgan.latents(images)).argmax(1))
        assert vqgan.decode(codes).shape == images.shape


@pytest.mark.parametrize("missing", ["embed_dim", "n_embed", "ddconfig"])
def test_a_config_of_something_else_is_refused(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    params = {name: value for name, value in PUBLISHED["model"]["params"].items() if name != missing}
    OmegaConf.save({"model": {"target": "x.VQModel", "params": params}}, path)
    with pytest.raises(ValueError, match=f"describes no VQGAN .*{missing}"):
        read_settings(path)


def test_codes_are_those_of_taming_s_own_quantiser() -> None:
    torch.manual_seed(0)
    quantiser = VectorQuantizer(16, 8, 0.25)
    torch.nn.init.normal_(quantiser.embedding.weight)
    latents = torch.randn(3, 8, 4, 4)
    _, _, (_, _, indices) = quantiser(latents)
    assert torch.equal(nearest_codes(latents, quantiser.embedding.weight), indices.view(3, 4, 4))


def test_quantising_draws_both_sides_together_and_passes_the_gradient_on() -> None:
    vqgan = small()
    latents = torch.randn(2, 8, 2, 2, requires_grad=True)
    quantised, loss, codes = vqgan.quantise(latents)
    nearest = vqgan.codebook[codes].movedim(-1, 1)
    torch.testing.assert_close(quantised, nearest)
    torch.testing.assert_close(loss, 1.25 * (nearest - latents).square().mean())
    (gradient,) = torch.autograd.grad(quantised.sum(), latents, retain_graph=True)
    assert (gradient == 1).all()
    loss.backward()
    # The codebook is drawn four times as hard as the latents.
    count = latents.numel()
    torch.testing.assert_close(latents.grad, 0.25 * 2 * (latents - nearest).detach() / count)
    assert vqgan.codebook.grad.abs().sum() > 0


def test_images_lie_between_minus_one_and_one_inside() -> None:
    vqgan = small()
    seen = []
    vqgan.encoder.conv_in.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    vqgan.encode(torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)]))
    assert seen[0][0].unique().tolist() == [-1]
    assert seen[0][1].unique().tolist() == [1]


def test_other_weights_are_refused_by_name() -> None:
    vqgan = small()
    weights = vqgan.state_dict()
    weights["loss.logvar"] = torch.zeros(())
    weights["colour"] = weights.pop("quant_conv.bias")
    weights["encoder.conv_in.bias"] = torch.zeros(7)
    with pytest.raises(ValueError, match="does not hold") as error:
        load_weights(vqgan, weights, Path("x.ckpt"))
    for told in (
        "1 missing: quant_conv.bias",
        "1 unexpected: colour",
        "1 of another shape: encoder.conv_in.bias",
    ):
        assert told in str(error.value)
    assert "loss.logvar" not in str(error.value)


def test_channels_that_fit_no_group_norm_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ch must be a multiple of 32, .* got 48"):
        small(ch=48)


def test_building_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    small()
    assert capsys.readouterr().out == ""


def test_shrinking_is_antialiased() -> None:
    stripes = torch.zeros(1, 3, 8, 8)
    stripes[..., ::2] = 1
    assert (resized(stripes, (2, 2)) - 0.5).abs().max() < 0.1
    assert resized(stripes, (8, 8)) is stripes
