"""Colours against torchvision's, frame by frame; the laws of augmentations are in test_augmentation_base."""

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from vidmask.data.augmentation import ColorJitter, RandomGrayscale
from vidmask.data.augmentation.colour import (
    change_brightness,
    change_contrast,
    change_saturation,
    turn_hue,
)
from vidmask.randomness import generator

CHANGES = {
    "brightness": (change_brightness, functional.adjust_brightness),
    "contrast": (change_contrast, functional.adjust_contrast),
    "saturation": (change_saturation, functional.adjust_saturation),
    "hue": (turn_hue, functional.adjust_hue),
}


def clips_of(count: int) -> Tensor:
    clips = torch.rand(count, 3, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    # Grey, black, white, and two channels alike, which have no hue or lie on the edge of two.
    clips[:, :, 0, 0] = clips[:, :1, 0, 0].clone()
    clips[:, :, 1, 0], clips[:, :, 2, 0] = 0.0, 1.0
    for left, right in ((0, 1), (1, 2), (0, 2)):
        clips[:, left, 1, 1 + left + right] = clips[:, right, 1, 1 + left + right]
    return clips


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_torchvisions_with_a_factor_for_each_clip(name: str) -> None:
    ours, theirs = CHANGES[name]
    factors = [-0.5, -0.2, 0.0, 0.1, 0.5] if name == "hue" else [0.0, 0.3, 1.0, 1.4, 2.5]
    clips = clips_of(len(factors))
    changed = ours(clips, torch.tensor(factors).view(-1, 1, 1, 1, 1))
    for row, factor in enumerate(factors):
        for time in range(3):
            expected = theirs(clips[row, :, time], factor)
            torch.testing.assert_close(changed[row, :, time], expected, atol=1e-6, rtol=0)


def test_a_hue_is_turned_by_hand() -> None:
    red, yellow = torch.tensor([0.8, 0.2, 0.2]), torch.tensor([0.8, 0.8, 0.2])
    green, blue = torch.tensor([0.2, 0.8, 0.2]), torch.tensor([0.2, 0.2, 0.8])
    clips = torch.stack([red, red, red, yellow]).view(4, 3, 1, 1, 1)
    turned = turn_hue(clips, torch.tensor([1 / 6, 1 / 3, -1 / 3, 1 / 6]).view(-1, 1, 1, 1, 1))
    expected = torch.stack([yellow, green, blue, green])
    torch.testing.assert_close(turned.view(4, 3), expected, atol=1e-6, rtol=0)


def test_jitter_is_torchvisions_in_the_order_drawn() -> None:
    jitter, seeds = ColorJitter(0.6, 0.5, 0.7, 0.3, probability=1.0), list(range(30))
    clips = clips_of(len(seeds))
    changed = jitter(clips, seeds)
    orders = set()
    for row, seed in enumerate(seeds):
        chance = generator(seed, "colour")
        torch.rand((), generator=chance)
        order, factors = jitter.draw(chance)
        orders.add(tuple(order))
        for time in range(3):
            frame = clips[row, :, time]
            for number in order:
                frame = list(CHANGES.values())[number][1](frame, factors[number])
            torch.testing.assert_close(changed[row, :, time], frame, atol=3e-6, rtol=0)
    assert len(orders) > 10


def test_factors_spread_over_their_ranges() -> None:
    jitter = ColorJitter(0.6, 0.5, 1.5, 0.3)
    draws = torch.tensor([jitter.draw(generator(seed, "colour"))[1] for seed in range(1000)])
    for column, (low, high) in enumerate([(0.4, 1.6), (0.5, 1.5), (0.0, 2.5), (-0.3, 0.3)]):
        values = draws[:, column]
        assert low <= values.min() < low + 0.02
        assert high - 0.02 < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.1 * (high - low))


@pytest.mark.parametrize("name", CHANGES)
def test_a_strength_of_0_leaves_its_property(name: str) -> None:
    clips = clips_of(4)
    only = dict.fromkeys(CHANGES, 0.0) | {name: 0.5}
    assert torch.equal(ColorJitter(0.0, 0.0, 0.0, 0.0, 1.0)(clips, [1, 2, 3, 4]), clips)
    jitter = ColorJitter(**only, probability=1.0)
    changed = jitter(clips, [1, 2, 3, 4])
    assert not torch.equal(changed, clips)
    chance = generator(1, "colour")
    torch.rand((), generator=chance)
    factor = jitter.draw(chance)[1][list(CHANGES).index(name)]
    expected = CHANGES[name][1](clips[0].transpose(0, 1), factor).transpose(0, 1)
    torch.testing.assert_close(changed[0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"brightness": -0.1}, "brightness must be at least 0, got -0.1"),
        ({"contrast": -1.0}, "contrast must be at least 0, got -1.0"),
        ({"saturation": float("inf")}, "saturation must be at least 0, got inf"),
        ({"hue": 0.7}, r"hue must be in \[0, 0.5\], got 0.7"),
    ],
)
def test_strengths_out_of_range_are_refused(setting: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ColorJitter(**setting)


def test_grey_clips_are_torchvisions_and_have_one_value_a_pixel() -> None:
    clips = clips_of(2)
    grey = RandomGrayscale(1.0)(clips, [1, 2])
    for row in range(2):
        for time in range(3):
            expected = functional.rgb_to_grayscale(clips[row, :, time], 3)
            torch.testing.assert_close(grey[row, :, time], expected, atol=1e-6, rtol=0)
    assert torch.equal(grey[:, 0], grey[:, 2])
