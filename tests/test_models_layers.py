"""Transformer blocks."""

import math

import pytest
import torch

from vidmask.models.layers import Attention, Block, initialise


def test_attention_equals_a_loop_over_heads_and_tokens() -> None:
    torch.manual_seed(0)
    attention = Attention(embed_dim=6, num_heads=2).double()
    tokens = torch.randn(1, 4, 6, dtype=torch.float64)
    query, key, value = (tokens[0] @ attention.qkv.weight.T + attention.qkv.bias).split(6, dim=1)
    joined = torch.zeros(4, 6, dtype=torch.float64)
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        for i in range(4):
            scores = torch.stack([(query[i, part] * key[j, part]).sum() / math.sqrt(3) for j in range(4)])
            joined[i, part] = sum(weight * value[j, part] for j, weight in enumerate(scores.softmax(0)))
    expected = joined @ attention.proj.weight.T + attention.proj.bias
    torch.testing.assert_close(attention(tokens)[0], expected)


def test_the_key_bias_changes_nothing() -> None:
    torch.manual_seed(0)
    attention = Attention(embed_dim=8, num_heads=2).double()
    tokens = torch.randn(2, 5, 8, dtype=torch.float64)
    before = attention(tokens)
    with torch.no_grad():
        attention.qkv.bias[8:16] = 3.0
    torch.testing.assert_close(attention(tokens), before)


def test_a_layer_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"layer_scale must be above 0, got 0\.0; null leaves it out"):
        Block(embed_dim=8, num_heads=2, layer_scale=0.0)


def test_a_block_for_the_last_tokens_equals_the_last_tokens_of_the_block() -> None:
    torch.manual_seed(0)
    block = Block(embed_dim=8, num_heads=2).double()
    tokens = torch.randn(2, 7, 8, dtype=torch.float64)
    torch.testing.assert_close(block(tokens, num_queries=3), block(tokens)[:, -3:])


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="embed_dim 10 is no multiple of num_heads 4"):
        Attention(embed_dim=10, num_heads=4)


@pytest.mark.parametrize(("scheme", "fan_out"), [("mae_st", 96), ("videomae", 3 * 96)])
def test_xavier_bounds_of_query_key_and_value_are_those_of_the_papers_code(scheme: str, fan_out: int) -> None:
    torch.manual_seed(0)
    block = Block(embed_dim=96, num_heads=2)
    initialise(block, scheme)
    bound = math.sqrt(6 / (96 + fan_out))
    for third in block.attn.qkv.weight.chunk(3):
        assert 0.98 * bound < third.abs().max() <= bound
    assert block.attn.qkv.bias.abs().max() == 0
    assert (block.norm1.weight == 1).all()
    hidden_bound = math.sqrt(6 / (96 + 4 * 96))
    assert 0.98 * hidden_bound < block.mlp.fc1.weight.abs().max() <= hidden_bound
