"""Chance has one source."""

import torch

from vidmask.randomness import generator, sample_seed, step_seed


def test_seeds_are_the_same_on_every_machine() -> None:
    assert sample_seed(0, 0, 0, 0) == 5809880761037817570
    assert step_seed(0, 0, 0, 0) != sample_seed(0, 0, 0, 0)


def test_each_part_of_the_key_changes_the_seed() -> None:
    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert len({sample_seed(*key) for key in keys}) == len(keys)
    assert len({step_seed(*key) for key in keys}) == len(keys)


def test_choices_of_one_sample_are_independent_and_repeatable() -> None:
    first, again, other = (torch.rand(4, generator=generator(7, choice)) for choice in ("box", "box", "flip"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_seeds_are_63_bits() -> None:
    assert all(0 <= sample_seed(0, 0, i) < 2**63 for i in range(100))
