"""Classes get the numbers that the rows of a manifest tell."""

import pytest

from vidmask.data.manifest import Record
from vidmask.data.sources.numbering import Numbering


def row(name: str, number: tuple[int, int] | None = None) -> Record:
    numbers = {} if number is None else {"class": number}
    return Record("a.mp4", "train", {"class": name}, "ok", "read", numbers=numbers)


def test_without_numbers_classes_are_alphabetical() -> None:
    numbering = Numbering()
    places = [numbering.add(row(name))["class"] for name in ("walk", "jump", "walk")]
    assert places == [0, 1, 0]
    assert numbering.classes() == {"class": ("jump", "walk")}
    assert [numbering.index("class", place) for place in places] == [1, 0, 1]


def test_told_numbers_count_and_gaps_keep_theirs() -> None:
    numbering = Numbering()
    places = [numbering.add(row(*told))["class"] for told in (("zoo", (0, 4)), ("air", (2, 4)))]
    assert numbering.classes() == {"class": ("zoo", "class 1", "air", "class 3")}
    assert [numbering.index("class", place) for place in places] == [0, 2]


def number(rows: list) -> None:
    numbering = Numbering()
    for told in rows:
        numbering.add(row(*told))
    numbering.classes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", (0, 2)), ("a", (1, 2))], "the class 'a' has another number than in the rows before"),
        ([("a", (0, 2)), ("a", None)], "the class 'a' has another number than in the rows before"),
        ([("a", (0, 2)), ("b", (0, 2))], "label 'class': 'a' and 'b' both have the number 0"),
        ([("a", (0, 2)), ("b", (1, 3))], "label 'class': some rows tell 2 classes, and some 3"),
        (
            [("a", (0, 2)), ("b", None)],
            r"label 'class': no number for 1 class \(b\), and others have one",
        ),
    ],
)
def test_contradictions_are_told(rows: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        number(rows)
