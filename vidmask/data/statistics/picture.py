"""The statistics of a data set as one picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidmask.data.statistics.gathering import DataStatistics
from vidmask.data.statistics.panels import (
    HALF_WIDTH_CLASSES,
    class_panel,
    draw_durations,
    draw_pixels,
    draw_rates,
    draw_samples,
    draw_sizes,
    strip_inches,
)
from vidmask.data.statistics.style import SPLIT_COLOURS, Axes, shown_name
from vidmask.data.words import length
from vidmask.data.writers import check_writable, whole_file

SUFFIXES = (".png", ".pdf", ".svg")

_WIDTH_INCHES = 12.0
_HEAD_INCHES = 0.75
_PANEL_INCHES = 2.9
_DPI = 130


Panel = Callable[[Axes, DataStatistics], None]


def check_picture_path(path: Path) -> None:
    """Refuse a name that tells no format, or where no file can be.

    Raises:
        ValueError: That it is so.
        OSError: If there is no such folder, or it cannot be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: a picture ends in {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; give the name of a picture")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    check_writable(path)


def write_picture(path: Path, found: DataStatistics) -> None:
    """Draw the statistics and write them, whole or not at all.

    Args:
        path: The file, ending in .png, .pdf or .svg; one of that name is replaced.
        found: The statistics.

    Raises:
        ValueError: If the ending is another.
        OSError: If it cannot be written.
    """
    check_picture_path(path)
    figure = draw(found)
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, format=path.suffix[1:].lower(), dpi=_DPI, facecolor="white")


def draw(found: DataStatistics) -> Any:
    """Return a ``matplotlib.figure.Figure``; pyplot, and whatever is set for it, stays as it is."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = _rows(found)
    heights = [
        strip_inches(found, _WIDTH_INCHES) if row[0] is draw_samples else _PANEL_INCHES for row in rows
    ]
    total = sum(heights) + _HEAD_INCHES
    layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.12, rect=(0, 0, 1, 1 - _HEAD_INCHES / total))
    figure = Figure(figsize=(_WIDTH_INCHES, total), layout=layout)
    grid = figure.add_gridspec(len(rows), 2, height_ratios=heights)
    for place, row in enumerate(rows):
        for column, panel in enumerate(row):
            axes = figure.add_subplot(grid[place, :] if len(row) == 1 else grid[place, column])
            panel(axes, found)
    _head(figure, found)
    return figure


def _rows(found: DataStatistics) -> list[list[Panel]]:
    """Return the panels, one or two in a row."""
    rows: list[list[Panel]] = []
    beside: list[Panel] = [draw_durations] if found.pixels is None else [draw_durations, draw_pixels]
    rows += [beside, [draw_sizes, draw_rates]]
    narrow: list[Panel] = []
    for name in dict.fromkeys(name for split in found.splits.values() for name in split.labels):
        number = max(split.labels[name].classes for split in found.splits.values())
        if number > HALF_WIDTH_CLASSES:
            rows.append([class_panel(name)])
        elif number:
            narrow.append(class_panel(name))
    rows += [narrow[place : place + 2] for place in range(0, len(narrow), 2)]
    if found.pixels is not None and found.pixels.samples:
        rows.append([draw_samples])
    return rows


def _head(figure: Any, found: DataStatistics) -> None:
    from matplotlib.patches import Patch

    height = figure.get_figheight()
    # No suptitle: the layout would leave room for it a second time.
    title = figure.text(0.012, 1 - 0.12 / height, shown_name(found.source[-90:], 90), va="top", fontsize=14)
    title.set(fontweight="bold", parse_math=False)
    handles = [
        Patch(
            color=SPLIT_COLOURS[name],
            label=f"{name}: {split.videos:,} videos, {length(split.seconds)}"
            + (f", {split.unreadable:,} unreadable" if split.unreadable else ""),
        )
        for name, split in found.splits.items()
    ]
    place = (0.004, 1 - 0.4 / height)
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=place, ncols=3, frameon=False, fontsize=9.5
    )
