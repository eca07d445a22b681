"""Intervals over videos, and two classifiers on the same ones."""

import itertools
import random

import numpy as np
import pytest
import torch

from vidmask.evaluation.bootstrap import Interval, interval, mcnemar, paired_difference
from vidmask.evaluation.scores import VideoScores


def scores_of(right, paths=None, truth=None, label="class", names=("a", "b", "c")) -> VideoScores:
    """Return scores of which some are right."""
    truth = [place % 3 for place in range(len(right))] if truth is None else truth
    answers = [
        answer if is_right else (answer + 1) % 3 for answer, is_right in zip(truth, right, strict=True)
    ]
    return VideoScores(
        paths=[f"{place}.mp4" for place in range(len(right))] if paths is None else paths,
        video_index=torch.arange(len(right)),
        truth={label: torch.tensor(truth)},
        probabilities={label: torch.eye(3, dtype=torch.float64)[answers]},
        classes={label: names},
    )


@pytest.mark.parametrize("correct", [[1, 1, 0, 1, 0], [0.5, -1.0, 0.25, 0.25, 2.0]])
def test_interval_against_a_loop_with_the_same_draws(correct):
    chance = np.random.default_rng(3)
    values = sorted(set(correct))
    counts = [correct.count(value) for value in values]
    means = []
    for _ in range(40):
        drawn = chance.multinomial(5, [count / 5 for count in counts])
        sample = [value for value, times in zip(values, drawn, strict=True) for _ in range(times)]
        assert len(sample) == 5
        means.append(sum(sample) / 5)
    means.sort()
    # The 5th and the 95th per cent of 40 means, numbered from 0: places 1.95 and 37.05.
    low = means[1] + 0.95 * (means[2] - means[1])
    high = means[37] + 0.05 * (means[38] - means[37])
    found = interval(torch.tensor(correct), level=0.9, resamples=40, seed=3)
    assert found == pytest.approx((low, high), abs=1e-12)


def test_interval_is_that_of_videos_drawn_one_by_one():
    correct = [0.0] * 3 + [1.0] * 9 + [0.5] * 4
    chance = random.Random(0)
    means = sorted(sum(chance.choices(correct, k=16)) / 16 for _ in range(20_000))
    found = interval(torch.tensor(correct), resamples=20_000)
    # Means are steps of 1/32 apart; the quantiles may fall on neighbours.
    assert found == pytest.approx((means[500], means[19_499]), abs=1 / 32 + 1e-9)


def test_interval_is_drawn_alike_in_one_piece_and_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    correct = torch.rand(30, generator=torch.Generator().manual_seed(0))
    whole = interval(correct, resamples=101)
    monkeypatch.setattr("vidmask.evaluation.bootstrap._DRAWN_AT_ONCE", 300)
    assert interval(correct, resamples=101) == whole


def test_interval_covers_the_truth_as_often_as_it_says():
    chance = np.random.default_rng(0)
    covered = 0
    for seed in range(400):
        low, high = interval(torch.tensor(chance.random(150) < 0.7), level=0.9, resamples=400, seed=seed)
        covered += low <= 0.7 <= high
    # Four standard errors of 400 draws at 0.9, and something for the percentile interval being short.
    assert 0.82 < covered / 400 < 0.96


def test_interval_depends_on_level_and_seed():
    correct = torch.arange(50) % 3 == 0
    narrow, wide = interval(correct, level=0.5, resamples=999), interval(correct, level=0.99, resamples=999)
    assert wide.low < narrow.low < 0.34 < narrow.high < wide.high
    values = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert interval(values) == interval(values, seed=0) != interval(values, seed=1)


