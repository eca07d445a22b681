"""Blur against torchvision's; the laws that all augmentations obey are in test_augmentation_base."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from vidmask.data.augmentation import GaussianBlur
from vidmask.data.augmentation.base import uniform
from vidmask.randomness import generator


@pytest.mark.parametrize("kernel_size", [1, 5, 11])
def test_a_blur_is_torchvisions_with_a_width_for_each_clip(kernel_size: int) -> None:
    clips, seeds = torch.rand(6, 3, 2, 12, 16), list(range(6))
    blurred = GaussianBlur(kernel_size, (0.3, 2.0), 1.0)(clips, seeds)
    for row, seed in enumerate(seeds):
        chance = generator(seed, "blur")
        uniform(chance)
        sigma = uniform(chance, 0.3, 2.0)
        for time in range(2):
            expected = functional.gaussian_blur(clips[row, :, time], [kernel_size] * 2, [sigma] * 2)
            torch.testing.assert_close(blurred[row, :, time], expected, atol=1e-6, rtol=0)


def test_a_white_clip_stays_white() -> None:
    white = torch.ones(4, 3, 1, 12, 12)
    torch.testing.assert_close(GaussianBlur(probability=1.0)(white, [1, 2, 3, 4]), white, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kernel_size", [0, 4, -3])
def test_a_window_without_a_centre_is_refused(kernel_size: int) -> None:
    with pytest.raises(ValueError, match=f"kernel_size must be an odd number.*got {kernel_size}"):
        GaussianBlur(kernel_size)


@pytest.mark.parametrize("sigma", [(0.0, 1.0), (2.0, 1.0)])
def test_widths_that_are_no_range_are_refused(sigma: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="sigma must be two ascending positive numbers"):
        GaussianBlur(sigma=sigma)


def test_a_window_wider_than_the_mirrored_clip_is_refused() -> None:
    clips = torch.rand(1, 3, 1, 6, 20)
    assert GaussianBlur(11, probability=1.0)(clips, [0]).shape == clips.shape
    with pytest.raises(ValueError, match="kernel_size must be below 12 for clips of 6 px, got 13"):
        GaussianBlur(13, probability=1.0)(clips, [0])
