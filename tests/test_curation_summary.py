"""What a check prints in the end."""

from vidmask.data.curation.summary import Summary, general_reason
from vidmask.data.manifest import Record


def row(path: str, split: str = "train", sha256: str = "", **others: object) -> Record:
    values = {"verdict": "ok", "reason": "read", "labels": {}, "duration_seconds": 1800.0}
    return Record(path=path, split=split, sha256=sha256 * 32, **values | others)  # pyright: ignore[reportArgumentType]


def lines(*records: Record) -> list[str]:
    return list(Summary(records).lines({}))


def test_verdicts_hours_and_reasons() -> None:
    records = [
        row("a.mp4"),
        row("b.mp4", verdict="suspect", reason="the header tells 9.00 s, the frames last 8.00 s; read 7"),
        row("c.mp4", verdict="broken", reason="ends 1.50 s before the 9.00 s that its header tells"),
        row("d.mp4", verdict="broken", reason="ends 0.70 s before the 10.00 s that its header tells"),
        row("\udcff.mp4", verdict="broken", reason="is empty: 0 bytes"),
    ]
    assert list(Summary(records).lines({".txt": 2, "": 1})) == [
        "1 ok  3 broken  1 suspect",
        "1.00 hours of video that can be read, in 2 files",
        "broken:",
        "       2  ends … s before the … s that its header tells, such as c.mp4",
        "       1  is empty: 0 bytes, such as \\udcff.mp4",
        "suspect:",
        "       1  the header tells 9.00 s, the frames last 8.00 s, such as b.mp4",
        "left aside, as they are not named like videos: 2 .txt, 1 without ending",
    ]


def test_many_reasons_are_cut() -> None:
    words = "abcdefghijklmnop"
    told = lines(*(row(f"{word}.mp4", verdict="broken", reason=f"is {word}") for word in words))
    assert len(told) == 3 + 12 + 1
    assert told[-1] == "       4  for 4 other reasons"


def test_splits_are_told_where_there_are_several() -> None:
    told = lines(row("a"), row("b", "val", verdict="broken", reason="is empty"))
    assert told[1:3] == ["  train: 1 ok, 0 broken, 0 suspect", "  val: 0 ok, 1 broken, 0 suspect"]


def test_a_video_of_training_in_another_split_is_a_warning() -> None:
    told = lines(row("a", sha256="00"), row("b", "val", "00"), row("c", "val", "11"), row("d", "test", "11"))
    assert told[-2:] == [
        "warning: 1 of the videos of val are in train too, to the byte, such as b = a",
        "warning: 1 of the videos of test are in val too, to the byte, such as d = c",
    ]


def test_repeats_in_a_split_are_told() -> None:
    told = lines(row("a", sha256="00"), row("b", sha256="00"), row("c", sha256="00"))
    assert told[-1] == "2 videos to the byte like another of the same split, such as b = a"


def test_the_same_path_as_val_and_test_is_no_leak() -> None:
    assert len(lines(row("a", "val", "00"), row("a", "test", "00"))) == 4


def test_broken_ones_are_no_repeats() -> None:
    broken = {"verdict": "broken", "reason": "is text"}
    assert "same" not in "".join(lines(row("a", sha256="00", **broken), row("b", sha256="00", **broken)))


def test_reasons_are_told_without_their_numbers() -> None:
    assert general_reason("h264 frame at -0.3 s of 340×256; read 7 of 9") == "h264 frame at … s of …"
    assert general_reason("is a link to /a b/c, where nothing is") == "is a link to …, where nothing is"
