"""How many processes decode, and what a loader is told of them."""

import pytest

from vidmask.data.workers import num_workers_of, worker_options


@pytest.mark.parametrize(
    ("there", "ranks", "expected"), [(1, 1, 0), (2, 1, 0), (6, 1, 4), (64, 1, 8), (16, 4, 2), (4, 4, 0)]
)
def test_workers_are_the_processors_that_training_leaves(monkeypatch, there, ranks, expected):
    monkeypatch.setattr("vidmask.data.workers.processors", lambda: there)
    assert num_workers_of(ranks) == expected


@pytest.mark.parametrize("accelerator", [False, True])
def test_a_loader_is_told_what_it_accepts(monkeypatch, accelerator):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: accelerator)
    assert worker_options(0, 4, pin=True, persistent=True) == {"num_workers": 0, "pin_memory": accelerator}
    assert worker_options(3, 2, pin=False, persistent=True) == {
        "num_workers": 3,
        "pin_memory": False,
        "prefetch_factor": 2,
        "persistent_workers": True,
    }
