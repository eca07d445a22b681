"""The vote of the nearest neighbours among frozen features."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vidmask.probing.inputs import on_host


def knn(
    train_features: Float[Tensor, "b d"],
    train_labels: Int[Tensor, " b"],
    test_features: Float[Tensor, "q d"],
    test_labels: Int[Tensor, " q"],
    *,
    num_neighbours: int = 20,
    temperature: float = 0.07,
) -> float:
    """Return the accuracy of a weighted vote of the nearest training features.

    Neighbours by cosine similarity s, each voting with weight ``exp(s / temperature)``: the protocol of
    Wu et al. 2018 (https://arxiv.org/abs/1805.01978, §3.4) with the 20 neighbours of DINO (Caron et al.
    2021, https://arxiv.org/abs/2104.14294, §4.1).

    Raises:
        ValueError: If there are fewer training features than neighbours, or a feature is not finite.
    """
    votes = knn_votes(
        train_features,
        train_labels,
        test_features,
        num_classes=int(train_labels.max()) + 1,
        num_neighbours=num_neighbours,
        temperature=temperature,
    )
    return int((votes.argmax(dim=1) == test_labels.cpu().long()).sum()) / len(votes)


def knn_votes(
    train_features: Float[Tensor, "b d"],
    train_labels: Int[Tensor, " b"],
    features: Float[Tensor, "q d"],
    *,
    num_classes: int,
    num_neighbours: int = 20,
    temperature: float = 0.07,
) -> Float[Tensor, "q c"]:
    """Return the share of each class in the vote of ``knn``, which sums to 1.

    Raises:
        ValueError: If there are fewer training features than neighbours, or a feature is not finite.
    """
    if num_neighbours > len(train_features):
        raise ValueError(
            f"num_neighbours={num_neighbours} needs that many training features, got {len(train_features)}"
        )
    train = functional.normalize(on_host(train_features), dim=1)
    queries, train_labels = functional.normalize(on_host(features), dim=1), train_labels.cpu().long()
    parts = []
    # Blocks of 1,024 bound the similarity matrix whatever the number of queries.
    for block in queries.split(1024):
        similarity, neighbours = (block @ train.T).topk(num_neighbours, dim=1)
        # Subtracting the largest similarity scales all votes of a query alike and keeps exp() in range.
        weights = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = weights.new_zeros(len(block), num_classes).scatter_add_(1, train_labels[neighbours], weights)
        parts.append(votes / weights.sum(dim=1, keepdim=True))
    return torch.cat(parts)
