"""Which scores are shown first, and how they are asked for."""

import pandas as pd
import pytest

from vidmask.report.measures import Measure, measures_of

PROBES = [
    ("probe", split, encoder, label, readout)
    for split in ("val", "test")
    for encoder in ("untrained", "trained")
    for label in ("appearance", "motion")
    for readout in ("knn_mean", "linear_mean_std_max", "linear_mean")
]
TESTS = [("quickstart/linear", "test", "trained", "motion", readout) for readout in ("top5", "top1")]


def _scores(rows):
    frame = pd.DataFrame(rows, columns=["source", "split", "encoder", "label", "readout"])
    return frame.assign(run="a", value=0.5)


def test_evaluations_stand_before_probes_and_all_labels_of_the_first_kind_are_shown():
    first, others = measures_of(_scores(PROBES + TESTS), None)
    assert [one.key for one in first] == ["quickstart/linear/test/motion/top1"]
    assert others[0].key == "quickstart/linear/test/motion/top5"
    first, others = measures_of(_scores(PROBES), None)
    assert [one.key for one in first] == [
        "probe/test/appearance/linear_mean",
        "probe/test/motion/linear_mean",
    ]
    assert len(others) == 10
    assert [one.split for one in others] == ["test"] * 4 + ["val"] * 6


@pytest.mark.parametrize(
    ("metric", "keys"),
    [
        ("knn_mean", ["test/appearance", "test/motion", "val/appearance", "val/motion"]),
        ("motion/knn_mean", ["test/motion", "val/motion"]),
        ("test/knn_mean", ["test/appearance", "test/motion"]),
        ("probe/val/motion/knn_mean", ["val/motion"]),
        ("probe/test/trained/motion/knn_mean", ["test/motion"]),
    ],
)
def test_a_part_of_the_name_chooses(metric, keys):
    first, others = measures_of(_scores(PROBES), metric)
    assert [one.key for one in first] == [f"probe/{key}/knn_mean" for key in keys]
    assert len(first) + len(others) == 12


def test_a_part_is_whole_words():
    with pytest.raises(
        ValueError, match="--metric mean: no score is named so; there are the read-outs knn_mean"
    ):
        measures_of(_scores(PROBES), "mean")


def test_without_scores_there_is_nothing_to_show():
    assert measures_of(_scores([]), None) == ([], [])
    with pytest.raises(ValueError, match="such as none"):
        measures_of(_scores([]), "top1")


def test_a_measure_chooses_its_rows_and_says_what_it_is():
    measure = Measure("probe", "val", "motion", "linear_mean")
    assert len(measure.of(_scores(PROBES))) == 2
    assert measure.title == "motion: linear probe, mean pooled, validation split"
    assert (
        Measure("quickstart/linear", "test", "motion", "top1").kind == "quickstart/linear, top-1, test split"
    )
