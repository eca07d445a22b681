"""Logistic regression on features."""

import math

import pytest
import torch
from torch.nn import functional

from vidmask.probing.inputs import standardise
from vidmask.probing.linear import (
    L2_CHOICES,
    choose_l2,
    fit_linear_probe,
    fit_logistic_regression,
    linear_probe,
)


def _noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_logistic_regression_ends_where_the_gradient_is_zero():
    features, labels, l2 = _noise(60, 5).double(), torch.arange(60) % 3, 0.05
    weight, bias = fit_logistic_regression(features, labels, 3, l2)
    # The gradient by hand: features' weighted by (probability - one-hot), plus the penalty's.
    excess = (features @ weight.T + bias).softmax(dim=1) - functional.one_hot(labels, 3)
    gradient = excess.T @ features / 60 + l2 * weight
    torch.testing.assert_close(gradient, torch.zeros(3, 5).double(), atol=2e-6, rtol=0)
    torch.testing.assert_close(excess.mean(dim=0), torch.zeros(3).double(), atol=2e-6, rtol=0)


@pytest.mark.parametrize("l2", [1.0, 0.001])
def test_logistic_regression_converges_on_correlated_features(l2):
    mixed = _noise(400, 10) @ _noise(10, 60, seed=1) + 0.01 * _noise(400, 60, seed=2)
    (features,) = standardise(mixed.double())
    labels = torch.arange(400) % 8
    weight, bias = fit_logistic_regression(features, labels, 8, l2)
    excess = (features @ weight.T + bias).softmax(dim=1) - functional.one_hot(labels, 8)
    assert (excess.T @ features / 400 + l2 * weight).abs().max() < 5e-6


def test_logistic_regression_refuses_a_penalty_that_is_not_positive():
    with pytest.raises(ValueError, match="l2 must be positive, got 0"):
        fit_logistic_regression(_noise(4, 2), torch.arange(4) % 2, 2, 0.0)


def test_linear_probe_solves_separable_classes():
    labels = torch.arange(90) % 3
    centres = 10 * torch.tensor([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.8]])
    train, test = standardise(centres[labels] + _noise(90, 2), centres[labels] + _noise(90, 2, seed=1))
    assert linear_probe(train, labels, test, labels, num_classes=3) == 1.0


def test_linear_probe_is_at_chance_on_random_labels():
    train, test = standardise(_noise(800, 20), _noise(2000, 20, seed=1))
    accuracy = linear_probe(train, torch.arange(800) % 8, test, torch.arange(2000) % 8, num_classes=8)
    # Four standard errors of 2,000 draws at 1/8.
    assert abs(accuracy - 1 / 8) < 4 * math.sqrt(1 / 8 * 7 / 8 / 2000)


def test_linear_probe_counts_the_share_of_right_answers():
    train, labels = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
    test, answers = torch.tensor([[-2.0], [-0.5], [0.5], [3.0]]), torch.tensor([0, 1, 1, 1])
    assert linear_probe(train, labels, test, answers, num_classes=2, l2=0.1) == 0.75


def test_linear_probe_penalises_features_of_pure_noise():
    # 8 informative features among 392 of noise, 1,024 clips: a weak penalty fits the noise.
    labels = torch.arange(1024) % 8
    signal = 2 * functional.one_hot(labels, 8)
    train = torch.cat([signal + _noise(1024, 8), _noise(1024, 392, seed=1)], dim=1)
    test = torch.cat([signal + _noise(1024, 8, seed=2), _noise(1024, 392, seed=3)], dim=1)
    train, test = standardise(train, test)
    chosen = linear_probe(train, labels, test, labels, num_classes=8)
    weakest = linear_probe(train, labels, test, labels, num_classes=8, l2=0.001)
    assert chosen > weakest + 0.02


def test_linear_probe_gives_the_same_number_twice():
    train, test = _noise(200, 30), _noise(300, 30, seed=1)
    arguments = (train, torch.arange(200) % 4, test, torch.arange(300) % 4)
    assert linear_probe(*arguments, num_classes=4) == linear_probe(*arguments, num_classes=4)


def test_linear_probe_works_in_inference_mode():
    labels = torch.tensor([0, 1])
    with torch.inference_mode():
        features = torch.tensor([[-1.0], [1.0]])
        assert linear_probe(features, labels, features, labels, num_classes=2) == 1.0


def test_linear_probe_refuses_labels_outside_the_classes():
    features = _noise(4, 2)
    with pytest.raises(ValueError, match=r"between 0 and 1 .* got 0 to 3"):
        linear_probe(features, torch.arange(4), features, torch.zeros(4, dtype=torch.long), num_classes=2)


def test_the_penalty_is_chosen_on_videos_that_were_not_fitted_to():
    # Labels of chance, so that nothing can be learned: but of each clip there are copies, which a part of the
    # features leaves among those that are fitted to, and a part of the videos does not.
    features, labels = _noise(40, 30).repeat(5, 1), (torch.arange(40) % 2).repeat(5)
    assert choose_l2(features, labels, 2) == min(L2_CHOICES)
    assert choose_l2(features, labels, 2, torch.arange(40).repeat(5)) > min(L2_CHOICES)


def test_logits_are_those_that_the_accuracy_is_of():
    features, labels = _noise(30, 4), torch.arange(30) % 3
    probe = fit_linear_probe(features, labels, 3, 0.1)
    logits = probe.logits(features)
    torch.testing.assert_close(logits, features.double() @ probe.weight.T + probe.bias)
    assert (logits.argmax(dim=1) == labels).double().mean().item() == probe.accuracy(features, labels)
