import yaml

from vidmask.results import measures
from vidmask.results.measures import Score, chance, scores, trivial
from vidmask.results.metrics import Point
from vidmask.results.one_run import Command, Run


def run(tmp_path, *commands):
    return Run("r", tmp_path, tmp_path, "quickstart/mae_st", 0, "finished", commands=commands)


def points(*numbers):
    return [Point(step, 1.0, metric, value) for step, metric, value in numbers]


def test_probes_are_told_apart_by_split_and_encoder(tmp_path):
    logged = points(
        (0, "probe/a/b/knn_mean", 0.1),
        (5, "probe/a/b/knn_mean", 0.2),
        (9, "probe/a/b/knn_mean", 0.3),
        (9, "probe/rankme", 20.0),
        (9, "probe/chance/a/b", 0.125),
        (9, "probe/without_encoder/a/b", 0.4),
        (9, "probe/test/untrained/a/b/knn_mean", 0.5),
        (9, "probe/test/trained/a/b/knn_mean", 0.6),
        (9, "probe/test/trained/rankme", 20.0),
    )
    assert set(scores(run(tmp_path), logged)) == {
        Score("probe", "val", "untrained", "a/b", "knn_mean", 0.1),
        Score("probe", "val", "trained", "a/b", "knn_mean", 0.3),
        Score("probe", "val", "none", "a/b", "frame_differences", 0.4),
        Score("probe", "test", "untrained", "a/b", "knn_mean", 0.5),
        Score("probe", "test", "trained", "a/b", "knn_mean", 0.6),
    }


def test_an_encoder_that_was_never_trained_has_no_trained_score(tmp_path):
    (found,) = scores(run(tmp_path), points((0, "probe/a/knn_mean", 0.1)))
    assert found.encoder == "untrained"


def test_labels_of_classifiers_may_hold_what_ends_a_readout(tmp_path):
    logged = points((3, "val/top1_of_all_top5", 0.5), (4, "val/top1_of_all_loss", 1.0), (4, "val/loss", 1.0))
    fitted = run(tmp_path, Command("fit", tmp_path, "finished"))
    assert list(scores(fitted, logged)) == [
        Score("quickstart/mae_st", "val", "trained", "top1_of_all", "top5", 0.5)
    ]


def test_a_test_is_of_the_split_that_its_configuration_says(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 0, "seconds": 1, "test/class_top1": 0.5}\n')
    tested = run(tmp_path, Command("quickstart/linear test", tmp_path, "finished"))
    assert next(iter(scores(tested, [])))[:2] == ("quickstart/linear", "test")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data": {"test_split": "val"}}))
    assert next(iter(scores(tested, [])))[:2] == ("quickstart/linear", "val")
    assert measures.tested_split(tmp_path) == "val"


def test_chance_stands_beside_what_needs_no_encoder():
    logged = points(
        (0, "probe/chance/a", 0.1), (0, "probe/chance/b", 0.2), (0, "probe/without_encoder/b", 0.3)
    )
    assert list(chance(logged)) == [("a", 0.1, None), ("b", 0.2, 0.3)]


def test_trivial_answers_are_named_below_their_metric():
    logged = points((1, "val/pixels", 1.0), (1, "val/pixels/mean", 2.0), (2, "val/pixels/mean", 3.0))
    logged += points((2, "val/codes_accuracy/most_frequent_code", 0.1), (2, "train/a/b", 9.0))
    assert list(trivial(logged)) == [
        ("val/pixels", "mean", 3.0),
        ("val/codes_accuracy", "most_frequent_code", 0.1),
    ]


def test_a_first_probe_in_mid_training_is_not_of_the_untrained_encoder(tmp_path):
    logged = points((5, "probe/a/knn_mean", 0.1), (9, "probe/a/knn_mean", 0.2))
    assert list(scores(run(tmp_path), logged)) == [Score("probe", "val", "trained", "a", "knn_mean", 0.2)]
