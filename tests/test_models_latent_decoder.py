"""The decoder behind a regressor."""

import pytest
import torch
from test_models_decoder import MASK, encoder

from vidmask.models.latent_decoder import LatentDecoder, MaskedLatents


def given(*, visible: bool) -> MaskedLatents:
    chance = torch.Generator().manual_seed(0)
    masked, seen = torch.randn(1, 6, 16, generator=chance), torch.randn(1, 2, 16, generator=chance)
    return MaskedLatents(masked, seen if visible else None)


def test_skipping_unread_tokens_in_the_last_block_changes_no_result() -> None:
    decoder = LatentDecoder(encoder(), embed_dim=8, depth=2, num_heads=2)
    latents = given(visible=True)
    tokens = torch.cat(
        [
            decoder.projection(latents.visible) + decoder.positions(MASK.visible),
            decoder.projection(latents.masked) + decoder.positions(MASK.masked),
        ],
        dim=1,
    )
    for block in decoder.blocks:
        tokens = block(tokens)
    torch.testing.assert_close(decoder(latents, MASK), decoder.norm(tokens[:, -6:]))


@pytest.mark.parametrize("depth", [0, 1])
def test_visible_latents_are_read_where_they_are_given_and_there_is_a_block(depth: int) -> None:
    decoder = LatentDecoder(encoder(), depth=depth, num_heads=2)
    with_visible, without = decoder(given(visible=True), MASK), decoder(given(visible=False), MASK)
    assert torch.equal(with_visible, without) is (depth == 0)


def test_without_blocks_the_latents_go_through_as_they_are() -> None:
    latents = given(visible=False)
    assert torch.equal(LatentDecoder(encoder(), depth=0)(latents, MASK), latents.masked)
    narrow = LatentDecoder(encoder(), embed_dim=8, depth=0)
    assert torch.equal(narrow(latents, MASK), narrow.projection(latents.masked))


def test_equal_latents_are_told_apart_by_their_positions() -> None:
    same = MaskedLatents(torch.ones(1, 6, 16), None)
    assert len(LatentDecoder(encoder(), depth=1, num_heads=2)(same, MASK)[0].unique(dim=0)) == 6


def test_a_depth_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="depth of the decoder must be at least 0, got -1"):
        LatentDecoder(encoder(), depth=-1)
