"""The linear probe: logistic regression on frozen features.

It is fitted on the host, because it is small, and in float64, so that "converged" means the optimum and not
the end of the budget.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vidmask.probing.inputs import held_out, on_host

# Penalties tried by `linear_probe`, strongest first. With standardised features and the mean loss, the
# strongest leaves little more than class means and the weakest nearly interpolates 1,000 clips with 400
# features; the useful range lies between.
L2_CHOICES = (1.0, 0.1, 0.01, 0.001)


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
        return on_host(features) @ self.weight.T + self.bias

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
    features, labels = on_host(features), _labels_on_host(labels, num_classes)
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
    features, labels = on_host(features), _labels_on_host(labels, num_classes)
    held = held_out(torch.arange(len(features)) if video is None else video)
    losses = []
    for l2 in L2_CHOICES:
        weight, bias = fit_logistic_regression(features[~held], labels[~held], num_classes, l2)
        losses.append(functional.cross_entropy(features[held] @ weight.T + bias, labels[held]).item())
    return L2_CHOICES[losses.index(min(losses))]


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


def _labels_on_host(labels: Int[Tensor, " b"], num_classes: int) -> Int[Tensor, " b"]:
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels must lie between 0 and {num_classes - 1} (num_classes={num_classes}), "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
    return labels.cpu().long()
