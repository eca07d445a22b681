"""Answers while they come in."""

import pytest
import torch

from vidmask.evaluation.answers import SplitAnswers, accuracies
from vidmask.evaluation.scores import VideoScores

CLASSES = {"class": ("a", "b")}


def answers() -> SplitAnswers:
    """Two views of each of three videos, of which video 1 cannot be decoded."""
    found = SplitAnswers()
    probabilities = torch.tensor([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.3, 0.7]])
    index, view = torch.tensor([0, 0, 2, 2]), torch.tensor([0, 1, 0, 1])
    truth = {"class": torch.tensor([0, 0, 1, 1])}
    paths = ["0.mp4", "0.mp4", "2.mp4", "2.mp4"]
    for part in (slice(2, 4), slice(0, 2)):
        found.add(
            index[part],
            view[part],
            {"class": probabilities[part]},
            {"class": truth["class"][part]},
            paths[part],
        )
    found.skip(["1.mp4", "1.mp4"])
    return found


def test_views_are_averaged_and_what_was_skipped_is_left_out():
    scores = answers().scores(num_videos=3, num_views=2, classes=CLASSES)
    assert scores.paths == ["0.mp4", "2.mp4"]
    torch.testing.assert_close(
        scores.probabilities["class"], torch.tensor([[0.6, 0.4], [0.2, 0.8]]), check_dtype=False
    )


def test_views_may_count_one_by_one():
    scores = answers().scores(num_videos=3, num_views=2, classes=CLASSES, each_view=True)
    assert scores.video_index.tolist() == [0, 0, 2, 2]
    assert scores.view is not None
    assert scores.view.tolist() == [0, 1, 0, 1]
    assert scores.num_videos == 2
    # Rows of a video vary together: an interval is over videos.
    assert scores.mean_of_videos(torch.tensor([1, 0, 1, 1])).tolist() == [0.5, 1.0]
    torch.testing.assert_close(
        scores.probabilities["class"][:, 0], torch.tensor([0.8, 0.4, 0.1, 0.3]), check_dtype=False
    )


def test_a_video_that_is_lacking_is_no_skipped_one():
    with pytest.raises(ValueError, match="video"):
        answers().scores(num_videos=4, num_views=2, classes=CLASSES)


def test_accuracies_are_shares_of_videos():
    probabilities = torch.eye(7)[[0, 1, 2, 3]] + torch.linspace(0.06, 0, 7)
    scores = VideoScores(
        paths=["a", "b", "c", "d"],
        video_index=torch.arange(4),
        truth={"class": torch.tensor([0, 1, 6, 1])},
        probabilities={"class": probabilities},
        classes={"class": tuple("abcdefg")},
    )
    assert accuracies(scores) == {"class_top1": 0.5, "class_top5": 0.75}
    few = VideoScores(
        ["a"], torch.arange(1), {"class": torch.zeros(1).long()}, {"class": torch.eye(2)[:1]}, CLASSES
    )
    assert accuracies(few) == {"class_top1": 1.0}
