"""The masked autoencoder; its laws are in test_contracts and its parity in test_parity."""

from functools import partial

import torch

from vidmask.models import TokenDecoder, VideoViT
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.targets import PixelTarget
from vidmask.tokens import ClipBatch, TokenMask


def test_the_loss_is_the_mean_over_masked_tokens_alone() -> None:
    torch.manual_seed(0)
    encoder = VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2)
    target = PixelTarget("none", "all")
    objective = MaskedAutoencoder(
        encoder,
        partial(Head, decoder=partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2), target=target),
    )
    index = torch.zeros(1, dtype=torch.int64)
    batch = ClipBatch(torch.rand(1, 3, 4, 8, 8), {}, index, index.double(), index, [0], [""], [])
    mask = TokenMask(torch.tensor([[0, 5]]), torch.tensor([[1, 2, 3, 4, 6, 7]]))
    predictions = objective.predict(batch, mask)["reconstruction"]
    everything = target(batch, torch.arange(8).unsqueeze(0), encoder.tubelet)
    by_loop = sum(
        ((predictions[0, slot] - everything[0, token]) ** 2).mean()
        for slot, token in enumerate([1, 2, 3, 4, 6, 7])
    )
    torch.testing.assert_close(objective(batch, mask)["loss"], by_loop / 6)


def test_one_encoder_stands_once_in_the_weights() -> None:
    encoder = VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2)
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    objective = MaskedAutoencoder(encoder, partial(Head, decoder=decoder, target=PixelTarget()))
    assert {key.split(".")[0] for key in objective.state_dict()} == {"encoder", "head"}
    assert not any("head.encoder" in key for key in objective.state_dict())