def test_without_variation_the_interval_has_no_width():
    assert interval(torch.ones(7, dtype=torch.bool)) == Interval(1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"correct": torch.zeros(0, dtype=torch.bool)}, "needs at least 1 video, got 0"),
        ({"level": 1.0}, r"level must lie between 0 and 1, got 1\.0"),
        ({"resamples": 0}, "resamples must be at least 1, got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        interval(**{"correct": torch.ones(3)} | arguments)


def test_mcnemar_by_hand():
    # 10 videos, 2 to 8: 2 (1 + 10 + 45) / 1024.
    assert mcnemar(2, 8) == mcnemar(8, 2) == 112 / 1024
    assert mcnemar(0, 1) == 1.0
    assert mcnemar(0, 6) == 2 / 64
    assert mcnemar(3, 3) == mcnemar(0, 0) == 1.0


@pytest.mark.parametrize("found", [(1, 6), (2, 5), (4, 4)])
def test_mcnemar_counts_the_splits_that_are_as_uneven(found):
    number = sum(found)
    uneven = 0
    for split in itertools.product([0, 1], repeat=number):
        uneven += abs(2 * sum(split) - number) >= abs(found[0] - found[1])
    assert mcnemar(*found) == uneven / 2**number


def test_mcnemar_of_many_videos_is_that_of_the_normal_distribution():
    # 10,000 against 10,200: z = (200 - 1) / sqrt(20,200) with the correction for whole numbers, p = 0.1614.
    assert mcnemar(10_000, 10_200) == pytest.approx(0.16146, abs=2e-4)
    assert mcnemar(0, 20_000) == 0.0


def test_paired_difference_by_hand():
    first = scores_of([1, 1, 1, 1, 0, 0, 1, 1])
    second = scores_of([1, 0, 0, 1, 1, 0, 1, 0])
    found = paired_difference(first, second, "class", level=0.7, resamples=9, seed=2)
    assert (found.videos, found.first, found.second) == (8, 0.75, 0.5)
    assert (found.only_first, found.only_second, found.difference) == (3, 1, 0.25)
    assert found.p_value == 10 / 16
    differences = torch.tensor([0, 1, 1, 0, -1, 0, 0, 1.0])
    assert found.interval == interval(differences, level=0.7, resamples=9, seed=2)
    others = ({"level": 0.95}, {"resamples": 10_000}, {"seed": 0})
    assert all(
        found.interval != interval(differences, **{"level": 0.7, "resamples": 9, "seed": 2} | other)
        for other in others
    )
    turned = paired_difference(second, first, "class")
    assert (turned.difference, turned.p_value) == (-0.25, found.p_value)


def test_videos_are_matched_by_path():
    right, other = [1, 1, 0, 0, 1, 0], [1, 0, 0, 1, 1, 0]
    first, second = scores_of(right), scores_of(other)
    order = [4, 0, 5, 2, 1, 3]
    moved = scores_of(
        [other[place] for place in order],
        paths=[second.paths[place] for place in order],
        truth=[place % 3 for place in order],
    )
    assert paired_difference(first, moved, "class") == paired_difference(first, second, "class")


def test_pairing_leaves_out_what_is_hard_for_both():
    # Both fail on the same half; the first on 2 videos more.
    first = scores_of([0] * 52 + [1] * 48)
    second = scores_of([0] * 50 + [1] * 50)
    paired = paired_difference(first, second, "class").interval
    alone = interval(torch.arange(100) >= 50)
    assert paired.high - paired.low < (alone.high - alone.low) / 3


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            {"paths": ["0.mp4", "x.mp4", "y.mp4"]},
            r"the videos are not the same: 2 only in the first scores \(such as 1\.mp4\) and 2 only in the "
            r"second scores \(such as x\.mp4\)$",
        ),
        ({"paths": ["0.mp4", "1.mp4", "1.mp4"]}, r"the second scores have 1\.mp4 2 times"),
        ({"truth": [0, 1, 1]}, r"2\.mp4: its class 'class' is 2 in the first scores and 1 in the second"),
        ({"label": "motion"}, "the second scores have no label 'class', only motion"),
        (
            {"names": ("a", "c", "b")},
            "other classes: number 1 is 'b' in the first scores and 'c' in the second",
        ),
    ],
)
def test_scores_of_something_else_are_refused(second, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(scores_of([1, 0, 1]), scores_of([1, 0, 1], **second), "class")


def test_videos_that_only_one_has_are_refused():
    with pytest.raises(ValueError, match=r"not the same: 1 only in the first scores \(such as 2\.mp4\)$"):
        paired_difference(scores_of([1, 0, 1]), scores_of([1, 0]), "class")
