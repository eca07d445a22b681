"""The shared encoder."""

import math

import pytest
import torch

from vidmask.models import VideoViT


def small(**options: object) -> VideoViT:
    torch.manual_seed(0)
    settings = {"frames": 4, "size": 8, "tubelet": (2, 4, 4), "embed_dim": 16, "depth": 2, "num_heads": 2}
    return VideoViT(**(settings | options))


def clips(num: int = 2) -> torch.Tensor:
    return torch.rand(num, 3, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def test_the_patch_embedding_is_the_convolution_of_published_checkpoints() -> None:
    encoder = small().double()
    pixels = clips().double()
    standardised = (pixels - 0.45) / 0.225
    expected = encoder.patch_embed.proj(standardised).flatten(2).transpose(1, 2)
    seen: list[torch.Tensor] = []
    encoder.patch_embed.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    encoder(pixels)
    torch.testing.assert_close(seen[0], expected)


def test_all_tokens_as_visible_is_the_dense_encoder() -> None:
    encoder = small().double()
    everything = torch.arange(8).expand(2, -1)
    dense, sparse = encoder(clips().double()), encoder(clips().double(), everything)
    torch.testing.assert_close(dense.tokens, sparse.tokens)
    torch.testing.assert_close(dense.cls, sparse.cls)


def test_each_colour_channel_has_its_own_mean_and_std() -> None:
    pixels = clips()
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.6, 0.7])
    outside = (pixels - mean.view(3, 1, 1, 1)) / std.view(3, 1, 1, 1)
    inside = small(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))(pixels).tokens
    torch.testing.assert_close(inside, small(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))(outside).tokens)


def test_without_a_class_token_there_is_none() -> None:
    encoder = small(class_token=False)
    assert encoder(clips()).cls is None
    assert encoder.cls_token is None
    assert encoder.cls_position is None


def test_the_class_token_attends_to_the_clip() -> None:
    encoder = small()
    assert not torch.allclose(encoder(clips()).cls[0], encoder(clips()).cls[1])


@pytest.mark.parametrize("shape", [(2, 3, 6, 8, 8), (2, 3, 4, 12, 12), (2, 3, 4, 8, 12)])
def test_clips_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes clips of 4×8×8 .* got " + "×".join(map(str, shape[2:]))):
        small()(torch.zeros(shape))


def test_clips_of_integers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"floats in \[0, 1\], got torch.uint8"):
        small()((clips() * 255).to(torch.uint8))


def test_a_size_that_the_tubelet_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="225 rows"):
        small(size=225, tubelet=(2, 16, 16))


def test_a_std_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="std must be above 0"):
        small(std=(0.2, 0.0, 0.2))


def test_drop_path_grows_linearly_from_zero() -> None:
    encoder = small(depth=5, drop_path_rate=0.2)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in encoder.blocks]
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])


@pytest.mark.parametrize(("init", "fan_in_bound"), [("mae_st", False), ("videomae", True)])
def test_the_patch_embedding_starts_as_in_the_papers_code(init: str, fan_in_bound: bool) -> None:
    weight = small(embed_dim=64, init=init).patch_embed.proj.weight
    num_pixels = 3 * 2 * 4 * 4
    # MAE-ST: Xavier on the flattened kernel. VideoMAE: PyTorch's own, uniform in ± 1 / sqrt(fan in).
    bound = 1 / math.sqrt(num_pixels) if fan_in_bound else math.sqrt(6 / (num_pixels + 64))
    assert 0.97 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("options", [{"depth": 0}, {"embed_dim": 0}, {"num_heads": 0}, {"mlp_ratio": 0.0}])
def test_an_encoder_of_nothing_is_refused(options) -> None:
    with pytest.raises(ValueError, match=r"must be (at least 1|above 0), got"):
        VideoViT(
            frames=4, size=8, tubelet=(2, 4, 4), **({"embed_dim": 16, "depth": 1, "num_heads": 2} | options)
        )


def test_the_last_norm_can_be_left_out() -> None:
    encoder = VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2).eval()
    torch.nn.init.normal_(encoder.norm.weight)
    clips = torch.rand(2, 3, 4, 8, 8)
    bare, normal = encoder(clips, final_norm=False), encoder(clips)
    torch.testing.assert_close(encoder.norm(bare.tokens), normal.tokens)
    torch.testing.assert_close(encoder.norm(bare.cls), normal.cls)


@pytest.mark.parametrize("class_token", [True, False])
def test_of_no_clips_there_are_no_latents(class_token: bool) -> None:
    encoder = VideoViT(4, 8, (2, 4, 4), 16, 1, 2, class_token=class_token)
    latents = encoder.of_any_number(torch.empty(0, 3, 0, 0, 0))
    assert latents.tokens.shape == (0, 8, 16)
    assert (latents.cls is None) != class_token
    clips = torch.rand(1, 3, 4, 8, 8)
    assert torch.equal(encoder.of_any_number(clips).tokens, encoder(clips).tokens)
