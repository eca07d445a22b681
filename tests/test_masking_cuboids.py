"""Cuboids of tokens."""

from collections import Counter

import numpy as np
import pytest
import torch

from vidmask.masking.cuboids import CuboidSizes, cover, hide_cuboids, place
from vidmask.tokens import TokenGrid


def chance(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("share", "aspect", "duration", "sides"),
    [
        (0.25, 1.0, 0.5, (4, 7, 7)),  # a quarter of 14 × 14 is 7 × 7
        (0.15, 1.0, 1.0, (8, 5, 5)),  # 29.4 places: 5.42 × 5.42
        (0.7, 1.5, 1.0, (8, 14, 10)),  # 137.2 places: 14.35 × 9.56, and 14 at most
        (0.7, 0.75, 1.0, (8, 10, 14)),  # 10.14 × 13.53
        (0.001, 1.0, 0.01, (1, 1, 1)),
    ],
)
def test_sides_by_hand(share, aspect, duration, sides):
    sizes = CuboidSizes((share, share), (aspect, aspect), (duration, duration))
    assert sizes.draw(TokenGrid(8, 14, 14), [0.3, 0.6, 0.9]) == sides


def test_sizes_are_drawn_between_the_lowest_and_the_highest():
    sizes, grid = CuboidSizes((0.04, 0.16), (0.25, 4.0), (0.25, 0.75)), TokenGrid(8, 100, 100)
    assert sizes.draw(grid, [0.0, 0.5, 0.0]) == (2, 20, 20)
    assert sizes.draw(grid, [1.0, 0.5, 1.0]) == (6, 40, 40)
    assert sizes.draw(grid, [0.0, 0.0, 0.5]) == (4, 10, 40)
    assert sizes.draw(grid, [0.0, 1.0, 0.5]) == (4, 40, 10)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"share": (0.0, 0.5)}, r"share of a block must be .* above 0 and at most 1, got \[0.0, 0.5\]"),
        ({"share": (0.5, 1.5)}, r"share of a block"),
        ({"share": (0.5, 0.2)}, r"share of a block must be a lowest and a highest value"),
        ({"aspect": (-1.0, 2.0)}, r"aspect of a block must be .* above 0, got \[-1.0, 2.0\]"),
        ({"aspect": (1.0, float("inf"))}, r"aspect of a block"),
        ({"duration": (0.0, 1.0)}, r"duration of a block"),
    ],
)
def test_sizes_that_are_none_are_refused(sizes, said):
    given = {"share": (0.1, 0.2), "aspect": (0.5, 2.0), "duration": (0.5, 1.0)} | sizes
    with pytest.raises(ValueError, match=said):
        CuboidSizes(**given)


def test_a_cuboid_lies_within_the_grid_and_over_its_token():
    grid = TokenGrid(4, 5, 6)
    starts = Counter()
    for draw in range(600):
        chances = torch.rand(3, generator=chance(draw)).tolist()
        cuboid = place(grid, (2, 3, 4), chances, over=(0, 2, 5))
        starts[tuple(side.start for side in cuboid)] += 1
        assert [side.stop - side.start for side in cuboid] == [2, 3, 4]
    # Slice 0 is in a cuboid of 2 from 0 only; row 2 in one of 3 from 0, 1 and 2; column 5 in one from 2.
    assert set(starts) == {(0, 0, 2), (0, 1, 2), (0, 2, 2)}
    # Five standard deviations of a share of 1/3 in 600 draws.
    assert max(abs(count - 200) for count in starts.values()) < 5 * (600 * 2 / 9) ** 0.5


def test_anywhere_is_every_place_equally_often():
    places = Counter(
        place(TokenGrid(1, 1, 5), (1, 1, 2), torch.rand(3, generator=chance(draw)).tolist())[2].start
        for draw in range(4000)
    )
    assert set(places) == {0, 1, 2, 3}
    assert max(abs(count - 1000) for count in places.values()) < 5 * (4000 * 3 / 16) ** 0.5


def test_over_a_visible_token_by_hand():
    # Of 8 tokens in a row, a pair that holds a token drawn uniformly: the first pair by token 0 always and
    # by token 1 every second time, 1/8 + 1/16; the last likewise; all between 1/8.
    sizes = CuboidSizes((0.25, 0.25), (0.5, 0.5))
    found = Counter(
        int(np.flatnonzero(hide_cuboids(TokenGrid(1, 1, 8), sizes, 2, chance(draw)))[0])
        for draw in range(4000)
    )
    expected = [3 / 16, *[1 / 8] * 5, 3 / 16]
    for start, share in enumerate(expected):
        assert abs(found[start] / 4000 - share) < 5 * (share / 4000) ** 0.5


@pytest.mark.parametrize(
    ("corner", "entering"),
    [
        (0, [(0, 0, 0), (0, 0, 1), (0, 1, 0)]),
        (1, [(1, 0, 0), (1, 0, 1), (1, 1, 0)]),  # the last slice first
        (2, [(0, 1, 0), (0, 1, 1), (0, 0, 0)]),  # the last row first
        (4, [(0, 0, 1), (0, 0, 0), (0, 1, 1)]),  # the last column first
        (7, [(1, 1, 1), (1, 1, 0), (1, 0, 1)]),
    ],
)
def test_a_cuboid_that_is_cut_enters_from_a_corner(corner, entering):
    hidden = np.zeros((4, 4, 4), dtype=bool)
    cuboid = (slice(1, 3), slice(2, 4), slice(0, 2))
    assert cover(hidden, cuboid, 3, corner) == 3
    assert {tuple(token) for token in np.argwhere(hidden) - (1, 2, 0)} == set(entering)


def test_hidden_tokens_do_not_count_again():
    hidden = np.zeros((1, 2, 4), dtype=bool)
    hidden[0, 0] = True
    assert cover(hidden, (slice(0, 1), slice(0, 2), slice(0, 2)), 5, 0) == 2
    assert hidden.tolist() == [[[True] * 4, [True, True, False, False]]]


@pytest.mark.parametrize("grid", [TokenGrid(2, 4, 4), TokenGrid(1, 1, 8), TokenGrid(3, 5, 7)])
@pytest.mark.parametrize("share", [1e-6, 0.3, 1.0])
def test_every_count_is_reached_exactly(grid, share):
    sizes = CuboidSizes((share, share), (0.3, 3.0), (share, share))
    for num_hidden in {*range(0, grid.num_tokens, 7), grid.num_tokens}:
        for num_anywhere in (0, 3):
            hidden = hide_cuboids(grid, sizes, num_hidden, chance(num_hidden), num_anywhere)
            assert hidden.sum() == num_hidden


def test_the_first_ones_lie_anywhere():
    # Of two tokens each cuboid of one lies on the first with 1/2; one laid over a visible token ends it.
    sizes, grid = CuboidSizes((0.5, 0.5), (1.0, 1.0)), TokenGrid(1, 1, 2)
    used = []
    for num_anywhere in (0, 100):
        numbers = []
        for seed in range(200):
            generator = chance(seed)
            hide_cuboids(grid, sizes, 2, generator, num_anywhere)
            fresh = chance(seed)
            draws = 0
            while not torch.equal(fresh.get_state(), generator.get_state()):
                torch.rand(8, generator=fresh, dtype=torch.float64)
                draws += 1
            numbers.append(draws)
        used.append(numbers)
    assert set(used[0]) == {2}
    assert sum(used[1]) / 200 == pytest.approx(3, abs=0.5)  # 1 and a geometric number of mean 2
