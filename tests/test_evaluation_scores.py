"""The answers for each video, and the file that holds them."""

import sys
from pathlib import Path

import pytest
import torch

from vidmask.evaluation.scores import VideoScores, read_scores, write_scores


def scores_of(
    paths=("a.mp4", "b/c d.mp4"), label="shape", names=("ball", "box", "star"), **other
) -> VideoScores:
    probabilities = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.45, 0.45]], dtype=torch.float64)
    told = {
        "paths": list(paths),
        "video_index": torch.tensor([0, 7]),
        "truth": {label: torch.tensor([1, 2])},
        "probabilities": {label: probabilities},
        "classes": {label: names},
    }
    return VideoScores(**told | other)


def assert_same(first: VideoScores, second: VideoScores) -> None:
    assert (first.paths, first.classes) == (second.paths, second.classes)
    assert torch.equal(first.video_index, second.video_index)
    for label in first.classes:
        assert torch.equal(first.truth[label], second.truth[label])
        assert first.probabilities[label].dtype == second.probabilities[label].dtype
        assert torch.equal(first.probabilities[label], second.probabilities[label])


def test_the_answer_is_the_most_probable_class_and_of_equals_the_first():
    assert scores_of().predicted("shape").tolist() == [1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_come_back_to_the_last_bit(tmp_path: Path, dtype) -> None:
    chance = torch.Generator().manual_seed(0)
    wide = torch.rand(2, 5, generator=chance, dtype=torch.float64).softmax(1).to(dtype)
    scores = scores_of()
    scores = scores_of(
        truth=scores.truth | {"motion": torch.tensor([4, 0])},
        probabilities={"shape": scores.probabilities["shape"].to(dtype), "motion": wide},
        classes=scores.classes | {"motion": tuple("vwxyz")},
    )
    write_scores(tmp_path / "s.parquet", scores)
    assert_same(read_scores(tmp_path / "s.parquet"), scores)
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]


def test_columns_are_those_that_other_programs_expect(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_scores(tmp_path / "s.parquet", scores_of())
    table = parquet.read_table(tmp_path / "s.parquet")
    assert table.to_pydict() == {
        "path": ["a.mp4", "b/c d.mp4"],
        "video_index": [0, 7],
        "truth_shape": [1, 2],
        "predicted_shape": [1, 1],
        "probabilities_shape": [[0.2, 0.5, 0.3], [0.1, 0.45, 0.45]],
    }
    assert table.schema.metadata[b"vidmask.scores"] == b'{"classes": {"shape": ["ball", "box", "star"]}}'


@pytest.mark.parametrize("place", ["path", "label", "class"])
def test_names_that_are_no_utf_8_come_back(tmp_path: Path, place) -> None:
    odd = b"caf\xe9, \xc3\xa9".decode("utf-8", "surrogateescape")
    told = {"path": {"paths": (odd, "é.mp4")}, "label": {"label": odd}, "class": {"names": ("a", odd, "é")}}
    scores = scores_of(**told[place])
    write_scores(tmp_path / "s.parquet", scores)
    assert_same(read_scores(tmp_path / "s.parquet"), scores)


def test_no_video_comes_back_as_none(tmp_path: Path) -> None:
    nothing = torch.empty(0, dtype=torch.int64)
    scores = VideoScores([], nothing, {"a": nothing}, {"a": torch.empty(0, 2)}, {"a": ("x", "y")})
    write_scores(tmp_path / "s.parquet", scores)
    assert_same(read_scores(tmp_path / "s.parquet"), scores)


def test_a_file_that_is_there_stays_if_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_scores(tmp_path / "s.parquet", scores_of())

    def full(table, file) -> None:
        file.write(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write_table", full)
    with pytest.raises(OSError, match=r"cannot be written: No space left on device"):
        write_scores(tmp_path / "s.parquet", scores_of(paths=("x", "y")))
    assert_same(read_scores(tmp_path / "s.parquet"), scores_of())
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for call in (lambda path: write_scores(path, scores_of()), read_scores):
        with pytest.raises(ValueError, match=r"s\.parquet: Parquet needs pyarrow: pip install"):
            call(tmp_path / "s.parquet")


def test_other_files_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "s.parquet"
    path.write_bytes(b"no table")
    with pytest.raises(ValueError, match=r"s\.parquet: cannot be read as Parquet: "):
        read_scores(path)
    parquet.write_table(pyarrow.table({"path": ["a"]}), path)
    with pytest.raises(ValueError, match=r"s\.parquet: is no table of scores: its metadata has no vidmask"):
        read_scores(path)
    write_scores(path, scores_of())
    table = parquet.read_table(path)
    parquet.write_table(table.drop_columns(["truth_shape"]), path)
    with pytest.raises(ValueError, match=r"s\.parquet: is no table of scores: it has no column truth_shape"):
        read_scores(path)
    # As many numbers as there should be, but not three in each row.
    place = table.column_names.index("probabilities_shape")
    lists = pyarrow.array([[0.2, 0.5], [0.3, 0.1, 0.2, 0.7]])
    parquet.write_table(table.set_column(place, "probabilities_shape", lists), path)
    with pytest.raises(ValueError, match=r"s\.parquet: is damaged: a list .* for each of 3 classes"):
        read_scores(path)


def test_scores_of_other_labels_or_classes_are_refused():
    with pytest.raises(ValueError, match="must have the same labels, got shape; shape; motion"):
        scores_of(classes={"motion": ("a", "b", "c")})
    with pytest.raises(ValueError, match=r"2 videos and 2 classes need .* shape \(2, 2\), got \(2, 3\)"):
        scores_of(names=("a", "b"))


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_class_that_does_not_exist_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"b/c d\.mp4: its class 'shape' must .* 0 and 2, got {wrong}"):
        scores_of(truth={"shape": torch.tensor([1, wrong])})
