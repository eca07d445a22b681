import math

import numpy as np
import pytest
from scipy import stats

from vidmask.results.student import spread


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_is_scipys(n, level):
    values = np.random.default_rng(n).normal(0.5, 0.1, n)
    found = spread(list(values), level)
    low, high = stats.t.interval(level, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert found == pytest.approx((n, values.mean(), values.std(ddof=1), low, high), rel=1e-12)


def test_of_three_numbers_by_hand():
    # t with 2 degrees of freedom is 4.30265; std 1, so half the width is 4.30265 / √3.
    assert spread([1.0, 2.0, 3.0], 0.95) == pytest.approx((3, 2, 1, 2 - 2.48414, 2 + 2.48414), abs=1e-5)


def test_an_interval_holds_the_mean_as_often_as_it_says():
    chance = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        _, _, _, low, high = spread(list(chance.normal(0.7, 0.2, 3)), 0.9)
        held += low < 0.7 < high
    assert 0.88 < held / 2000 < 0.92


def test_one_number_has_no_interval_and_none_has_nothing():
    n, mean, *rest = spread([0.4], 0.95)
    assert (n, mean) == (1, 0.4)
    assert all(map(math.isnan, rest))
    n, *rest = spread([], 0.95)
    assert n == 0
    assert all(map(math.isnan, rest))


def test_a_number_that_is_not_known_is_not_left_out():
    n, *rest = spread([0.4, math.nan, 0.5], 0.95)
    assert n == 3
    assert all(map(math.isnan, rest))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_outside_is_refused(level):
    with pytest.raises(ValueError, match=f"level must lie between 0 and 1, got {level}"):
        spread([1.0, 2.0], level)
