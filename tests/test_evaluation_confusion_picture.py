"""The picture of a confusion matrix."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vidmask.evaluation.confusion_picture import draw_confusion, write_confusion


def counts_of(number: int) -> torch.Tensor:
    """Return counts of which three quarters are right."""
    counts = 9 * torch.eye(number, dtype=torch.int64)
    return counts + 3 * torch.eye(number, dtype=torch.int64).roll(1, dims=1)


def names_of(number: int) -> list[str]:
    return [f"putting something number {place} onto something" for place in range(number)]


def boxes(figure, texts) -> list:
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [text.get_window_extent(renderer) for text in texts if text.get_visible() and text.get_text()]


def tick_names(axis) -> list[str]:
    return [text.get_text() for text in axis.get_ticklabels()]


@pytest.mark.parametrize("number", [1, 2, 8, 40, 41, 400, 1100])
def test_a_picture_is_written_and_shows_the_matrix(tmp_path: Path, number: int) -> None:
    write_confusion(tmp_path / "c.png", counts_of(number), names_of(number), "title")
    pixels = np.asarray(Image.open(tmp_path / "c.png").convert("RGB")).astype(int)
    assert 300 < pixels.shape[0] < 1800
    assert 300 < pixels.shape[1] < 1800
    # Cells in the two blues: 100 % where there is one class, else 75 % for the right, 25 % for the wrong.
    dark = (pixels[..., 2] > pixels[..., 0] + 60) & (pixels[..., 0] < 60)
    assert dark.sum() > 700
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]


def test_rows_are_the_truth_and_columns_the_answer(tmp_path: Path) -> None:
    # All videos of the first class are taken for the second: the dark cell is at the top right.
    write_confusion(tmp_path / "c.png", torch.tensor([[0, 5], [0, 0]]), ["a", "b"], "title")
    pixels = np.asarray(Image.open(tmp_path / "c.png").convert("RGB")).astype(int)
    dark = (pixels[..., 2] > pixels[..., 0] + 60) & (pixels[..., 0] < 30)
    # Not the scale of colours, which is 18 pixels wide.
    places = np.nonzero(dark.sum(axis=1) > 60)[0]
    columns = np.nonzero(dark.sum(axis=0) > 60)[0]
    assert 100 < len(places) <= 120
    assert 100 < len(columns) <= 120
    # The second class has no video: its row, below, is grey from the left of the dark cell to its right.
    grey = (pixels == 0xE6).all(-1)
    grey_places = np.nonzero(grey.sum(axis=1) > 200)[0]
    grey_columns = np.nonzero(grey.sum(axis=0) > 100)[0]
    assert places[-1] < grey_places[0] <= places[-1] + 3
    assert columns[0] - grey_columns[0] > 115
    assert abs(columns[-1] - grey_columns[-1]) < 3


def test_colours_are_shares_of_the_row():
    figure = draw_confusion(torch.tensor([[30, 10, 0], [1, 1, 0], [0, 0, 0]]), "abc", "title")
    (picture,) = figure.axes[0].get_images()
    shares = picture.get_array().filled(-1)
    assert shares.tolist() == [[0.75, 0.25, 0], [0.5, 0.5, 0], [-1, -1, -1]]
    assert figure.axes[0].get_title("left") == "42 videos, 3 classes, 73.8% right"


@pytest.mark.parametrize(
    ("number", "has_counts", "has_names"),
    [(2, True, True), (20, True, True), (21, False, True), (40, False, True), (41, False, False)],
)
def test_counts_and_names_are_written_where_there_is_room(number, has_counts, has_names):
    figure = draw_confusion(counts_of(number), [f"class {place}" for place in range(number)], "title")
    axes = figure.axes[0]
    counts = [text.get_text() for text in axes.texts if text.get_text().isdecimal()]
    assert counts == (["9", "3"] + ["9", "3"] * (number - 2) + ["3", "9"] if has_counts else [])
    names = [f"class {place}" for place in range(number)] if has_names else []
    assert tick_names(axes.xaxis) == tick_names(axes.yaxis) == names


@pytest.mark.parametrize("number", [2, 8, 20, 40])
@pytest.mark.parametrize("most", [9, 123_456])
def test_labels_neither_overlap_nor_leave_their_cells(number, most):
    counts = counts_of(number)
    counts[counts > 5] = most
    figure = draw_confusion(counts, names_of(number), "title")
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    cell = axes.get_window_extent().width / number
    if number <= 20:
        assert all(box.width < cell and box.height < cell for box in boxes(figure, axes.texts[:-1]))
    rows = boxes(figure, axes.get_yticklabels())
    assert all(first.y0 >= second.y1 for first, second in itertools.pairwise(rows))
    # Turned by 45°, neighbours are as far from each other as their height needs.
    columns = axes.get_xticklabels()
    assert {label.get_rotation() for label in columns} == {45.0}
    assert cell * np.sqrt(0.5) > rows[0].height
    below = boxes(figure, columns)
    assert max(box.y1 for box in below) <= axes.get_window_extent().y0
    # The names of axes, the scale and what stands above are clear of all these.
    (title,) = boxes(figure, axes.texts[-1:])
    (subtitle,) = boxes(figure, [axes._left_title])
    assert axes.get_window_extent().y1 < subtitle.y0 < subtitle.y1 < title.y0
    assert boxes(figure, [axes.yaxis.label])[0].x1 < min(box.x0 for box in rows)
    assert boxes(figure, [axes.xaxis.label])[0].y1 < min(box.y0 for box in below)
    assert figure.axes[1].get_window_extent().x0 > axes.get_window_extent().x1


@pytest.mark.parametrize(("number", "place"), [(40, 0.25), (41, 0.5)])
def test_small_cells_show_small_shares(number, place):
    """A share of a quarter is a quarter up the scale, and half up it where there are many classes."""
    figure = draw_confusion(counts_of(number), names_of(number), "title")
    (picture,) = figure.axes[0].get_images()
    assert picture.norm(0.25) == pytest.approx(place)
    assert tuple(picture.cmap(picture.norm(0.0))) == (1, 1, 1, 1)
    assert tick_names(figure.axes[1].yaxis)[:2] == ["0%", "20%" if number == 40 else "1%"]


def test_short_names_stand_upright():
    labels = draw_confusion(counts_of(4), ["up", "down", "left", "right"], "t").axes[0].get_xticklabels()
    assert {label.get_rotation() for label in labels} == {0.0}


def test_long_names_are_cut():
    names = ["x" * 28, "y" * 29]
    axes = draw_confusion(counts_of(2), names, "t" * 200).axes[0]
    assert tick_names(axes.yaxis) == ["x" * 28, "y" * 27 + "…"]
    assert axes.texts[-1].get_text() == "t" * 89 + "…"


def test_names_with_odd_characters_are_drawn(tmp_path: Path) -> None:
    names = ["cost $5 and $6_", "a\nb", b"caf\xe9".decode("utf-8", "surrogateescape"), r"$\frac{$"]
    write_confusion(tmp_path / "c.png", counts_of(4), names, r"$\frac{$")
    assert tick_names(draw_confusion(counts_of(4), names, "t").axes[0].yaxis)[1:3] == ["a b", "caf?"]


def test_no_video_is_drawn_too(tmp_path: Path) -> None:
    write_confusion(tmp_path / "c.png", torch.zeros(3, 3, dtype=torch.int64), "abc", "title")


def test_a_picture_that_is_there_stays_if_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(figure, path, **_) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "c.png").write_bytes(b"whole")
    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_confusion(tmp_path / "c.png", counts_of(2), "ab", "title")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("c.png", b"whole")]


def test_a_missing_name_is_refused():
    with pytest.raises(ValueError, match="a matrix of 3 classes needs as many names, got 2"):
        draw_confusion(counts_of(3), ["a", "b"], "title")


def test_pyplot_is_left_alone():
    code = (
        "import sys, torch, vidmask.evaluation.confusion_picture as picture\n"
        "assert 'matplotlib' not in sys.modules\n"
        "picture.draw_confusion(torch.eye(3, dtype=torch.int64), 'abc', 'title').canvas.draw()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
