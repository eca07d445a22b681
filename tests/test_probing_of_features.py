"""Probes of features, scored video by video."""

from dataclasses import replace

import pytest
import torch

from vidmask.evaluation.bootstrap import interval
from vidmask.features import Features
from vidmask.probing import knn, linear_probe, standardise
from vidmask.probing.attentive import Schedule
from vidmask.probing.of_features import ProbeOptions, check_features, probe_label

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = {"motion": ("left", "right"), "size": ("one",)}
QUICK = ProbeOptions(num_neighbours=3, schedule=Schedule(epochs=2, batch_size=16))


def features(num_videos: int = 30, views: int = 1, seed: int = 0, folder: str = "train") -> Features:
    chance = torch.Generator().manual_seed(seed)
    video = torch.arange(num_videos).repeat_interleave(views)
    labels = video % 2
    tokens = torch.randn(len(video), 2, 8, generator=chance)
    tokens[:, :, 0] += 2.0 * labels[:, None] - 1
    return Features(
        features=tokens.mean(dim=1),
        tokens=tokens,
        cls=None,
        labels={"motion": labels, "size": torch.zeros_like(labels)},
        classes=CLASSES,
        video_index=video,
        view=torch.arange(views).repeat(num_videos),
        start_seconds=torch.zeros(len(video)),
        paths=[f"{folder}/{one}.mp4" for one in video.tolist()],
    )


def scores(found) -> dict:
    return {one.probe: one for one in found.scores}


def test_with_one_view_the_numbers_are_those_of_the_plain_functions():
    train, test = features(), features(20, seed=1, folder="test")
    found = scores(probe_label(train, test, "motion", ("knn", "linear"), QUICK))
    assert list(found) == ["chance", "knn", "linear"]
    fitted, asked = standardise(train.features.double(), test.features.double())
    given = (fitted, train.labels["motion"], asked, test.labels["motion"])
    assert found["knn"].accuracy == knn(*given, num_neighbours=3)
    assert found["linear"].accuracy == linear_probe(*given, num_classes=2)
    assert 0.5 < found["knn"].accuracy < 1
    right = torch.arange(20) < round(20 * found["knn"].accuracy)
    assert found["knn"].interval == interval(right)


def test_views_are_averaged_and_a_video_counts_once():
    # One feature tells the class by its sign. Of the first video two views say "left" weakly and one says
    # "right" strongly; the mean of the softmax follows the strong one, a vote of views would not.
    train = replace(features(4), features=torch.tensor([[-1.0], [1.0], [-1.0], [1.0]]), tokens=None)
    test = replace(
        features(2, views=3, folder="test"),
        features=torch.tensor([[-0.1], [-0.1], [5.0], [-1.0], [-1.0], [-1.0]]),
        tokens=None,
        labels={"motion": torch.tensor([1, 1, 1, 1, 1, 1]), "size": torch.zeros(6, dtype=torch.int64)},
    )
    options = ProbeOptions(num_neighbours=1, l2=0.1)
    found = probe_label(train, test, "motion", ("knn", "linear"), options)
    assert found.num_scored == 2
    # Right for the first video only; of its views one in three is right.
    assert scores(found)["linear"].accuracy == 0.5
    # The nearest neighbours vote two to one for "left", by cosine.
    assert scores(found)["knn"].accuracy == 0.0


def test_chance_and_the_most_frequent_class_are_told():
    train = features(5)
    test = features(3, seed=1, folder="test")
    chance = scores(probe_label(train, test, "motion", ()))["chance"]
    # Videos 0, 2 and 4 are of class 0, as are 0 and 2 of the three.
    assert chance.accuracy == 0.5
    assert chance.how == "1 of 2 classes; the most frequent in training scores 66.7%"


def test_the_attentive_probe_says_what_it_chose_and_how():
    found = scores(
        probe_label(features(), features(20, seed=1, folder="test"), "motion", ("attentive",), QUICK)
    )
    told = found["attentive"]
    assert told.accuracy is not None
    lr, decay = told.settings["lr"], told.settings["weight_decay"]
    assert told.how == (
        f"lr {lr:g}, weight decay {decay:g}: best of 12 on 6 held-out of 30 training videos, then "
        "trained anew on all of them; 2 epochs"
    )
    assert len(told.settings["held_out_accuracy"]) == 12


def test_the_scored_videos_take_part_in_no_choice():
    train, test = features(views=2), features(20, seed=1, folder="test")
    noise = torch.randn(20, 2, 8, generator=torch.Generator().manual_seed(7))
    other = replace(test, features=noise.mean(dim=1), tokens=noise)
    for name in ("linear", "attentive"):
        one, two = (
            scores(probe_label(train, asked, "motion", (name,), QUICK))[name] for asked in (test, other)
        )
        assert one.settings == two.settings


def test_what_cannot_be_probed_is_said():
    train, test = replace(features(10), tokens=None), features(5, folder="test")
    found = scores(probe_label(train, test, "motion"))
    assert (found["knn"].accuracy, found["knn"].interval) == (None, None)
    assert found["knn"].how == "not fitted: num_neighbours=20 needs that many training features, got 10"
    assert found["attentive"].how.startswith("not fitted: no tokens in these features; predict with")
    assert found["linear"].accuracy is not None
    size = probe_label(train, test, "size")
    assert size.scores == []
    assert size.remarks == ["cannot be probed: all training videos are of one class, one"]


def test_videos_without_the_label_are_left_out_and_told():
    train = features(10)
    test = features(4, folder="test")
    test.labels["motion"][1] = -1
    found = probe_label(train, test, "motion", ("linear",), QUICK)
    assert (found.num_train, found.num_scored) == (10, 3)
    assert found.remarks == ["1 scored video without this label left out"]
    bare = replace(test, labels={})
    assert (
        probe_label(train, bare, "motion").remarks[-1] == "cannot be probed: no scored video has this label"
    )


def test_videos_in_both_splits_and_unseen_classes_are_told():
    train, test = features(6), features(4)
    train.labels["motion"][:] = torch.tensor([0, 0, 1, 1, 0, 1])
    classes = {"motion": ("left", "right", "still")}
    train, test = replace(train, classes=classes), replace(test, classes=classes)
    test.labels["motion"][0] = 2
    remarks = probe_label(train, test, "motion", (), QUICK).remarks
    assert remarks == [
        "4 scored videos also among the training videos",
        "1 class of the scored videos in no training video",
    ]


def test_an_unknown_label_or_class_is_refused():
    train, test = features(6), features(4, folder="test")
    with pytest.raises(ValueError, match="no label 'colour' in these features; there are motion, size"):
        probe_label(train, test, "colour")
    test.labels["motion"][2] = 2
    with pytest.raises(ValueError, match=r"test/2\.mp4: its class of 'motion' is 2, and there are 2"):
        probe_label(train, test, "motion")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": {"motion": ("left", "up")}}, "other classes of 'motion': 2 and 2, or other names"),
        ({"made_by": {"weights": "b"}}, "made by different encoders: weights is None and b"),
        ({"features": torch.zeros(4, 3), "tokens": None}, "the widths 8 and 3"),
    ],
)
def test_splits_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_features(features(4), replace(features(4), **change))
    check_features(features(4), features(5))
