"""The test on several views of each video."""

import dataclasses
import itertools
import random

import pytest
import torch

from vidmask.evaluation.views import ViewAverage, ViewPart, join

CLASSES = {"shape": ("ball", "box", "star"), "motion": ("left", "right")}
NUM_VIDEOS, NUM_VIEWS = 5, 3


def softmax(label: str) -> torch.Tensor:
    """Return the answers to all views: video, view, class."""
    chance = torch.Generator().manual_seed(len(label))
    logits = torch.randn(NUM_VIDEOS, NUM_VIEWS, len(CLASSES[label]), generator=chance)
    return (3 * logits).softmax(dim=-1)


ANSWERS = {label: softmax(label) for label in CLASSES}
TRUTH = {"shape": torch.tensor([0, 1, 2, 0, 1]), "motion": torch.tensor([1, 0, 1, 0, 1])}
ALL = list(itertools.product(range(NUM_VIDEOS), range(NUM_VIEWS)))


def part(*batches) -> ViewPart:
    """Return the part of a rank that tests batches of (video, view)."""
    views = ViewAverage()
    for batch in batches:
        video, view = torch.tensor(batch).unbind(1)
        views.add(
            video,
            view,
            {label: answers[video, view] for label, answers in ANSWERS.items()},
            {label: classes[video] for label, classes in TRUTH.items()},
            [f"{index}.mp4" for index in video.tolist()],
        )
    return views.part()


def joined(parts, **other):
    return join(parts, **{"num_videos": NUM_VIDEOS, "num_views": NUM_VIEWS, "classes": CLASSES} | other)


def shuffled(seed: int) -> list[tuple[int, int]]:
    views = list(ALL)
    random.Random(seed).shuffle(views)
    return views


def test_a_video_has_the_mean_of_its_views():
    views = shuffled(0)
    scores = joined([part(views[:4], views[4:5], views[5:])])
    assert scores.paths == ["0.mp4", "1.mp4", "2.mp4", "3.mp4", "4.mp4"]
    assert scores.video_index.tolist() == [0, 1, 2, 3, 4]
    assert scores.classes == CLASSES
    for label, answers in ANSWERS.items():
        assert torch.equal(scores.truth[label], TRUTH[label])
        found = scores.probabilities[label]
        assert found.dtype == torch.float64
        for video in range(NUM_VIDEOS):
            for number in range(len(CLASSES[label])):
                total = 0.0
                for view in range(NUM_VIEWS):
                    total += answers[video, view, number].item()
                assert found[video, number].item() == total / NUM_VIEWS


def test_two_ranks_give_the_bits_of_one():
    # Videos alternate between ranks, and the last batch of the second is filled up with the first video;
    # or the views of one video are on both ranks, and in another order.
    one = joined([part(ALL)])
    first = [pair for pair in ALL if pair[0] % 2 == 0]
    second = [pair for pair in ALL if pair[0] % 2 == 1] + [(0, view) for view in range(NUM_VIEWS)]
    views = shuffled(1)
    for parts in ([part(first), part(second[:4], second[4:])], [part(views[9:]), part(views[:9])]):
        two = joined(parts)
        assert two.paths == one.paths
        for label in CLASSES:
            assert torch.equal(two.probabilities[label], one.probabilities[label])
            assert torch.equal(two.truth[label], one.truth[label])


def test_the_sum_begins_with_view_0():
    # Half a unit in the last place of 1 is lost when added to it, and two of them together are not.
    small = 2.0**-53
    assert 1.0 + small + small != small + small + 1.0
    values = {0: 1.0, 1: small, 2: small}
    results = []
    for order in itertools.permutations(range(3)):
        views = ViewAverage()
        for view in order:
            probabilities = torch.tensor([[values[view], 1 - values[view]]], dtype=torch.float64)
            where = torch.tensor([0]), torch.tensor([view])
            views.add(*where, {"motion": probabilities}, {"motion": torch.tensor([0])}, ["0.mp4"])
        classes = {"motion": CLASSES["motion"]}
        scores = join([views.part()], num_videos=1, num_views=3, classes=classes)
        results.append(scores.probabilities["motion"][0, 0].item())
    assert results == [1 / 3] * 6


