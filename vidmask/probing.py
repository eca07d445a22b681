"""Read-outs of frozen features: what an encoder knows, measured without training it any further.

Every function takes features that somebody else computed, ``[b d]``, and is a plain function of them:
the same features give the same number. The fits run on the host, because they are small, and in
float64, so that "converged" means the optimum and not the end of the budget.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

# Penalties tried by `linear_probe`, strongest first. With standardised features and the mean loss, the
# strongest leaves little more than class means and the weakest nearly interpolates 1,000 clips with 400
# features; the useful range lies between.
L2_CHOICES = (1.0, 0.1, 0.01, 0.001)


def mean_pool(tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b d"]:
    """Average the tokens of each clip."""
    return tokens.mean(dim=1)


def mean_std_max_pool(tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b 3*d"]:
    """Join mean, standard deviation and maximum over the tokens of each clip, in that order.

    Random features are already strong under maximum pooling, so that this pooling shows what is known
    of a clip beyond its average token. The standard deviation is that of the tokens themselves
    (divided by n).
    """
    return torch.cat([tokens.mean(dim=1), tokens.std(dim=1, correction=0), tokens.amax(dim=1)], dim=1)


def frame_differences(clips: Float[Tensor, "b 3 t h w"], size: int = 16) -> Float[Tensor, "b d"]:
    """Return differences of successive frames at ``size`` pixels a side: motion without an encoder.

    Neighbours in these tell motion well in simple scenes: a line to print beside a probe of motion.
    """
    frames = clips.transpose(1, 2)
    size = min(size, clips.shape[-1])
    small = functional.interpolate(frames.flatten(0, 1), size=(size, size), mode="area")
    return small.unflatten(0, frames.shape[:2]).diff(dim=1).flatten(1)


def standardise(train: Float[Tensor, "b d"], *others: Float[Tensor, "_ d"]) -> tuple[Tensor, ...]:
    """Shift and scale every feature to mean 0 and standard deviation 1 over the training features.

    Args:
        train: Features whose statistics are used.
        *others: Further features, scaled with the statistics of ``train``.

    Returns:
        All of them in the order given. A feature that is constant over ``train`` is only shifted.
    """
    mean = train.mean(dim=0)
    scale = train.std(dim=0, correction=0)
    # The deviation of a constant feature is rounding noise; dividing by it would make that noise loud.
    constant = scale <= 10 * torch.finfo(train.dtype).eps * train.abs().amax(dim=0)
    scale = scale.masked_fill(constant, 1.0)
    return tuple((features - mean) / scale for features in (train, *others))


def linear_probe(
    train_features: Float[Tensor, "b d"],
    train_labels: Int[Tensor, " b"],
    test_features: Float[Tensor, "q d"],
    test_labels: Int[Tensor, " q"],
    *,
    num_classes: int,
    l2: float | None = None,
) -> float:
    """Fit a linear classifier to the training features and return its accuracy on the test features.

    Multinomial logistic regression (the linear evaluation protocol, Zhang et al. 2016,
    https://arxiv.org/abs/1603.08511, solved to its optimum in place of a tuned SGD schedule). Features
    should be standardised: the penalty treats all alike.

    Args:
        train_features: Features that the classifier is fitted to.
        train_labels: Class of each.
        test_features: Features that it is scored on.
        test_labels: Class of each.
        num_classes: Number of classes.
        l2: Strength of the penalty ``l2 / 2 · ‖weight‖²`` beside the mean cross-entropy. None takes the
            one of ``L2_CHOICES`` with the lowest cross-entropy on a held-out fifth of the *training*
            features, then fits to all of them. The test features take no part in the choice.

    Raises:
        ValueError: If a label lies outside ``0 … num_classes - 1`` or a feature is not finite.
    """
    return fit_linear_probe(train_features, train_labels, num_classes, l2).accuracy(
        test_features, test_labels
    )


class LinearProbe(NamedTuple):
    """A fitted linear classifier of features.

    Attributes:
        weight: One row a class.
        bias: One number a class.
    """

    weight: Float[Tensor, "c d"]
    bias: Float[Tensor, " c"]

    def logits(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b c"]:
        """Return a number for each class, of which softmax makes probabilities."""
        return _on_host(features) @ self.weight.T + self.bias

    def accuracy(self, features: Float[Tensor, "b d"], labels: Int[Tensor, " b"]) -> float:
        """Return the share of the features that are given their label."""
        labels = _labels_on_host(labels, len(self.bias))
        return (self.logits(features).argmax(dim=1) == labels).double().mean().item()


def fit_linear_probe(
    features: Float[Tensor, "b d"], labels: Int[Tensor, " b"], num_classes: int, l2: float | None = None
) -> LinearProbe:
    """Fit the classifier of ``linear_probe`` once, to be scored on several splits."""
    if l2 is None:
        l2 = choose_l2(features, labels, num_classes)
    features, labels = _on_host(features), _labels_on_host(labels, num_classes)
    return LinearProbe(*fit_logistic_regression(features, labels, num_classes, l2))


def choose_l2(
    features: Float[Tensor, "b d"],
    labels: Int[Tensor, " b"],
    num_classes: int,
    video: Int[Tensor, " b"] | None = None,
) -> float:
    """Return the penalty of ``L2_CHOICES`` with the lowest cross-entropy on a held-out fifth of the features.

    Args:
        features: Training features.
        labels: Class of each.
        num_classes: Number of classes.
        video: Of which video each is: a fifth of the videos is held out, with all their features. Each
            feature counts as one if None.
    """
    features, labels = _on_host(features), _labels_on_host(labels, num_classes)
    held = held_out(torch.arange(len(features)) if video is None else video)
    losses = []
    for l2 in L2_CHOICES:
        weight, bias = fit_logistic_regression(features[~held], labels[~held], num_classes, l2)
        losses.append(functional.cross_entropy(features[held] @ weight.T + bias, labels[held]).item())
    return L2_CHOICES[losses.index(min(losses))]


def held_out(video: Int[Tensor, " b"], seed: int = 0) -> Bool[Tensor, " b"]:
    """Tell of each feature whether it is of the fifth of the videos that choices are made on."""
    videos = video.cpu().unique()
    # A permutation with a seed of its own: labels may follow each other in a period that a stride would hit.
    order = torch.randperm(len(videos), generator=torch.Generator().manual_seed(seed))
    return torch.isin(video.cpu(), videos[order[: max(1, len(order) // 5)]])


def fit_logistic_regression(
    features: Float[Tensor, "b d"], labels: Int[Tensor, " b"], num_classes: int, l2: float
) -> tuple[Float[Tensor, "c d"], Float[Tensor, " c"]]:
    """Minimise mean cross-entropy + ``l2 / 2 · ‖weight‖²`` by full-batch L-BFGS, started at zero.

    The penalty makes the problem strictly convex in the weights, so that the answer depends on nothing
    but the data. The bias is not penalised.

    Returns:
        Weight and bias, in the element type of ``features``.

    Raises:
        ValueError: If ``l2`` is not positive: without a penalty separable classes have no optimum.
    """
    if not l2 > 0:
        raise ValueError(f"l2 must be positive, got {l2}")
    # Callbacks call this where Lightning has switched gradients off, or even entered inference mode,
    # whose tensors never take part in autograd: hence the copy made outside it.
    with torch.inference_mode(mode=False), torch.enable_grad():
        features, labels = features.detach().clone(), labels.clone()
        weight = features.new_zeros(num_classes, features.shape[1]).requires_grad_()
        bias = features.new_zeros(num_classes).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [weight, bias],
            max_iter=1000,
            tolerance_grad=1e-6,
            tolerance_change=1e-12,
            history_size=20,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = (
                functional.cross_entropy(features @ weight.T + bias, labels)
                + 0.5 * l2 * weight.square().sum()
            )
            loss.backward()
            return loss

        optimizer.step(closure)
    return weight.detach(), bias.detach()


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
    train = functional.normalize(_on_host(train_features), dim=1)
    queries, train_labels = functional.normalize(_on_host(features), dim=1), train_labels.cpu().long()
    parts = []
    # Blocks of 1,024 bound the similarity matrix whatever the number of queries.
    for block in queries.split(1024):
        similarity, neighbours = (block @ train.T).topk(num_neighbours, dim=1)
        # Subtracting the largest similarity scales all votes of a query alike and keeps exp() in range.
        weights = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = weights.new_zeros(len(block), num_classes).scatter_add_(1, train_labels[neighbours], weights)
        parts.append(votes / weights.sum(dim=1, keepdim=True))
    return torch.cat(parts)


def rankme(features: Float[Tensor, "b d"]) -> float:
    """Return the effective rank of the features: exp of the entropy of their normalised singular values.

    RankMe (Garrido et al. 2023, https://arxiv.org/abs/2210.02885, eq. 1-2), a label-free sign of collapse:
    1 where all features lie on one line through the origin, ``min(b, d)`` where all directions are used
    alike. The features are taken as they are, neither centred nor scaled, as in the paper.

    Deviation: zero singular values add nothing to the entropy, where the paper adds 1e-7 to each for
    numerical stability; in float64 that is not needed.

    Raises:
        ValueError: If all features are zero, or one is not finite.
    """
    singular_values = torch.linalg.svdvals(_on_host(features))
    if singular_values.sum() == 0:
        raise ValueError("RankMe is not defined for features that are all zero")
    shares = singular_values / singular_values.sum()
    return torch.special.entr(shares).sum().exp().item()


def _labels_on_host(labels: Int[Tensor, " b"], num_classes: int) -> Int[Tensor, " b"]:
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels must lie between 0 and {num_classes - 1} (num_classes={num_classes}), "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
    return labels.cpu().long()


def _on_host(features: Tensor) -> Tensor:
    if not features.isfinite().all():
        raise ValueError("the features hold values that are not finite: the encoder has diverged")
    return features.detach().to("cpu", torch.float64)
