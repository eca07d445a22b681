"""Parting tokens into visible and masked ones."""

import torch

from vidmask.masking.splitting import in_every_slice, mask_on, split_at_random, split_by_flag, split_by_rank
from vidmask.tokens import TokenGrid


def test_the_lowest_scores_are_visible_and_indices_ascend():
    visible, masked = split_by_rank(torch.tensor([[0.9, 0.2, 0.8, 0.1], [0.0, 3.0, 2.0, 1.0]]), 2)
    assert visible.tolist() == [[1, 3], [0, 3]]
    assert masked.tolist() == [[0, 2], [1, 2]]


def test_flags_become_indices():
    visible, masked = split_by_flag(torch.tensor([[True, False, True, False], [False, True, True, False]]), 2)
    assert visible.tolist() == [[1, 3], [0, 3]]
    assert masked.tolist() == [[0, 2], [1, 2]]


def test_a_row_is_drawn_from_its_own_generator():
    visible, masked = split_at_random(50, 20, [torch.Generator().manual_seed(seed) for seed in (1, 2, 1)])
    assert visible.shape == (3, 20)
    assert masked.shape == (3, 30)
    assert torch.equal(visible[0], visible[2])
    assert not torch.equal(visible[0], visible[1])


def test_places_are_repeated_in_every_slice():
    places = torch.tensor([[0, 5], [1, 2]])
    assert in_every_slice(places, TokenGrid(3, 2, 3)).tolist() == [
        [0, 5, 6, 11, 12, 17],
        [1, 2, 7, 8, 13, 14],
    ]


def test_a_mask_lies_on_the_device():
    mask = mask_on(torch.device("meta"), (torch.zeros(1, 2).long(), torch.zeros(1, 3).long()))
    assert mask.visible.is_meta
    assert mask.masked.is_meta
    assert mask.masked.shape == (1, 3)