def test_a_view_that_is_there_twice_counts_once_and_the_first_counts():
    again = part([(2, 1)])
    other = {label: torch.full_like(rows, 1 / rows.shape[1]) for label, rows in again.probabilities.items()}
    once = joined([part(ALL)])
    for parts in (
        [part(ALL), dataclasses.replace(again, probabilities=other)],
        [part(ALL[:7]), part(ALL[7:], ALL[:4])],
    ):
        for label in CLASSES:
            assert torch.equal(joined(parts).probabilities[label], once.probabilities[label])


def test_half_precision_is_averaged_in_double_precision():
    views = ViewAverage()
    rows = torch.tensor([[0.1, 0.9], [0.3, 0.7]], dtype=torch.bfloat16)
    zero = torch.tensor([0, 0])
    views.add(zero, torch.tensor([0, 1]), {"motion": rows}, {"motion": zero}, ["a", "a"])
    scores = join([views.part()], num_videos=1, num_views=2, classes={"motion": CLASSES["motion"]})
    expected = [(rows[0, place].item() + rows[1, place].item()) / 2 for place in (0, 1)]
    assert scores.probabilities["motion"][0].tolist() == expected


def test_what_was_added_does_not_change_with_the_tensor():
    views = ViewAverage()
    rows, zero = torch.tensor([[0.25, 0.75]]), torch.tensor([0])
    views.add(zero, zero, {"motion": rows}, {"motion": zero}, ["a"])
    rows.zero_()
    assert views.part().probabilities["motion"].tolist() == [[0.25, 0.75]]


def test_a_rank_without_a_view_adds_nothing():
    nothing = ViewAverage().part()
    scores = joined([nothing, part(ALL), nothing])
    assert torch.equal(scores.probabilities["shape"], joined([part(ALL)]).probabilities["shape"])
    with pytest.raises(ValueError, match="no view was tested, expected 3 of each of 5 videos"):
        joined([nothing])


def test_a_video_with_fewer_views_is_named():
    with pytest.raises(ValueError, match=r"video 3 \(3\.mp4\) has 2 views, expected 3"):
        joined([part([pair for pair in ALL if pair != (3, 1)])])
    # A view that is there twice does not stand for another.
    with pytest.raises(ValueError, match=r"video 3 \(3\.mp4\) has 2 views, expected 3"):
        joined([part([(3, 0) if pair == (3, 1) else pair for pair in ALL])])


def test_a_missing_video_is_named_unless_it_was_passed_over():
    rest = part([pair for pair in ALL if pair[0] not in (1, 4)])
    with pytest.raises(
        ValueError, match=r"2 of 5 videos have no view \(video 1, 4\), expected 0 to be passed"
    ):
        joined([rest])
    scores = joined([rest], num_skipped=2)
    assert scores.video_index.tolist() == [0, 2, 3]
    assert torch.equal(scores.truth["shape"], TRUTH["shape"][[0, 2, 3]])
    with pytest.raises(ValueError, match="0 of 5 videos have no view, expected 2 to be passed over"):
        joined([part(ALL)], num_skipped=2)


def test_a_place_beyond_the_split_is_refused():
    with pytest.raises(ValueError, match=r"4\.mp4: video 4 of 4 videos, counted from 0"):
        joined([part(ALL)], num_videos=4)
    with pytest.raises(ValueError, match=r"0\.mp4: view 2 of 2 views, counted from 0"):
        joined([part(ALL)], num_views=2)


def test_a_place_with_two_videos_is_refused():
    whole = part(ALL)
    paths = [*whole.paths[:4], "other.mp4", *whole.paths[5:]]
    with pytest.raises(ValueError, match=r"video 1 goes by two paths: 1\.mp4 and other\.mp4"):
        joined([dataclasses.replace(whole, paths=paths)])
    truth = {label: classes.clone() for label, classes in whole.truth.items()}
    truth["motion"][4] = 1
    with pytest.raises(ValueError, match=r"video 1 \(1\.mp4\) has two classes 'motion': 0 and 1"):
        joined([dataclasses.replace(whole, truth=truth)])


@pytest.mark.parametrize("rows", [[[2.0, -3.0]], [[float("nan"), 1.0]]])
def test_what_is_no_softmax_is_refused(rows):
    zero = torch.tensor([0])
    with pytest.raises(ValueError, match=r"a\.mp4: probabilities of 'motion' must sum to 1, got (-1|nan)"):
        ViewAverage().add(zero, zero, {"motion": torch.tensor(rows)}, {"motion": zero}, ["a.mp4"])
