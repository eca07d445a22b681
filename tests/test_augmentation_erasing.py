"""Boxes and what fills them; the laws that all augmentations obey are in test_augmentation_base."""

import math
import random

import pytest
import torch
from timm.data.random_erasing import RandomErasing as TimmErasing

from vidmask.data.augmentation import RandomErasing
from vidmask.data.augmentation.base import uniform
from vidmask.randomness import generator


def box_of(erasing: RandomErasing, seed: int, rows: int, columns: int) -> tuple[int, int, int, int]:
    chance = generator(seed, "erasing")
    uniform(chance)
    box = erasing.draw_box(rows, columns, chance)
    assert box is not None
    return box


@pytest.mark.parametrize("mode", ["pixel", "const", "rand"])
def test_the_box_and_nothing_else_is_erased_in_every_frame(mode) -> None:
    erasing, seeds = RandomErasing(1.0, mode=mode, mean=0.4), list(range(20))
    # No value of a filling is 2.
    clips = torch.full((20, 3, 4, 30, 40), 2.0)
    changed = erasing(clips, seeds)
    for row, seed in enumerate(seeds):
        top, left, rows, columns = box_of(erasing, seed, 30, 40)
        inside = torch.zeros(30, 40, dtype=torch.bool)
        inside[top : top + rows, left : left + columns] = True
        assert torch.equal(changed[row] != 2, inside.expand(3, 4, 30, 40))
        filling = changed[row][..., inside]
        if mode == "const":
            assert (filling == 0.4).all()
        elif mode == "rand":
            assert torch.equal(filling, filling[:, :1, :1].expand_as(filling))
            assert filling[:, 0, 0].unique().numel() == 3
        else:
            assert filling[:, 0].unique().numel() > 0.9 * filling[:, 0].numel()


def test_noise_is_drawn_for_a_clip_or_for_each_frame() -> None:
    clips = torch.full((1, 3, 4, 30, 30), 2.0)
    for mode in ("pixel", "rand"):
        once = RandomErasing(1.0, mode=mode)(clips, [3])
        assert torch.equal(once, once[:, :, :1].expand_as(once))
        anew = RandomErasing(1.0, mode=mode, noise="frame")(clips, [3])
        assert torch.equal(anew != 2, once != 2)
        assert all(not torch.equal(anew[:, :, time], anew[:, :, time - 1]) for time in range(1, 4))


def test_noise_has_the_mean_and_the_deviation_asked_for() -> None:
    erasing = RandomErasing(1.0, scale=(0.5, 0.5), ratio=(1.0, 1.0), mean=0.45, std=0.1)
    changed = erasing(torch.full((20, 3, 1, 60, 60), 2.0), list(range(20)))
    noise = changed[changed != 2]
    assert noise.mean() == pytest.approx(0.45, abs=0.002)
    assert noise.std() == pytest.approx(0.1, abs=0.002)


def test_boxes_spread_evenly_over_area_aspect_and_place() -> None:
    erasing = RandomErasing(scale=(0.1, 0.3), ratio=(0.5, 2.0))
    boxes = [box_of(erasing, seed, 200, 200) for seed in range(2000)]
    areas = torch.tensor([rows * columns / 200**2 for _, _, rows, columns in boxes])
    logs = torch.tensor([math.log(columns / rows) for _, _, rows, columns in boxes])
    assert 0.098 < areas.min() < 0.103
    assert 0.297 < areas.max() < 0.302
    assert areas.mean() == pytest.approx(0.2, abs=0.006)
    assert logs.abs().max() == pytest.approx(math.log(2), abs=0.03)
    assert logs.mean() == pytest.approx(0, abs=0.04)
    # The variance of a uniform draw of that width.
    assert logs.var() == pytest.approx((2 * math.log(2)) ** 2 / 12, rel=0.1)
    for place, side in ((0, 2), (1, 3)):
        shares = torch.tensor([box[place] / (200 - box[side]) for box in boxes])
        assert shares.min() == pytest.approx(0, abs=0.01)
        assert shares.max() == pytest.approx(1, abs=0.01)
        assert shares.mean() == pytest.approx(0.5, abs=0.03)


def test_a_box_may_touch_every_edge() -> None:
    erasing = RandomErasing(scale=(0.25, 0.25), ratio=(1.0, 1.0))
    boxes = [box_of(erasing, seed, 6, 8) for seed in range(300)]
    assert {(rows, columns) for _, _, rows, columns in boxes} == {(3, 3)}
    assert {top for top, *_ in boxes} == {0, 1, 2, 3}
    assert {left for _, left, *_ in boxes} == {0, 1, 2, 3, 4, 5}


def test_columns_stand_over_rows_in_the_ratio() -> None:
    _, _, rows, columns = box_of(RandomErasing(scale=(0.1, 0.1), ratio=(2.5, 2.5)), 0, 100, 100)
    assert (rows, columns) == (20, 50)


def test_erased_shares_are_distributed_as_timms() -> None:
    random.seed(0)
    theirs = TimmErasing(probability=1.0, mode="const", device="cpu")
    shares = [(theirs(torch.ones(3, 50, 50)) == 0).float().mean().item() for _ in range(1500)]
    ours = RandomErasing(1.0, mode="const", mean=0.0)
    erased = ours(torch.ones(1500, 3, 1, 50, 50), list(range(1500))) == 0
    expected = torch.tensor(shares).quantile(torch.tensor([0.1, 0.5, 0.9]))
    actual = erased.float().mean((1, 2, 3, 4)).quantile(torch.tensor([0.1, 0.5, 0.9]))
    torch.testing.assert_close(actual, expected, atol=0.015, rtol=0)


def test_the_share_of_clips_is_the_probability() -> None:
    clips = torch.ones(1000, 3, 1, 10, 10)
    changed = (RandomErasing(mode="const")(clips, list(range(1000))) != 1).flatten(1).any(1)
    assert changed.float().mean() == pytest.approx(0.25, abs=0.055)


@pytest.mark.parametrize("ratio", [3.0, 1 / 3])
def test_a_box_that_never_fits_erases_nothing(ratio: float) -> None:
    erasing = RandomErasing(1.0, scale=(0.9, 0.9), ratio=(ratio, ratio))
    clips = torch.rand(3, 3, 1, 20, 20)
    assert torch.equal(erasing(clips, [0, 1, 2]), clips)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"scale": (0.0, 0.5)}, r"scale must be two ascending numbers in \(0, 1\], got \(0.0, 0.5\)"),
        ({"scale": (0.5, 1.5)}, r"scale must be two ascending numbers in \(0, 1\]"),
        ({"ratio": (2.0, 1.0)}, r"ratio must be two ascending positive numbers, got \(2.0, 1.0\)"),
        ({"mean": 1.5}, r"mean must be in \[0, 1\], got 1.5"),
        ({"std": -1.0}, "std must be at least 0, got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(setting, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RandomErasing(**setting)


@pytest.mark.parametrize("name", ["mode", "noise"])
def test_other_words_are_refused_outside_the_tests_too(name: str) -> None:
    # The checks of types, which only the tests have, would refuse them first.
    initialise = RandomErasing.__init__.__wrapped__
    with pytest.raises(ValueError, match=rf"{name} must be one of .*, got 'cube'"):
        initialise(object.__new__(RandomErasing), **{name: "cube"})
