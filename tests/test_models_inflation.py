"""Image transformers as video encoders."""

import warnings
from functools import partial
from typing import Any

import pytest
import timm
import torch
from timm.layers import PatchEmbed, RmsNorm, SwiGLUPacked
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import ParallelScalingBlock, ResPostBlock, VisionTransformer
from torch import Tensor, nn

from vidmask.checkpoints import load_encoder, save_encoder
from vidmask.models import VideoViT
from vidmask.models.inflation import inflate_vit, inflated_vit

MEAN, STD = (0.3, 0.4, 0.5), (0.2, 0.3, 0.4)
EXACT = {"rtol": 0.0, "atol": 1e-5}
WITHOUT_CLASS = {"class_token": False, "global_pool": "avg"}


def image_vit(**options: Any) -> VisionTransformer:
    torch.manual_seed(0)
    settings = {
        "img_size": 32,
        "patch_size": 8,
        "embed_dim": 24,
        "depth": 2,
        "num_heads": 3,
        "num_classes": 5,
    }
    model = VisionTransformer(**(settings | options)).eval()
    model.default_cfg = {"mean": MEAN, "std": STD}
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model


def without_bias(**options: Any) -> PatchEmbed:
    return PatchEmbed(**(options | {"bias": False}))


def picture(height: int = 32, width: int = 32) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def still(image: Tensor, frames: int) -> Tensor:
    return image.unsqueeze(2).expand(-1, -1, frames, -1, -1)


