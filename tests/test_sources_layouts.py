"""What a layout that is not there is told."""

import pytest

from vidmask.data.sources.layouts import (
    check_choice,
    check_num_classes,
    only_one,
    tell_missing,
    wrong_layout,
)


def test_all_that_is_lacking_is_in_one_message(tmp_path):
    error = wrong_layout(tmp_path, "UCF101", ["folder a", "list b.txt"], "  <root>/a\n  <root>/b.txt")
    assert isinstance(error, FileNotFoundError)
    assert str(error).splitlines() == [
        f"{tmp_path}: not the layout of UCF101: no folder a, no list b.txt; expected",
        "  <root>/a",
        "  <root>/b.txt",
    ]
    assert "it does not exist; expected" in str(wrong_layout(tmp_path / "x", "UCF101", ["folder a"], ""))
    (tmp_path / "file").touch()
    assert "it is a file; expected" in str(wrong_layout(tmp_path / "file", "UCF101", ["folder a"], ""))


def test_of_two_names_of_one_thing_one_may_be_there(tmp_path):
    assert only_one(tmp_path, ("a", "b")) is None
    (tmp_path / "b").mkdir()
    assert only_one(tmp_path, ("a", "b")) == tmp_path / "b"
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="holds a and b, of which only one may be there"):
        only_one(tmp_path, ("a", "b"))


def test_missing_videos_are_counted_and_some_named(caplog):
    tell_missing([], 5, "list", "raise")
    with pytest.raises(
        FileNotFoundError, match=r"list: 4 of 5 videos \(a, b, c, …\) are not there in x; on_mis"
    ):
        tell_missing(["a", "b", "c", "d"], 5, "list", "raise", " in x")
    assert not caplog.records
    tell_missing(["a"], 5, "list", "skip")
    assert caplog.messages == ["list: 1 of 5 videos (a) are not there, and are left out"]
    with pytest.raises(FileNotFoundError, match="1 of 1 video "):
        tell_missing(["a"], 1, "list", "skip")


def test_too_few_classes_are_told_and_too_many_refused(tmp_path, caplog):
    check_num_classes(tmp_path, "UCF101", 101, 101)
    assert not caplog.records
    check_num_classes(tmp_path, "UCF101", 2, 101)
    assert "2 of the 101 classes of UCF101 are here" in caplog.text
    with pytest.raises(ValueError, match="UCF101 has 101 classes, and here are 102"):
        check_num_classes(tmp_path, "UCF101", 102, 101)


def test_a_choice_is_one_of_those_there_are():
    check_choice("fold", 1, (1, 2))
    with pytest.raises(ValueError, match="fold must be one of 1, 2, got 3"):
        check_choice("fold", 3, (1, 2))
