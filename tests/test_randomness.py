"""Chance has one source."""

from types import SimpleNamespace

import pytest
import torch

from vidmask.randomness import generator, sample_seed, seed_step, step_seed


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


def test_a_step_is_seeded_by_the_runs_seed_its_rank_its_epoch_and_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    with torch.random.fork_rng(devices=[]):
        seed_step(SimpleNamespace(global_rank=1, current_epoch=2), 5)
        assert torch.initial_seed() == step_seed(3, 1, 2, 5)
        monkeypatch.delenv("PL_GLOBAL_SEED")
        seed_step(SimpleNamespace(global_rank=1, current_epoch=2), 5)
        assert torch.initial_seed() == step_seed(0, 1, 2, 5)