def standardised(image: Tensor) -> Tensor:
    return (image - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def seen_repeatedly(model: VisionTransformer, image: Tensor, times: int) -> tuple[Tensor, Tensor]:
    """Return the patch tokens and the class token of the image model, fed with each patch several times."""
    tokens = model.patch_embed(standardised(image))
    cls = model.cls_token
    if model.pos_embed is not None and model.no_embed_class:
        tokens = tokens + model.pos_embed
    elif model.pos_embed is not None:
        tokens, cls = tokens + model.pos_embed[:, 1:], cls + model.pos_embed[:, :1]
    tokens = torch.cat([cls.expand(len(tokens), -1, -1), tokens.repeat(1, times, 1)], dim=1)
    tokens = model.fc_norm(model.norm(model.blocks(tokens)))
    return tokens[:, 1:], tokens[:, 0]


@pytest.mark.parametrize("tubelet_frames", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fc_norm": False},
        {"qkv_bias": False},
        {"patch_size": (8, 16)},
        {"embed_dim": 30, "mlp_ratio": 4.11},
        {"norm_layer": partial(nn.LayerNorm, eps=0.1)},
        {"act_layer": "gelu"},
        {"num_classes": 0},
        {"embed_layer": without_bias},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
def test_every_slice_of_a_still_clip_has_the_tokens_of_the_picture(
    options: dict[str, Any], tubelet_frames: int
) -> None:
    model = image_vit(**(WITHOUT_CLASS | options))
    encoder = inflate_vit(model, frames=6, tubelet_frames=tubelet_frames).eval()
    with torch.no_grad():
        # Where the image model pools before its last norm, its tokens come out without one.
        expected = model.fc_norm(model.forward_features(standardised(picture())))
        latents = encoder(still(picture(), 6))
    assert latents.cls is None
    slices = latents.tokens.unflatten(1, (encoder.grid.time, -1)).unbind(1)
    assert len(slices) == 6 // tubelet_frames
    for tokens in slices:
        torch.testing.assert_close(tokens, expected, **EXACT)


@pytest.mark.parametrize(
    "options",
    [{}, {"no_embed_class": True}, {"global_pool": "avg"}],
    ids=["plain", "no_embed_class", "pooled"],
)
def test_a_class_token_sees_each_patch_of_a_still_clip_as_often_as_there_are_slices(
    options: dict[str, Any],
) -> None:
    model = image_vit(**options)
    encoder = inflate_vit(model, frames=6).eval()
    with torch.no_grad():
        tokens, cls = seen_repeatedly(model, picture(), times=3)
        latents = encoder(still(picture(), 6))
        alone = model.fc_norm(model.forward_features(standardised(picture())))
    torch.testing.assert_close(latents.tokens, tokens, **EXACT)
    torch.testing.assert_close(latents.cls, cls, **EXACT)
    assert not torch.allclose(latents.cls, alone[:, 0], atol=1e-3)


def test_in_one_slice_the_encoder_is_the_image_model() -> None:
    model = image_vit()
    encoder = inflate_vit(model, frames=2).eval()
    with torch.no_grad():
        expected = model.forward_features(standardised(picture()))
        latents = encoder(still(picture(), 2))
    torch.testing.assert_close(latents.tokens, expected[:, 1:], **EXACT)
    torch.testing.assert_close(latents.cls, expected[:, 0], **EXACT)


def test_the_class_tokens_position_is_kept_apart_from_the_class_token() -> None:
    model = image_vit()
    encoder = inflate_vit(model)
    assert torch.equal(encoder.cls_token, model.cls_token)
    assert torch.equal(encoder.cls_position, model.pos_embed[:, :1])
    bare = inflate_vit(image_vit(no_embed_class=True))
    assert not bare.cls_position.any()


def test_a_patch_is_the_mean_of_its_frames_and_summing_over_time_deflates() -> None:
    model = image_vit()
    encoder = inflate_vit(model, tubelet_frames=4)
    kernel = encoder.patch_embed.proj.weight
    assert kernel.shape == (24, 3, 4, 8, 8)
    assert all(torch.equal(kernel[:, :, frame], kernel[:, :, 0]) for frame in range(4))
    torch.testing.assert_close(kernel.sum(2), model.patch_embed.proj.weight)


def test_time_has_no_position_until_it_is_learned() -> None:
    encoder = inflate_vit(image_vit(), frames=8)
    assert encoder.positions.temporal.shape == (1, 4, 24)
    assert not encoder.positions.temporal.any()
    assert encoder.positions.temporal.requires_grad


def test_a_model_without_positions_gives_none() -> None:
    model = image_vit()
    model.pos_embed = None
    encoder = inflate_vit(model, frames=4).eval()
    with torch.no_grad():
        tokens, cls = seen_repeatedly(model, picture(), times=2)
        latents = encoder(still(picture(), 4))
    torch.testing.assert_close(latents.tokens, tokens, **EXACT)
    torch.testing.assert_close(latents.cls, cls, **EXACT)


@pytest.mark.parametrize(
    "options", [{}, {"no_embed_class": True}, WITHOUT_CLASS], ids=["plain", "bare", "none"]
)
def test_another_size_interpolates_the_places_only(options: dict[str, Any]) -> None:
    model = image_vit(**options)
    same, larger = inflate_vit(model), inflate_vit(model, size=48)
    places = model.pos_embed if options else model.pos_embed[:, 1:]
    assert torch.equal(same.positions.spatial, places)
    expected = resample_abs_pos_embed(places, [6, 6], num_prefix_tokens=0, antialias=False)
    torch.testing.assert_close(larger.positions.spatial, expected, rtol=0, atol=1e-6)
    for name, weight in same.state_dict().items():
        assert name == "positions.spatial" or torch.equal(weight, larger.state_dict()[name])
    assert larger(torch.rand(1, 3, 16, 48, 48)).tokens.shape == (1, 8 * 36, 24)


def test_an_oblong_model_needs_a_size_and_its_rows_stay_rows() -> None:
    model = image_vit(img_size=(32, 16), **WITHOUT_CLASS)
    with pytest.raises(ValueError, match="32×16 pixels, the encoder square clips: give size"):
        inflate_vit(model)
    encoder = inflate_vit(model, size=16)
    expected = resample_abs_pos_embed(
        model.pos_embed, [2, 2], old_size=[4, 2], num_prefix_tokens=0, antialias=False
    )
    torch.testing.assert_close(encoder.positions.spatial, expected, rtol=0, atol=1e-6)


def test_a_model_of_timms_own_making_brings_its_mean_and_std() -> None:
    tiny = {"pretrained": False, "img_size": 32, "embed_dim": 24, "depth": 1, "num_heads": 3}
    half = inflate_vit(timm.create_model("vit_tiny_patch16_224", **tiny), frames=2)
    assert (half.mean.tolist(), half.std.tolist()) == ([0.5] * 3, [0.5] * 3)
    deit = inflate_vit(timm.create_model("deit_tiny_patch16_224", **tiny), frames=2)
    torch.testing.assert_close(deit.mean, torch.tensor((0.485, 0.456, 0.406)))
    torch.testing.assert_close(deit.std, torch.tensor((0.229, 0.224, 0.225)))


def test_what_the_caller_asks_for_is_built() -> None:
    encoder = inflate_vit(image_vit(), frames=12, tubelet_frames=3, drop_path_rate=0.3)
    assert type(encoder) is VideoViT
    assert encoder.frames == 12
    assert (encoder.grid.time, encoder.grid.rows, encoder.grid.columns) == (4, 4, 4)
    assert encoder.blocks[-1].drop_path.drop_prob == 0.3


def test_training_the_encoder_leaves_the_image_model_alone() -> None:
    model = image_vit()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    encoder = inflate_vit(model, tubelet_frames=1)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(1.0)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"init_values": 1e-5}, r"4 of the .*, the first is blocks.0.ls1.gamma"),
        ({"reg_tokens": 4}, "the first is reg_token"),
        ({"qk_norm": True}, "the first is blocks.0.attn.k_norm.bias"),
        ({"pre_norm": True}, "the first is norm_pre.bias"),
        ({"global_pool": "map"}, "the first is attn_pool"),
        ({"act_layer": "gelu_tanh"}, r"blocks.0.mlp.act is GELUTanh\(\)"),
        ({"act_layer": partial(nn.GELU, approximate="tanh")}, "blocks.0.mlp.act is GELU"),
        ({"act_layer": "quick_gelu"}, "blocks.0.mlp.act is QuickGELU"),
        ({"mlp_layer": SwiGLUPacked}, "blocks.0.mlp is a GluMlp"),
        ({"block_fn": ResPostBlock}, "blocks.0 is a ResPostBlock"),
        ({"block_fn": ParallelScalingBlock}, "blocks.0 is a ParallelScalingBlock"),
        ({"norm_layer": RmsNorm}, "norm is a RmsNorm"),
        (
            {"norm_layer": partial(nn.LayerNorm, elementwise_affine=False)},
            "lacks 5 of the encoder",
        ),
        (
            {"in_chans": 1},
            r"patch_embed.proj.weight cannot be carried over: \(24, 1, 2, 8, 8\), expected \(24, 3",
        ),
    ],
)
def test_what_has_no_place_in_the_encoder_is_refused_in_one_line(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        inflate_vit(image_vit(**options))
    assert "\n" not in str(caught.value)


def test_what_a_subclass_adds_is_refused() -> None:
    model = image_vit()
    model.dist_token = nn.Parameter(torch.zeros(1, 1, 24))
    with pytest.raises(ValueError, match=r"1 of the .*, the first is dist_token"):
        inflate_vit(model)


def test_norms_that_differ_in_epsilon_are_refused() -> None:
    model = image_vit()
    model.blocks[1].norm2.eps = 0.5
    with pytest.raises(ValueError, match=r"epsilons \[1e-06, 0.5\]"):
        inflate_vit(model)


def test_a_model_without_a_last_norm_is_refused() -> None:
    model = image_vit()
    model.norm = nn.Identity()
    with pytest.raises(ValueError, match="has 0 norms after its blocks"):
        inflate_vit(model)


def test_blocks_of_another_width_are_refused() -> None:
    model = image_vit()
    model.blocks[1].mlp.fc1, model.blocks[1].mlp.fc2 = nn.Linear(24, 48), nn.Linear(48, 24)
    with pytest.raises(ValueError, match=r"blocks.1.mlp.fc1.weight cannot be carried over: \(48, 24\)"):
        inflate_vit(model)


def test_a_model_that_does_not_say_its_mean_and_std_is_refused() -> None:
    model = image_vit()
    del model.default_cfg
    with pytest.raises(ValueError, match="set its default_cfg"):
        inflate_vit(model)


def test_a_model_of_another_family_is_refused() -> None:
    with pytest.raises(ValueError, match="only a VisionTransformer of timm can be inflated, got Linear"):
        inflate_vit(nn.Linear(2, 2))


def test_a_clip_that_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="a clip of 15 frames cannot be cut"):
        inflate_vit(image_vit(), frames=15)


