"""Shares of right answers."""

import pytest
import torch

from vidmask.evaluation.accuracy import ClassAccuracy, confusion, mean_class_accuracy, per_class, top_k


def test_top_k_by_hand():
    probabilities = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])
    truth = torch.tensor([2, 2])
    assert top_k(probabilities, truth, 1).tolist() == [False, False]
    assert top_k(probabilities, truth, 2).tolist() == [True, False]
    assert top_k(probabilities, truth, 3).tolist() == [True, True]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_against_a_sort(k):
    # Few different values, so that many are equal.
    probabilities = torch.randint(0, 4, (200, 7), generator=torch.Generator().manual_seed(0)).double()
    truth = torch.arange(200) % 7
    expected = []
    for row, answer in zip(probabilities.tolist(), truth.tolist(), strict=True):
        ranked = sorted(range(7), key=lambda place, row=row: (-row[place], place))
        expected.append(answer in ranked[:k])
    assert top_k(probabilities, truth, k).tolist() == expected
    if k == 1:
        assert expected == (probabilities.argmax(dim=1) == truth).tolist()


def test_equal_probabilities_are_right_for_the_first_classes_only():
    truth = torch.arange(4)
    assert top_k(torch.full((4, 4), 0.25), truth, 1).tolist() == [True, False, False, False]
    assert top_k(torch.full((4, 4), 0.25), truth, 3).tolist() == [True, True, True, False]


def test_what_is_not_a_number_is_wrong():
    assert top_k(torch.full((2, 3), float("nan")), torch.tensor([0, 2]), 1).tolist() == [False, False]


@pytest.mark.parametrize("k", [0, 4])
def test_more_answers_than_classes_are_refused(k):
    with pytest.raises(ValueError, match=f"k must lie between 1 and the 3 classes, got {k}"):
        top_k(torch.ones(2, 3), torch.tensor([0, 1]), k)


def test_classes_are_counted():
    correct, truth = torch.tensor([True, False, True, True]), torch.tensor([0, 0, 0, 2])
    table = per_class(correct, truth, ("ball", "box", "star", "sun"))
    assert table == [
        ClassAccuracy("ball", 3, 2),
        ClassAccuracy("box", 0, 0),
        ClassAccuracy("star", 1, 1),
        ClassAccuracy("sun", 0, 0),
    ]
    assert [row.accuracy for row in table] == [2 / 3, None, 1.0, None]
    # Of the two that have a video; the share of all videos would be 3/4.
    assert mean_class_accuracy(table) == pytest.approx(5 / 6)


def test_no_video_has_no_mean():
    with pytest.raises(ValueError, match="none of 1 classes has a video"):
        mean_class_accuracy([ClassAccuracy("ball", 0, 0)])


def test_rows_of_the_confusion_matrix_are_the_truth():
    truth, predicted = torch.tensor([0, 0, 0, 2]), torch.tensor([1, 1, 0, 1])
    assert confusion(truth, predicted, 3).tolist() == [[1, 2, 0], [0, 0, 0], [0, 1, 0]]
