"""Position embeddings of one token grid for another."""

import pytest
import torch
import torch.nn.functional as F
from timm.layers.pos_embed import resample_abs_pos_embed

from vidmask.models import VideoViT
from vidmask.models.position_resampling import resampled_positions
from vidmask.tokens import TokenGrid

WIDTH = 6


def weights_of(
    grid: TokenGrid, prefix: str = "", dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    return {
        f"{prefix}positions.spatial": torch.randn(
            1, grid.rows * grid.columns, WIDTH, generator=chance, dtype=dtype
        ),
        f"{prefix}positions.temporal": torch.randn(1, grid.time, WIDTH, generator=chance, dtype=dtype),
        f"{prefix}norm.weight": torch.randn(WIDTH, generator=chance, dtype=dtype),
    }


def in_time(values: list[float], length: int) -> list[float]:
    """Resample one number for each slice of time."""
    old, new = TokenGrid(len(values), 1, 1), TokenGrid(length, 1, 1)
    temporal = torch.tensor(values, dtype=torch.float64).view(1, -1, 1)
    return (
        resampled_positions({"positions.temporal": temporal}, old, new)["positions.temporal"]
        .flatten()
        .tolist()
    )


def test_time_is_linear_between_the_centres_of_the_slices_and_held_at_the_ends() -> None:
    # The centres of four slices lie at -1/4, 1/4, 3/4 and 5/4 of the distance between two.
    assert in_time([2.0, 6.0], 4) == [2.0, 3.0, 5.0, 6.0]
    # The centres of two lie in the middle between the first two of four, and between the last two.
    assert in_time([1.0, 3.0, 10.0, 20.0], 2) == [2.0, 15.0]
    # The centres of two of six are those of the second and the fifth, and no filter mixes in the others.
    assert in_time([1.0, 5.0, 8.0, 9.0, 7.0, 3.0], 2) == [5.0, 7.0]


def test_what_grows_evenly_over_time_still_does() -> None:
    ramp = [float(index) for index in range(8)]
    assert in_time(ramp, 4) == [0.5, 2.5, 4.5, 6.5]
    assert in_time(ramp, 16) == [0.0, *(0.5 * index - 0.25 for index in range(1, 15)), 7.0]


@pytest.mark.parametrize("new", [TokenGrid(3, 9, 2), TokenGrid(9, 3, 7), TokenGrid(1, 1, 1)])
def test_a_constant_embedding_stays_constant(new: TokenGrid) -> None:
    old = TokenGrid(4, 5, 3)
    constant = torch.arange(1.0, WIDTH + 1)
    weights = {name: torch.ones_like(weight) * constant for name, weight in weights_of(old).items()}
    resampled = resampled_positions(weights, old, new)
    assert resampled["positions.spatial"].shape == (1, new.rows * new.columns, WIDTH)
    assert resampled["positions.temporal"].shape == (1, new.time, WIDTH)
    for weight in resampled.values():
        torch.testing.assert_close(weight, constant.expand_as(weight))


@pytest.mark.parametrize("new", [TokenGrid(2, 7, 5), TokenGrid(2, 2, 4), TokenGrid(2, 4, 3)])
def test_space_is_bicubic_over_rows_and_columns(new: TokenGrid) -> None:
    old = TokenGrid(2, 3, 4)
    weights = weights_of(old)
    resampled = resampled_positions(weights, old, new)["positions.spatial"]
    for channel in range(WIDTH):
        picture = torch.empty(1, 1, 3, 4)
        for row in range(3):
            for column in range(4):
                picture[0, 0, row, column] = weights["positions.spatial"][0, row * 4 + column, channel]
        expected = F.interpolate(picture, size=(new.rows, new.columns), mode="bicubic", align_corners=False)
        for row in range(new.rows):
            for column in range(new.columns):
                found = resampled[0, row * new.columns + column, channel]
                torch.testing.assert_close(found, expected[0, 0, row, column], rtol=0, atol=1e-6)


@pytest.mark.parametrize("side", [3, 6, 7, 14])
def test_space_is_what_timm_makes_of_it(side: int) -> None:
    old, new = TokenGrid(2, 7, 7), TokenGrid(2, side, side)
    weights = weights_of(old)
    expected = resample_abs_pos_embed(
        weights["positions.spatial"],
        [side, side],
        num_prefix_tokens=0,
        interpolation="bicubic",
        antialias=False,
    )
    resampled = resampled_positions(weights, old, new)["positions.spatial"]
    torch.testing.assert_close(resampled, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_an_axis_that_keeps_its_length_keeps_its_values_bit_for_bit(dtype: torch.dtype) -> None:
    old = TokenGrid(4, 3, 2)
    weights = weights_of(old, dtype=dtype)
    for new, changed in (
        (old, set()),
        (TokenGrid(8, 3, 2), {"positions.temporal"}),
        (TokenGrid(4, 2, 3), {"positions.spatial"}),
    ):
        resampled = resampled_positions(weights, old, new)
        assert resampled.keys() == weights.keys()
        assert {name for name in weights if not torch.equal(resampled[name], weights[name])} == changed


def test_half_precision_is_interpolated_in_single_and_comes_back() -> None:
    old, new = TokenGrid(4, 3, 2), TokenGrid(7, 5, 3)
    coarse = weights_of(old, dtype=torch.bfloat16)
    fine = resampled_positions({name: weight.float() for name, weight in coarse.items()}, old, new)
    for name, weight in resampled_positions(coarse, old, new).items():
        assert weight.dtype == torch.bfloat16
        assert torch.equal(weight, fine[name].bfloat16())


def test_double_precision_stays_double() -> None:
    old, new = TokenGrid(4, 3, 2), TokenGrid(7, 5, 3)
    weights = weights_of(old, dtype=torch.float64)
    resampled = resampled_positions(weights, old, new)["positions.spatial"]
    picture = weights["positions.spatial"].view(1, 3, 2, WIDTH).permute(0, 3, 1, 2)
    expected = F.interpolate(picture, size=(5, 3), mode="bicubic").permute(0, 2, 3, 1).reshape(1, 15, WIDTH)
    torch.testing.assert_close(resampled, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("prefix", ["encoder.", "head.decoder."])
def test_embeddings_under_a_prefix_are_found_and_what_only_looks_like_one_is_not(prefix: str) -> None:
    old, new = TokenGrid(4, 3, 3), TokenGrid(2, 5, 5)
    weights = weights_of(old)
    other = torch.ones(1, 9, WIDTH)
    prefixed = {prefix + name: weight for name, weight in weights.items()} | {"propositions.spatial": other}
    resampled = resampled_positions(prefixed, old, new)
    assert resampled.pop("propositions.spatial") is other
    for name, weight in resampled_positions(weights, old, new).items():
        assert torch.equal(resampled[prefix + name], weight)


def test_the_weights_that_were_given_are_left_alone() -> None:
    old = TokenGrid(4, 3, 3)
    weights = weights_of(old)
    resampled_positions(weights, old, TokenGrid(2, 5, 5))
    assert all(torch.equal(weight, weights[name]) for name, weight in weights_of(old).items())


@pytest.mark.parametrize(
    ("claimed", "message"),
    [
        (TokenGrid(4, 3, 4), "encoder.positions.spatial has 9 positions, the old grid has 12"),
        (TokenGrid(5, 3, 3), "encoder.positions.temporal has 4 positions, the old grid has 5"),
    ],
)
def test_weights_of_another_grid_than_claimed_are_refused(claimed: TokenGrid, message: str) -> None:
    weights = weights_of(TokenGrid(4, 3, 3), "encoder.")
    for new in (claimed, TokenGrid(8, 8, 8)):
        with pytest.raises(ValueError, match=f"^{message}$"):
            resampled_positions(weights, claimed, new)


def encoder_of(frames: int = 16, size: int = 64, **options: object) -> VideoViT:
    return VideoViT(frames, size, embed_dim=12, depth=1, num_heads=2, **options)


@pytest.mark.parametrize("positions", ["separable", "sincos1d", "sincos3d"])
@pytest.mark.parametrize(("frames", "size"), [(8, 64), (32, 64), (16, 96), (8, 96)])
def test_an_encoder_of_another_geometry_takes_the_weights_and_runs(
    frames: int, size: int, positions: str
) -> None:
    old, new = encoder_of(positions=positions), encoder_of(frames, size, positions=positions)
    new.load_state_dict(resampled_positions(old.state_dict(), old.grid, new.grid), strict=True)
    latents = new(torch.rand(1, 3, frames, size, size))
    assert latents.tokens.shape == (1, new.grid.num_tokens, 12)
    assert latents.tokens.isfinite().all()
    same = {name for name, weight in old.state_dict().items() if "positions." not in name}
    assert same
    assert all(torch.equal(new.state_dict()[name], old.state_dict()[name]) for name in same)
