import math

import numpy as np
import pytest
import torch
from scipy import stats
from sweep_folders import CELLS, EVALUATION, key_of, write_sweep

from vidmask.evaluation.bootstrap import interval, paired_difference
from vidmask.evaluation.scores import read_scores, write_scores
from vidmask.results import intervals, load, summary, video_differences, video_intervals

BY = ["model.masking", "model.masking.ratio"]
TEST = f"{EVALUATION}/run/test"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two cells on two seeds, one on one, and one that has not finished."""
    folder = tmp_path_factory.mktemp("sweeps") / "masks"
    endings = {key_of(CELLS[2], 1): ("failed", "why")} | {
        key_of(CELLS[3], seed): ("missing", None) for seed in (0, 1)
    }
    write_sweep(folder, seeds=(0, 1), endings=endings)
    return folder


def right(folder):
    scores = read_scores(folder / TEST / "scores.parquet")
    return scores.probabilities["motion"].argmax(dim=1) == scores.truth["motion"]


def test_each_tested_run_has_the_interval_of_its_videos(sweep):
    found = video_intervals(load(sweep))
    assert len(found) == 5 * 2
    for row in found[found["readout"] == "top1"].itertuples():
        correct = right(sweep / row.run.split("/")[1])
        assert row.value == pytest.approx(float(correct.double().mean()))
        assert (row.low, row.high) == interval(correct)
        assert (row.videos, row.source, row.split, row.encoder) == (60, EVALUATION, "test", "trained")
        # Independently: the percentile bootstrap of a share is a binomial's.
        expected = stats.binom.interval(0.95, 60, row.value)
        assert (row.low * 60, row.high * 60) == pytest.approx(expected, abs=1)


def test_the_value_is_the_one_that_was_logged(sweep):
    results = load(sweep)
    found = video_intervals(results).merge(results.scores, on=[*results.scores.columns[:-1]])
    assert len(found) == 10
    assert found["value_x"].to_numpy() == pytest.approx(found["value_y"].to_numpy())


def test_one_seed_has_an_interval_over_videos_that_is_marked(sweep):
    results = load(sweep)
    found = intervals(results, BY)
    assert len(found) == len(summary(results.frame(), BY))
    single = found["model.masking"] == "tube"
    tested = (found["source"] == EVALUATION) & (found["split"] == "test")
    assert set(found[~single]["interval"]) == {"seeds"}
    assert set(found[single & tested]["interval"]) == {"evaluation noise only"}
    assert found[single & ~tested]["interval"].isna().all()
    assert found[single & ~tested][["low", "high"]].isna().all(axis=None)
    (top,) = found[single & tested & (found["readout"] == "top1")].to_dict("records")
    assert (top["low"], top["high"]) == interval(right(sweep / key_of(CELLS[2], 0)))
    assert math.isnan(top["std"])


def test_intervals_over_seeds_are_those_of_the_summary(sweep):
    results = load(sweep)
    found, expected = intervals(results, BY, level=0.9), summary(results.frame(), BY, level=0.9)
    several = found["n"] > 1
    assert found[several].drop(columns="interval").equals(expected[several])


def test_cells_are_compared_video_by_video_on_each_shared_seed(sweep):
    found = video_differences(load(sweep), BY, CELLS[0])
    assert [(*row[:3], row[3]) for row in found[[*BY, "seed", "label"]].itertuples(index=False)] == [
        ("random", "0.75", 0, "motion"),
        ("tube", "0.5", 0, "motion"),
        ("random", "0.75", 1, "motion"),
    ]
    for row in found.itertuples(index=False):
        cell = dict(zip(BY, row[:2], strict=True))
        first, second = (right(sweep / key_of(each, row.seed)) for each in (cell, CELLS[0]))
        assert row.difference == pytest.approx(float(first.double().mean() - second.double().mean()))
        assert (row.only_first, row.only_second) == (
            int((first & ~second).sum()),
            int((second & ~first).sum()),
        )
        expected = stats.binomtest(row.only_first, row.only_first + row.only_second).pvalue
        assert row.p_value == pytest.approx(expected)
        files = [
            read_scores(sweep / key_of(each, row.seed) / TEST / "scores.parquet") for each in (cell, CELLS[0])
        ]
        assert (row.low, row.high) == paired_difference(*files, "motion").interval
        assert np.isnan(row.problem)


def test_what_cannot_be_compared_says_why(tmp_path):
    keys = write_sweep(tmp_path / "masks", CELLS[:2], (0,))
    path = tmp_path / "masks" / keys[1] / TEST / "scores.parquet"
    scores = read_scores(path)
    scores.paths[0] = "test/another.mp4"
    write_scores(path, scores)
    (row,) = video_differences(load(tmp_path), BY, CELLS[0]).to_dict("records")
    assert "the videos are not the same" in row["problem"]
    assert math.isnan(row["difference"])


def test_views_of_a_video_are_drawn_together(tmp_path):
    (key,) = write_sweep(tmp_path / "masks", CELLS[:1], (0,))
    path = tmp_path / "masks" / key / TEST / "scores.parquet"
    scores = read_scores(path)
    index = torch.arange(60) // 2
    write_scores(
        path, type(scores)(scores.paths, index, scores.truth, scores.probabilities, scores.classes, index)
    )
    found = video_intervals(load(tmp_path)).set_index("readout").loc["top1"]
    correct = right(tmp_path / "masks" / key).double().reshape(30, 2).mean(dim=1)
    assert found["videos"] == 30
    assert (found["low"], found["high"]) == interval(correct)


def test_the_split_is_the_one_that_was_tested(tmp_path):
    (key,) = write_sweep(tmp_path / "masks", CELLS[:1], (0,))
    config = tmp_path / "masks" / key / TEST / "config.yaml"
    config.write_text(config.read_text().replace("test_split: test", "test_split: val"))
    results = load(tmp_path)
    assert set(video_intervals(results)["split"]) == {"val"}
    assert set(intervals(results, BY).dropna(subset="interval")["split"]) == {"val"}


def test_without_scores_of_videos_there_is_no_interval(tmp_path):
    write_sweep(tmp_path / "masks", CELLS[:1], (0,), evaluation=None)
    results = load(tmp_path)
    assert video_intervals(results).empty
    assert intervals(results, BY)["interval"].isna().all()
    assert video_differences(results, BY, CELLS[0]).empty


def test_a_reference_that_is_no_cell_is_refused(sweep):
    with pytest.raises(
        ValueError, match=r"there is no cell model.masking=tube, model.masking.ratio=0.75, only"
    ):
        video_differences(load(sweep), BY, CELLS[3])