NAMED = {"name": "vit_tiny_patch16_224", "pretrained": False, "frames": 4, "size": 32}


def test_an_image_model_goes_by_its_name_in_a_recipe() -> None:
    encoder = inflated_vit(**NAMED)
    assert (encoder.frames, encoder.size, encoder.embed_dim) == (4, 32, 192)
    assert encoder.positions.temporal.abs().max() == 0
    with pytest.raises(
        ValueError, match="timm has no model 'vit_tiny_patch16_225', did you mean 'vit_tiny_patch16"
    ):
        inflated_vit("vit_tiny_patch16_225")


def test_where_no_weights_are_wanted_none_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    create = timm.create_model

    def noted(name: str, pretrained: bool) -> nn.Module:
        asked.append(pretrained)
        return create(name)

    monkeypatch.setattr(timm, "create_model", noted)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inflated_vit(**NAMED | {"pretrained": True}).norm.weight.is_meta
    inflated_vit(**NAMED | {"pretrained": True})
    assert asked == [False, True]


def test_an_exported_one_is_built_again_without_the_image_model(tmp_path, monkeypatch) -> None:
    encoder = inflated_vit(**NAMED)
    config = {"class_path": "vidmask.models.inflation.inflated_vit", "init_args": NAMED}
    save_encoder(tmp_path / "encoder.safetensors", encoder, config)
    monkeypatch.setattr(timm, "create_model", None)
    loaded = load_encoder(tmp_path / "encoder.safetensors")
    clips = torch.rand(1, 3, 4, 32, 32)
    assert torch.equal(loaded(clips).tokens, encoder.eval()(clips).tokens)
