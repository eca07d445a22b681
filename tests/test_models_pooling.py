"""One vector from the tokens of a clip."""

from functools import partial

import pytest
import torch

from vidmask.models.pooling import AttentivePooling, ClassTokenPooling, MeanPooling, TimeSlicePooling
from vidmask.models.vit import Latents, VideoViT


def encoder(class_token: bool = True) -> VideoViT:
    return VideoViT(8, 16, (2, 8, 8), 24, 1, 2, class_token=class_token)


LATENTS = Latents(torch.randn(3, 16, 24, generator=torch.Generator().manual_seed(0)), torch.ones(3, 24))


@pytest.mark.parametrize(
    ("pooling", "width"),
    [
        (MeanPooling, 24),
        (ClassTokenPooling, 24),
        (TimeSlicePooling, 96),
        (partial(AttentivePooling, num_heads=2), 24),
    ],
)
def test_the_width_is_as_told(pooling, width):
    pooled = pooling(encoder())
    assert pooled.width == width
    assert pooled(LATENTS).shape == (3, width)


@pytest.mark.parametrize(("norm", "place"), [("before", "tokens"), ("after", "pooled"), ("fresh", "none")])
def test_the_mean_says_where_the_norm_is_due(norm, place):
    pooling = MeanPooling(encoder(), norm)
    assert pooling.norm == place
    mean = LATENTS.tokens.mean(dim=1)
    expected = torch.nn.functional.layer_norm(mean, (24,), eps=1e-6) if norm == "fresh" else mean
    torch.testing.assert_close(pooling(LATENTS), expected)


def test_the_class_token_is_taken_and_needed():
    assert torch.equal(ClassTokenPooling(encoder())(LATENTS), LATENTS.cls)
    with pytest.raises(ValueError, match="class_token: true"):
        ClassTokenPooling(encoder(class_token=False))


def test_slices_of_time_stand_one_after_the_other():
    pooled = TimeSlicePooling(encoder())(LATENTS)
    for clip in range(3):
        for time in range(4):
            expected = sum(LATENTS.tokens[clip, 4 * time + place] for place in range(4)) / 4
            torch.testing.assert_close(pooled[clip, 24 * time : 24 * (time + 1)], expected)


def test_attention_is_that_of_a_plain_loop_and_blind_to_the_order_of_tokens():
    torch.manual_seed(0)
    pooling = AttentivePooling(encoder(), num_heads=2)
    for weight in pooling.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    found = pooling(LATENTS)
    attn, tokens = pooling.attn, pooling.norm1(LATENTS.tokens)
    query = attn.query(pooling.query[0, 0])
    for clip in range(3):
        key, value = attn.key(tokens[clip]), attn.value(tokens[clip])
        heads = []
        for head in (slice(0, 12), slice(12, 24)):
            weights = (key[:, head] @ query[head] / 12**0.5).softmax(dim=0)
            heads.append(weights @ value[:, head])
        vector = pooling.query[0, 0] + attn.proj(torch.cat(heads))
        vector = vector + pooling.mlp(pooling.norm2(vector))
        torch.testing.assert_close(found[clip], vector, rtol=1e-4, atol=1e-5)
    shuffled = LATENTS._replace(tokens=LATENTS.tokens[:, torch.randperm(16)])
    torch.testing.assert_close(pooling(shuffled), found, rtol=1e-4, atol=1e-5)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="24 is no multiple of num_heads 16"):
        AttentivePooling(encoder())
