"""The picture of the statistics as a file."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_statistics import pixel_statistics, record, statistics_of
from PIL import Image

from vidmask.data.statistics.picture import check_picture_path, draw, write_picture
from vidmask.data.statistics.style import SPLIT_COLOURS


def labelled(number_of_classes: int, labels=("class",)):
    records = []
    for place in range(2 * number_of_classes):
        names = {label: f"{label} {place % number_of_classes}" for label in labels}
        split = "train" if place < number_of_classes else "val"
        records.append(record(f"{place}.mp4", split, labels=names, duration_seconds=1.0 + place % 5))
    return records


def titles(figure):
    return [axes.get_title("left") for axes in figure.axes]


@pytest.mark.parametrize("number_of_classes", [2, 30, 700])
def test_a_picture_is_written_and_shows_something(tmp_path: Path, number_of_classes: int) -> None:
    found = statistics_of(tmp_path, labelled(number_of_classes))
    found = dataclasses.replace(found, pixels=pixel_statistics())
    path = tmp_path / "found.png"
    write_picture(path, found)
    pixels = np.asarray(Image.open(path).convert("RGB"))
    assert pixels.shape[1] == 1560
    assert pixels.shape[0] > 1000
    # Mostly white, with the colours of both splits, and of the frames at the bottom.
    assert 0.5 < (pixels == 255).all(-1).mean() < 0.98
    for name in ("train", "val"):
        colour = [int(SPLIT_COLOURS[name][place : place + 2], 16) for place in (1, 3, 5)]
        assert (pixels == colour).all(-1).sum() > 500
    assert (pixels[-250:] == 40).all(-1).sum() > 5000
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_panels_are_those_that_have_data(tmp_path: Path) -> None:
    found = statistics_of(tmp_path, labelled(3, ("shape", "motion")))
    always = ["Durations", "Sizes", "Frame rates"]
    shown = titles(draw(found))
    assert shown[:3] == always
    assert sorted(shown[3:]) == ["Classes of 'motion': 3", "Classes of 'shape': 3"]
    unlabelled = statistics_of(tmp_path, [record("a.mp4")])
    assert titles(draw(unlabelled)) == always
    with_pixels = dataclasses.replace(unlabelled, pixels=pixel_statistics())
    assert titles(draw(with_pixels)) == [always[0], "Pixels", *always[1:], "Frames of 3 videos of train"]


def test_nothing_known_is_drawn_too(tmp_path: Path) -> None:
    nothing = {"duration_seconds": None, "width": None, "fps": None, "codec": ""}
    records = [record("a.mp4", **nothing), record("b.mp4", "val", verdict="broken")]
    write_picture(tmp_path / "found.svg", statistics_of(tmp_path, records))
    assert (tmp_path / "found.svg").read_text().startswith("<?xml")


def test_names_with_odd_characters_are_drawn(tmp_path: Path) -> None:
    names = ["cost $5 and $6_", "a\nb", b"caf\xe9".decode("utf-8", "surrogateescape"), r"\frac{", "x" * 200]
    records = [record(f"{place}.mp4", labels={"$": name}) for place, name in enumerate(names)]
    write_picture(tmp_path / "found.png", statistics_of(tmp_path, records))


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"found.jpg: a picture ends in .png, .pdf, .svg"):
        check_picture_path(tmp_path / "found.jpg")
    for name in ("a.png", "b.PDF", "c.svg"):
        check_picture_path(tmp_path / name)


def test_pyplot_is_left_alone(tmp_path: Path) -> None:
    statistics_of(tmp_path, labelled(2))
    code = (
        "import sys, vidmask.data.statistics.picture as picture\n"
        "from vidmask.data.statistics.gathering import statistics\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"picture.draw(statistics({str(tmp_path / 'videos.csv')!r}, 0)).canvas.draw()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
