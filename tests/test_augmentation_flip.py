"""Mirrored clips; the laws that all augmentations obey are in test_augmentation_base."""

import torch

from vidmask.data.augmentation import RandomFlip
from vidmask.randomness import generator


def test_every_clip_is_mirrored_at_probability_1() -> None:
    clips = torch.rand(2, 3, 2, 4, 5)
    mirrored = RandomFlip(1.0)(clips, [1, 2])
    for column in range(5):
        assert torch.equal(mirrored[..., column], clips[..., 4 - column])


def test_a_clip_is_mirrored_or_left() -> None:
    clips, seeds = torch.rand(200, 3, 1, 2, 8), list(range(200))
    flipped = RandomFlip(0.3)(clips, seeds)
    expected = [float(torch.rand((), generator=generator(seed, "flip"))) < 0.3 for seed in seeds]
    for row, mirror in enumerate(expected):
        assert torch.equal(flipped[row], clips[row].flip(-1) if mirror else clips[row])
    assert 0.2 < sum(expected) / 200 < 0.4
