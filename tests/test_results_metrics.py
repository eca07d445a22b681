import json
import math

import pytest

from vidmask.results.metrics import Point, last_values, read_points


def write(path, *lines):
    texts = [
        line if isinstance(line, str) else json.dumps({"epoch": 0, "seconds": 1.0, **line}) for line in lines
    ]
    path.write_text("\n".join(texts) + "\n")
    return path


def test_each_number_is_a_point(tmp_path):
    path = write(
        tmp_path / "metrics.jsonl",
        {"step": 0, "seconds": 0.5, "a": 1},
        {"step": 2, "seconds": 3.0, "a": None, "b": 2.5},
    )
    first, second, third = read_points(path)
    assert first == Point(0, 0.5, "a", 1.0)
    assert (second.step, second.metric) == (2, "a")
    assert math.isnan(second.value)
    assert third == Point(2, 3.0, "b", 2.5)


@pytest.mark.parametrize("rest", ['{"step": 2, "seconds": 3.0, "a"', "{", '{"step": 2}', "nonsense"])
def test_a_last_line_that_is_cut_off_is_left_out(tmp_path, rest):
    path = write(tmp_path / "metrics.jsonl", {"step": 1, "a": 1.0})
    path.write_text(path.read_text() + rest)
    assert [point.step for point in read_points(path)] == [1]


def test_a_last_line_cut_inside_of_a_letter_is_left_out(tmp_path):
    path = write(tmp_path / "metrics.jsonl", {"step": 1, "a": 1.0})
    path.write_bytes(path.read_bytes() + '{"step": 2, "seconds": 1, "é'.encode()[:-1])
    assert [point.step for point in read_points(path)] == [1]


def test_a_damaged_line_in_the_middle_is_refused_with_its_number(tmp_path):
    path = write(tmp_path / "metrics.jsonl", {"step": 1, "a": 1.0}, '{"step": 2, "a', {"step": 3, "a": 3.0})
    with pytest.raises(ValueError, match=r"metrics.jsonl: line 2 is damaged"):
        read_points(path)


def test_what_a_resumed_run_did_anew_replaces_what_it_had_done(tmp_path):
    steps = [(1, 1.0), (2, 2.0), (3, 3.0), (2, 20.0), (4, 40.0)]
    path = write(tmp_path / "metrics.jsonl", *({"step": step, "a": value} for step, value in steps))
    assert [(point.step, point.value) for point in read_points(path)] == [(1, 1.0), (2, 20.0), (4, 40.0)]


def test_of_two_values_at_a_step_the_later_counts(tmp_path):
    path = write(tmp_path / "metrics.jsonl", {"step": 1, "a": 1.0}, {"step": 1, "a": 2.0, "b": 3.0})
    assert [(point.metric, point.value) for point in read_points(path)] == [("a", 2.0), ("b", 3.0)]


def test_the_last_values_are_those_of_the_last_step_of_each_metric(tmp_path):
    path = write(tmp_path / "metrics.jsonl", {"step": 1, "a": 1.0, "b": 5.0}, {"step": 2, "a": 2.0})
    assert {name: point.value for name, point in last_values(read_points(path)).items()} == {
        "a": 2.0,
        "b": 5.0,
    }


def test_no_file_is_no_point(tmp_path):
    assert read_points(tmp_path / "metrics.jsonl") == []
