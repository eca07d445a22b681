"""The decoder of a masked autoencoder."""

import pytest
import torch

from vidmask.models import TokenDecoder, VideoViT
from vidmask.tokens import TokenMask


def encoder(**options: object) -> VideoViT:
    torch.manual_seed(0)
    settings = {"frames": 4, "size": 8, "tubelet": (2, 4, 4), "embed_dim": 16, "depth": 1, "num_heads": 2}
    return VideoViT(**(settings | options))


MASK = TokenMask(torch.tensor([[0, 5]]), torch.tensor([[1, 2, 3, 4, 6, 7]]))


@pytest.mark.parametrize("class_token", ["none", "learned", "encoded"])
def test_skipping_unread_tokens_in_the_last_block_changes_no_result(class_token: str) -> None:
    vit = encoder().double()
    decoder = TokenDecoder(vit, embed_dim=8, depth=2, num_heads=2, class_token=class_token).double()
    latents = vit(torch.rand(1, 3, 4, 8, 8, dtype=torch.float64), MASK.visible)
    seen = decoder.projection(latents.tokens) + decoder.positions(MASK.visible)
    hidden = decoder.mask_token + decoder.positions(MASK.masked)
    first = []
    if class_token == "learned":
        first = [decoder.cls_token + decoder.cls_position]
    elif class_token == "encoded":
        first = [decoder.projection(latents.cls)[None] + decoder.cls_position]
    tokens = torch.cat([*first, seen, hidden], dim=1)
    for block in decoder.blocks:
        tokens = block(tokens)
    torch.testing.assert_close(decoder(latents, MASK), decoder.norm(tokens[:, -6:]))


def test_each_masked_token_is_told_apart_by_its_position() -> None:
    vit = encoder()
    decoded = TokenDecoder(vit, embed_dim=8, depth=1, num_heads=2)(
        vit(torch.rand(1, 3, 4, 8, 8), MASK.visible), MASK
    )
    assert decoded.shape == (1, 6, 8)
    assert len(decoded[0].unique(dim=0)) == 6


def test_only_some_of_the_hidden_tokens_can_be_decoded() -> None:
    vit = encoder()
    decoder = TokenDecoder(vit, embed_dim=8, depth=1, num_heads=2)
    some = TokenMask(MASK.visible, MASK.masked[:, :2])
    assert decoder(vit(torch.rand(1, 3, 4, 8, 8), MASK.visible), some).shape == (1, 2, 8)


def test_a_decoder_without_blocks_reads_positions_alone() -> None:
    vit = encoder()
    decoder = TokenDecoder(vit, embed_dim=8, depth=0, num_heads=2)
    decoded = decoder(vit(torch.rand(1, 3, 4, 8, 8), MASK.visible), MASK)
    torch.testing.assert_close(decoded, decoder.norm(decoder.mask_token + decoder.positions(MASK.masked)))


def test_carrying_the_encoded_class_token_needs_one() -> None:
    with pytest.raises(ValueError, match="needs an encoder with a class token"):
        TokenDecoder(encoder(class_token=False), class_token="encoded")


def test_mae_sts_pretraining_model_has_the_originals_parameters() -> None:
    with torch.device("meta"):
        vit = VideoViT()
        decoder = TokenDecoder(vit, class_token="learned")
        prediction = torch.nn.Linear(512, 768)
    total = sum(p.numel() for module in (vit, decoder, prediction) for p in module.parameters())
    assert total == 99_898_880


def test_tokens_start_as_in_mae_sts_code() -> None:
    torch.manual_seed(0)
    decoder = TokenDecoder(encoder(), embed_dim=512, class_token="learned")
    assert (decoder.cls_token == 0).all()
    assert 0.017 < decoder.mask_token.std() < 0.023


@pytest.mark.parametrize("options", [{"depth": -1}, {"embed_dim": 0}])
def test_a_decoder_of_nothing_is_refused(options) -> None:
    with pytest.raises(ValueError, match="decoder: depth must be at least 0 and embed_dim at least 1"):
        TokenDecoder(encoder(), **({"embed_dim": 8, "depth": 1, "num_heads": 2} | options))
