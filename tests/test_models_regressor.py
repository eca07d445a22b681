"""The regressor: from visible latents to masked ones."""

import pytest
import torch
from test_models_decoder import MASK, encoder

from vidmask.models.regressor import LatentRegressor, RegressorBlock
from vidmask.models.vit import Latents, VideoViT


def latents(seed: int = 0) -> Latents:
    return Latents(torch.randn(1, 2, 16, generator=torch.Generator().manual_seed(seed)), None)


@pytest.mark.parametrize("keys", ["visible+queries", "visible"])
@pytest.mark.parametrize("embed_dim", [None, 8])
def test_masked_latents_are_as_wide_as_the_encoder_s_and_told_apart(keys: str, embed_dim: int | None) -> None:
    regressed = LatentRegressor(encoder(), embed_dim, depth=2, num_heads=2, keys=keys)(latents(), MASK)
    assert regressed.shape == (1, 6, 16)
    assert len(regressed[0].unique(dim=0)) == 6


@pytest.mark.parametrize("keys", ["visible+queries", "visible"])
def test_a_masked_token_depends_on_the_others_only_where_queries_are_keys(keys: str) -> None:
    regressor = LatentRegressor(encoder(), depth=2, num_heads=2, keys=keys)
    some = MASK.__class__(MASK.visible, MASK.masked[:, :3])
    alone, among_others = regressor(latents(), some), regressor(latents(), MASK)[:, :3]
    assert torch.allclose(alone, among_others, atol=1e-6) is (keys == "visible")


def test_every_latent_reads_every_visible_one() -> None:
    regressor = LatentRegressor(encoder(), depth=1, num_heads=2)
    seen = latents().tokens.requires_grad_()
    for token in range(6):
        (gradient,) = torch.autograd.grad(regressor(Latents(seen, None), MASK)[0, token, 0], seen)
        assert (gradient.abs().sum(dim=-1) > 0).all()


def test_the_class_token_takes_no_part() -> None:
    regressor = LatentRegressor(encoder(), depth=1, num_heads=2)
    with_class = latents()._replace(cls=torch.randn(1, 16))
    assert torch.equal(regressor(with_class, MASK), regressor(latents(), MASK))


def test_positions_are_in_queries_and_keys_and_not_in_values() -> None:
    regressor = LatentRegressor(encoder(), depth=1, num_heads=2)
    block = regressor.blocks[0]
    keys = torch.randn(1, 4, 16)
    queries, query_positions = torch.randn(1, 3, 16), torch.randn(1, 3, 16)
    given = {}
    for name in ("query", "key", "value"):
        part = getattr(block.attn, name)
        part.register_forward_pre_hook(lambda module, inputs, name=name: given.update({name: inputs[0]}))
    positions = torch.randn(1, 4, 16)
    block(queries, query_positions, keys, positions)
    torch.testing.assert_close(given["query"], block.norm_query(queries + query_positions))
    torch.testing.assert_close(given["key"], block.norm_key(keys + positions))
    torch.testing.assert_close(given["value"], block.norm_value(keys))


def test_the_mask_token_starts_small_and_bounded() -> None:
    token = LatentRegressor(encoder(), depth=1, num_heads=2).mask_token
    assert 0 < token.abs().max() <= 0.02


def test_drop_path_grows_to_its_rate_and_drops_both_branches() -> None:
    regressor = LatentRegressor(encoder(), depth=3, num_heads=2, drop_path_rate=0.5)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in regressor.blocks]
    assert rates == [0.0, 0.25, 0.5]
    block = RegressorBlock(8, 2, drop_path=0.999, layer_scale=None)
    queries, keys = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    places = torch.zeros(1, 3, 8), torch.zeros(1, 4, 8)
    torch.manual_seed(0)
    dropped = block(queries, places[0], keys, places[1])
    torch.testing.assert_close(dropped, block.norm2(queries))


def test_no_block_is_refused() -> None:
    with pytest.raises(ValueError, match="depth of the regressor must be at least 1, got 0"):
        LatentRegressor(encoder(), depth=0, num_heads=2)


def test_keys_that_start_as_queries_make_a_query_look_near_its_own_place() -> None:
    grid = {"frames": 8, "size": 16, "tubelet": (2, 4, 4), "embed_dim": 64, "positions": "sincos3d"}
    torch.manual_seed(0)
    wide = VideoViT(**grid, depth=1, num_heads=4, class_token=False)
    given = {"depth": 1, "num_heads": 4, "keys": "visible"}
    masked, seen = torch.arange(0, 64, 2).unsqueeze(0), torch.arange(1, 64, 2).unsqueeze(0)
    latents = torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(1))

    def distance_looked(regressor: LatentRegressor) -> float:
        block = regressor.blocks[0]
        queries = block.norm_query(regressor.mask_token + regressor.positions(masked))
        keys = block.norm_key(latents + regressor.positions(seen))
        weights = block.attn.query(queries) @ block.attn.key(keys).mT
        nearest = seen[0, weights[0].argmax(dim=1)]
        places = [torch.stack([at // 16, at % 16 // 4, at % 4]) for at in (masked[0], nearest)]
        return (places[0] - places[1]).abs().sum(dim=0).float().mean().item()

    own = LatentRegressor(wide, **given)
    copied = LatentRegressor(wide, **given, keys_start="queries")
    assert torch.equal(copied.blocks[0].attn.key.weight, copied.blocks[0].attn.query.weight)
    assert copied.blocks[0].attn.key.weight is not copied.blocks[0].attn.query.weight
    assert not torch.equal(own.blocks[0].attn.key.weight, own.blocks[0].attn.query.weight)
    assert distance_looked(copied) < 0.7 * distance_looked(own)
