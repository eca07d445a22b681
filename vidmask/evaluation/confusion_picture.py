"""What a classifier answered in place of what, as a picture."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from torch import Tensor

from vidmask.data.words import counted, printable
from vidmask.data.writers import whole_file

# Up to so many classes the cells hold their counts, and the axes the names of the classes.
_MOST_COUNTED = 20
_MOST_NAMED = 40
_LONGEST_NAME = 28
_LONGEST_TITLE = 90

_DPI = 130
_POINT = _DPI / 72  # pixels
# Cells have whole pixels, or lines of a large matrix would differ in width. Pixels of a side, if it can be;
# of the cells of few classes; and at least and at most of a side.
_SIDE, _LARGEST_CELL = 1000, 120
_FEWEST_PIXELS, _MOST_PIXELS = 240, 2000
_NAME_SIZE, _SMALLEST_SIZE = 8.5, 4.0  # points
# Width of a character in shares of its height, at most: a digit has 0.64 in Matplotlib's own font.
_CHARACTER = 0.66
_GREY, _EMPTY = "#555555", "#e6e6e6"


def write_confusion(
    path: str | os.PathLike[str], counts: Int[Tensor, "c c"], classes: Sequence[str], title: str
) -> None:
    """Draw a confusion matrix and write it as PNG, whole or not at all.

    Args:
        path: The file; one of that name is replaced.
        counts: Videos of each class (row) that were given each answer (column).
        classes: The names of the classes, in index order.
        title: What stands above it.

    Raises:
        ValueError: If there is not one name for each class.
        OSError: If it cannot be written.
    """
    figure = draw_confusion(counts, classes, title)
    with whole_file(Path(path)) as unfinished:
        figure.savefig(
            unfinished, format="png", dpi=_DPI, facecolor="white", bbox_inches="tight", pad_inches=0.15
        )


def draw_confusion(counts: Int[Tensor, "c c"], classes: Sequence[str], title: str) -> Any:
    """Return a ``matplotlib.figure.Figure`` of a confusion matrix; see ``write_confusion``.

    The colour of a cell is its share of the row, so that classes of many and of few videos look alike. A
    class without a video has a grey row. In the small cells of many classes the colour goes by the root of
    the share, or rare confusions could not be seen. Labels stand outside the figure, which is as large as
    the matrix: save it with ``bbox_inches="tight"``.
    """
    from matplotlib.figure import Figure

    if len(classes) != len(counts):
        raise ValueError(f"a matrix of {len(counts)} classes needs as many names, got {len(classes)}")
    numbers = counts.cpu().numpy()
    cell = max(min(_LARGEST_CELL, -(-_SIDE // len(classes))), _FEWEST_PIXELS // len(classes))
    side = min(cell * len(classes), _MOST_PIXELS) / _DPI
    figure = Figure(figsize=(side, side), dpi=_DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    videos = numbers.sum(axis=1, keepdims=True)
    shares = np.where(videos > 0, numbers / np.maximum(videos, 1), np.nan)
    picture = _draw_shares(axes, shares)
    if len(classes) <= _MOST_COUNTED:
        _write_counts(axes, numbers, shares, cell)
    _name_axes(axes, classes, cell)
    _draw_scale(figure, axes, picture)
    right = int(np.trace(numbers))
    below = f"{counted(int(videos.sum()), 'video')}, {counted(len(classes), 'class')}"
    below += f", {right / max(int(videos.sum()), 1):.1%} right"
    axes.set_title(below, loc="left", fontsize=9, color=_GREY)
    axes.annotate(
        _shown(title, _LONGEST_TITLE),
        (0, 1),
        xytext=(0, 22),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=11,
        fontweight="bold",
        parse_math=False,
    )
    return figure


def _draw_shares(axes: Any, shares: np.ndarray) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, PowerNorm

    # Nothing is white, which the palest blue is not.
    palette = ["white", *colormaps["Blues"](np.linspace(0, 1, 255))]
    colours = ListedColormap(palette).with_extremes(bad=_EMPTY)
    norm = PowerNorm(1 if len(shares) <= _MOST_NAMED else 0.5, vmin=0, vmax=1)
    # Neighbours are mixed only where a pixel shows several.
    interpolation = "nearest" if len(shares) <= _MOST_PIXELS else "hanning"
    picture = axes.imshow(shares, cmap=colours, norm=norm, aspect="auto", interpolation=interpolation)
    for side in axes.spines.values():
        side.set(color="#bbbbbb", linewidth=0.8)
    return picture


def _write_counts(axes: Any, numbers: np.ndarray, shares: np.ndarray, cell: int) -> None:
    longest = len(f"{numbers.max():,}")
    size = max(min(11.0, 0.9 * cell / (_CHARACTER * longest) / _POINT), _SMALLEST_SIZE)
    for (row, column), number in np.ndenumerate(numbers):
        if number:
            colour = "white" if shares[row, column] > 0.5 else "#222222"
            axes.text(column, row, f"{number:,}", ha="center", va="center", fontsize=size, color=colour)


def _name_axes(axes: Any, classes: Sequence[str], cell: int) -> None:
    axes.set_ylabel("truth", fontsize=9)
    axes.set_xlabel("answer", fontsize=9)
    if len(classes) > _MOST_NAMED:
        axes.set(xticks=[], yticks=[])
        return
    names = [_shown(name, _LONGEST_NAME) for name in classes]
    fits = max(map(len, names)) * _CHARACTER * _NAME_SIZE * _POINT < cell
    turn: dict[str, Any] = {} if fits else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    places = range(len(names))
    for text in (
        *axes.set_xticks(places, names, fontsize=_NAME_SIZE, **turn),
        *axes.set_yticks(places, names, fontsize=_NAME_SIZE),
    ):
        text.label1.set_parse_math(False)
    axes.tick_params(length=0, pad=5)


def _draw_scale(figure: Any, axes: Any, picture: Any) -> None:
    """Draw the scale of colours to the right of the matrix, of one width and distance for all sizes."""
    from matplotlib.ticker import PercentFormatter

    side = figure.get_figwidth()
    scale = figure.add_axes((1 + 0.15 / side, 0, 0.14 / side, 1))
    linear = picture.norm.gamma == 1
    ticks = (0, 0.2, 0.4, 0.6, 0.8, 1) if linear else (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1)
    bar = figure.colorbar(picture, cax=scale, ticks=ticks, format=PercentFormatter(1, decimals=0))
    bar.outline.set_visible(False)
    scale.tick_params(labelsize=8.5, color="#bbbbbb")
    scale.set_ylabel("share of the class", fontsize=9)


def _shown(name: str, most: int) -> str:
    name = printable(name)
    return name if len(name) <= most else name[: most - 1] + "…"
