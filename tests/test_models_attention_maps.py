"""Attention weights, against a loop and against what the encoder makes of them."""

import math

import pytest
import torch

from vidmask.models.attention_maps import attention_maps
from vidmask.models.vit import VideoViT


def encoder_of(**settings) -> VideoViT:
    torch.manual_seed(0)
    sizes = {"frames": 4, "size": 16, "tubelet": (2, 8, 8), "embed_dim": 24, "depth": 3, "num_heads": 2}
    return VideoViT(**sizes, positions="sincos3d", **{"class_token": False, **settings}).double().eval()


def clips_of(number: int) -> torch.Tensor:
    return torch.rand(number, 3, 4, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def entered(encoder: VideoViT, block: int, clips: torch.Tensor) -> torch.Tensor:
    """Return what a block is given, by running those before it."""
    outputs = []
    hook = encoder.blocks[block].register_forward_pre_hook(lambda module, inputs: outputs.append(inputs[0]))
    encoder(clips)
    hook.remove()
    return outputs[0]


@pytest.mark.parametrize("block", [0, 1, -1])
def test_weights_are_those_of_a_loop_over_heads_and_tokens(block):
    encoder, clips = encoder_of(), clips_of(2)
    maps = attention_maps(encoder, clips, block=block)
    part = encoder.blocks[block]
    tokens = part.norm1(entered(encoder, block % 3, clips))
    query, key, _ = (tokens[1] @ part.attn.qkv.weight.T + part.attn.qkv.bias).detach().split(24, dim=1)
    for head in range(2):
        own = slice(12 * head, 12 * head + 12)
        for i in range(8):
            scores = [float((query[i, own] * key[j, own]).sum()) / math.sqrt(12) for j in range(8)]
            total = sum(map(math.exp, scores))
            expected = torch.tensor([math.exp(score) / total for score in scores], dtype=torch.float64)
            torch.testing.assert_close(maps[1, head, i], expected)


def test_values_weighted_by_them_are_what_the_fused_kernel_returns():
    encoder, clips = encoder_of(), clips_of(1)
    attention = encoder.blocks[-1].attn
    tokens = encoder.blocks[-1].norm1(entered(encoder, 2, clips))
    value = attention.qkv(tokens).chunk(3, dim=-1)[2].unflatten(-1, (2, 12)).transpose(1, 2)
    joined = (attention_maps(encoder, clips) @ value).transpose(1, 2).flatten(2)
    torch.testing.assert_close(attention.proj(joined), attention(tokens))


def test_tokens_that_are_not_seen_are_not_looked_at():
    visible = torch.tensor([[0, 3, 6]])
    maps = attention_maps(encoder_of(), clips_of(1), visible)
    assert maps.shape == (1, 2, 3, 3)
    torch.testing.assert_close(maps.sum(dim=-1), torch.ones(1, 2, 3, dtype=torch.float64))


def test_a_class_token_stands_before_the_others():
    encoder, clips = encoder_of(class_token=True), clips_of(1)
    maps = attention_maps(encoder, clips)
    assert maps.shape == (1, 2, 9, 9)
    with torch.no_grad():
        # In one channel: the norm before the attention takes away what is the same in all.
        encoder.cls_token[..., 0] += 5.0
    changed = attention_maps(encoder, clips, block=0)
    plain = attention_maps(encoder_of(class_token=True), clips, block=0)
    assert not torch.allclose(changed[:, :, 0], plain[:, :, 0], atol=1e-3)
    # How patches share among themselves what the class token leaves to them does not change.
    for maps in (changed, plain):
        maps[..., 0] = 0
    shares = [maps[:, :, 1:] / maps[:, :, 1:].sum(dim=-1, keepdim=True) for maps in (changed, plain)]
    torch.testing.assert_close(*shares)


def test_nothing_is_left_on_the_encoder():
    encoder = encoder_of()
    attention_maps(encoder, clips_of(1))
    assert not encoder.blocks[-1].norm1._forward_hooks
    with pytest.raises(ValueError, match="the encoder takes clips of 4×16×16"):
        attention_maps(encoder, clips_of(1)[:, :, :2])
    assert not encoder.blocks[-1].norm1._forward_hooks


@pytest.mark.parametrize("block", [3, -4])
def test_a_block_that_is_not_there_is_refused(block):
    with pytest.raises(ValueError, match=f"block of an encoder of 3 must lie from -3 to 2, got {block}"):
        attention_maps(encoder_of(), clips_of(1), block=block)
