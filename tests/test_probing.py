import math

import pytest
import torch
from torch.nn import functional

from vidmask.probing import (
    L2_CHOICES,
    choose_l2,
    fit_linear_probe,
    fit_logistic_regression,
    frame_differences,
    held_out,
    knn,
    knn_votes,
    linear_probe,
    mean_pool,
    mean_std_max_pool,
    rankme,
    standardise,
)


def _noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_mean_pool_averages_the_tokens_of_each_clip():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 8.0]]])
    torch.testing.assert_close(mean_pool(tokens), torch.tensor([[2.0, 4.0], [0.0, 4.0]]))


def test_mean_std_max_pool_joins_the_three_in_order():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])
    torch.testing.assert_close(mean_std_max_pool(tokens), torch.tensor([[2.0, 4.0, 1.0, 2.0, 3.0, 6.0]]))


def test_mean_std_max_pool_of_one_token_is_finite():
    pooled = mean_std_max_pool(torch.tensor([[[5.0]]]))
    torch.testing.assert_close(pooled, torch.tensor([[5.0, 0.0, 5.0]]))


def test_frame_differences_are_those_of_the_shrunk_frames():
    clips = torch.zeros(1, 3, 3, 4, 4)
    clips[0, 0, 1, :2, :2] = 1.0  # a red square that is there in the second frame alone
    found = frame_differences(clips, size=2).view(2, 3, 2, 2)
    expected = torch.zeros(2, 3, 2, 2)
    expected[0, 0, 0, 0], expected[1, 0, 0, 0] = 1.0, -1.0
    assert torch.equal(found, expected)


def test_standardise_uses_the_training_statistics_for_all():
    train, test = standardise(torch.tensor([[1.0, 10.0], [3.0, 30.0]]), torch.tensor([[4.0, 0.0]]))
    torch.testing.assert_close(train, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    torch.testing.assert_close(test, torch.tensor([[2.0, -2.0]]))


def test_standardise_only_shifts_a_constant_feature():
    # 0.1 three times has a mean that is not exactly 0.1 in float32.
    train, test = standardise(torch.full((3, 1), 0.1), torch.tensor([[0.6]]))
    torch.testing.assert_close(train, torch.zeros(3, 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(test, torch.tensor([[0.5]]))


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


@pytest.mark.parametrize("read_out", [knn, linear_probe])
def test_read_outs_refuse_features_that_are_not_finite(read_out):
    features = torch.full((4, 2), float("nan"))
    labels = torch.arange(4) % 2
    options = {"num_neighbours": 1} if read_out is knn else {"num_classes": 2}
    with pytest.raises(ValueError, match="not finite"):
        read_out(features, labels, features, labels, **options)


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


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_rankme_of_an_isotropic_matrix_is_its_rank(rank):
    left, _ = torch.linalg.qr(_noise(50, rank))
    right, _ = torch.linalg.qr(_noise(8, rank, seed=1))
    assert rankme(5 * left @ right.T) == pytest.approx(rank, rel=1e-4)


def test_rankme_of_known_singular_values():
    # Shares 3/4 and 1/4: exp(3/4 ln 4/3 + 1/4 ln 4) = 4 / 3^(3/4).
    assert rankme(torch.diag(torch.tensor([3.0, 1.0, 0.0]))) == pytest.approx(4 / 3**0.75, rel=1e-6)


def test_rankme_refuses_features_that_are_all_zero():
    with pytest.raises(ValueError, match="all zero"):
        rankme(torch.zeros(4, 3))


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


def test_a_fifth_of_the_videos_is_held_out_with_all_their_features():
    mixed = torch.randperm(60, generator=torch.Generator().manual_seed(5))
    video = torch.arange(20).repeat_interleave(3)[mixed]
    held = held_out(video)
    assert (int(held.sum()), len(video[held].unique())) == (12, 4)
    assert not torch.equal(video[held].unique(), video[held_out(video, 1)].unique())
    assert torch.equal(held_out(torch.arange(20)), held_out(torch.arange(20)))
    assert int(held_out(torch.tensor([4, 4, 9])).sum()) in (1, 2)


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
