"""The vote of the nearest neighbours."""

import math

import pytest
import torch

from vidmask.probing.neighbours import knn, knn_votes


def _noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_knn_weighs_a_near_neighbour_above_two_far_ones():
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    labels = torch.tensor([0, 1, 1])
    query = torch.tensor([[2.0, 1.0]])  # similarities 0.894, 0.447, 0.447
    # exp(0.894 / T) against 2 exp(0.447 / T): the two far ones win where T > 0.447 / ln 2 = 0.645.
    for temperature, winner in ((0.07, 0), (0.6, 0), (0.7, 1)):
        answer = torch.tensor([winner])
        assert knn(train, labels, query, answer, num_neighbours=3, temperature=temperature) == 1.0


def test_knn_looks_no_further_than_its_neighbours():
    train = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.9, 0.1]])
    labels = torch.tensor([0, 1, 1])
    query, answer = torch.tensor([[3.0, 0.0]]), torch.tensor([0])
    assert knn(train, labels, query, answer, num_neighbours=1, temperature=1.0) == 1.0
    assert knn(train, labels, query, answer, num_neighbours=3, temperature=1.0) == 0.0


def test_knn_ignores_the_length_of_features():
    train, test = _noise(60, 8), _noise(40, 8, seed=1)
    labels, answers = torch.arange(60) % 3, torch.arange(40) % 3
    lengths = torch.rand(60, 1, generator=torch.Generator().manual_seed(2)) + 0.1
    assert knn(train, labels, test, answers) == knn(train * lengths, labels, test * 7, answers)


def test_knn_refuses_more_neighbours_than_features():
    with pytest.raises(ValueError, match=r"num_neighbours=20 .* got 3"):
        knn(_noise(3, 2), torch.arange(3), _noise(1, 2), torch.zeros(1, dtype=torch.long))


def test_votes_are_the_shares_of_the_neighbours_weights():
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    votes = knn_votes(
        train,
        torch.tensor([0, 2, 1]),
        torch.tensor([[3.0, 0.0]]),
        num_classes=4,
        num_neighbours=2,
        temperature=0.5,
    )
    # Cosines 1 and 0, so weights e² and 1; the third is no neighbour.
    near, far = math.exp(2.0), 1.0
    expected = torch.tensor([[near / (near + far), 0.0, far / (near + far), 0.0]], dtype=torch.float64)
    torch.testing.assert_close(votes, expected)
