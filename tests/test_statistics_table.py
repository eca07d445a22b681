"""What is printed of the statistics."""

import dataclasses
import io

from data_statistics import pixel_statistics, record, statistics_of
from rich.console import Console

from vidmask.data.statistics.gathering import Unreadable
from vidmask.data.statistics.table import StatisticsTable, remarks


def printed(found) -> str:
    out = io.StringIO()
    Console(file=out, width=400, markup=False, highlight=False).print(StatisticsTable(found))
    return out.getvalue()


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells after the name of each row."""
    lines = [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in text.splitlines()]
    return {line[0]: line[1:] for line in lines if line}


def test_each_split_is_a_column(tmp_path):
    records = [record(f"{number}.mp4", labels={"class": "aab"[number % 3]}) for number in range(6)]
    records += [record("v.mp4", "val", labels={"class": "a"}, fps=12.5, width=64, height=64, codec="vp9")]
    told = rows(printed(statistics_of(tmp_path, records, clip_seconds=5.0)))
    assert told["train"] == ["val"]
    assert told["videos"] == ["6", "1"]
    assert told["length"] == ["24 s", "4 s"]
    assert told["size"] == ["6.0 kB, 0.002 Mbit/s", "1.0 kB, 0.002 Mbit/s"]
    assert told["classes"] == ["2 of 'class'", "1 of 'class'"]
    assert told["videos: min / median / max"] == ["2 / 3 / 4", "1 / 1 / 1"]
    assert told["max : min"] == ["2", "1"]
    assert told["duration, s: min / median / max"] == ["4 / 4 / 4", "4 / 4 / 4"]
    assert told["under 5.00 s"] == ["100.0%", "100.0%"]
    assert told["width×height"] == ["340×256 100%", "64×64 100%"]
    assert told["orientation"] == ["landscape 100%", "square 100%"]
    assert told["frames a second"] == ["30 100%", "12.5 100%"]
    assert told["codec"] == ["h264 100%", "vp9 100%"]
    assert told["missing"] == ["1"]
    assert "unreadable" not in told


def test_unlabelled_is_said(tmp_path):
    assert rows(printed(statistics_of(tmp_path, [record("a.mp4")])))["classes"] == ["unlabelled"]


def test_only_the_most_frequent_are_named(tmp_path):
    records = [
        record(f"{size}{copy}.mp4", width=size) for size in (300, 400, 500, 600) for copy in range(size)
    ]
    told = rows(printed(statistics_of(tmp_path, records)))
    assert told["width×height"] == ["600×256 33%, 500×256 28%, 400×256 22%, 1 more"]


def test_pixels_stand_beside_imagenets(tmp_path):
    found = dataclasses.replace(statistics_of(tmp_path, [record("a.mp4")]), pixels=pixel_statistics())
    text = printed(dataclasses.replace(found, pixels_asked=5))
    assert "of 5 of 7 videos drawn" in printed(dataclasses.replace(found, pixels_asked=7))
    assert (
        "[0, 1] of 5 videos drawn from train (seed 0), 4 frames of each; every video counts the same" in text
    )
    told = rows(text)
    assert told["mean"] == ["0.5000"] * 3
    assert told["standard deviation"] == ["0.1000"] * 3
    assert text.count("±0.1000") == 6
    # The last row of that name is the deviation's.
    assert told["ImageNet's"] == ["0.229", "0.224", "0.225"]
    assert "0.485     0.456     0.406" in text


def test_what_to_mind_is_told(tmp_path):
    labels = [{"class": name} for name in ("a", "b", "c", "d", "e")]
    records = [record(f"{place}.mp4", labels=label) for place, label in enumerate(labels)]
    records.append(record("v.mp4", "val", labels={"class": "a"}, fps=10.0))
    found = statistics_of(tmp_path, records)
    lost = tuple(Unreadable(f"{number}.mp4", "train", "is empty") for number in range(5))
    found = dataclasses.replace(found, unreadable=lost, undecodable=lost[:1], pixels_asked=7)
    told = list(remarks(found))
    assert "stride_seconds" in told[0]
    assert told[1:] == [
        "val: no video of 4 classes: b, c, d, … (class).",
        "Pixels: none of the 7 videos drawn can be decoded.",
        "5 videos cannot be read, and count nowhere:",
        *(f"  {number}.mp4: is empty" for number in range(3)),
        "  … and 2 more",
        "1 video drawn for the pixels cannot be decoded:",
        "  0.mp4: is empty",
    ]


def test_a_good_data_set_has_no_remarks(tmp_path):
    assert list(remarks(statistics_of(tmp_path, [record("a.mp4")]))) == []


def test_names_that_are_no_text_are_printed(tmp_path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    records = [record("a.mp4", labels={name: name}), record("b.mp4", "val", labels={name: "x"})]
    records.append(record(f"{name}.mp4", verdict="broken", reason="is empty"))
    text = printed(statistics_of(tmp_path, records))
    assert "caf?.mp4: is empty" in text
    assert text.encode()
