"""The panels of the picture of a data set's statistics: each is drawn into axes of Matplotlib."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vidmask.data.statistics.gathering import DataStatistics
from vidmask.data.statistics.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelStatistics
from vidmask.data.statistics.splits import LabelStatistics
from vidmask.data.statistics.style import (
    CHANNELS,
    GREY,
    SPLIT_COLOURS,
    SPLIT_LINES,
    Axes,
    count_in_whole_numbers,
    remark,
    set_log,
    shown_name,
    style,
)

# More classes than this are drawn as a curve, fewer as bars with names; and two panels of as few as that
# stand beside each other.
_NAMED_CLASSES = 40
HALF_WIDTH_CLASSES = 14
# Values that have a bar: the most frequent, as far as each has this share of the videos.
_MOST_VALUES = 8
_FEWEST_VALUES = 3
_SMALLEST_SHARE = 0.01
# How many times as wide as high a row of frames may be, and pixels between two.
_LONGEST_ROW = 13.0
_GAP = 6


def draw_durations(axes: Axes, found: DataStatistics) -> None:
    """Draw a histogram of the lengths for each split, and the length of a clip."""
    edges = np.array(found.duration_edges)
    style(axes, "Durations", "seconds", "videos of the split, %")
    for name, split in found.splits.items():
        total = sum(split.duration_counts)
        if total:
            shares = 100 * np.array(split.duration_counts) / total
            colour, line = SPLIT_COLOURS[name], SPLIT_LINES[name]
            axes.stairs(shares, edges, color=colour, linestyle=line, linewidth=1.6)
            if name == next(iter(found.splits)):
                axes.stairs(shares, edges, color=colour, fill=True, alpha=0.18)
    if edges[0] > 0 and edges[-1] > 10 * edges[0]:
        set_log(axes, "x")
    axes.set_ylim(bottom=0)
    videos = sum(split.videos for split in found.splits.values())
    short = sum(split.too_short for split in found.splits.values()) / videos
    axes.axvline(found.clip_seconds, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    remark(axes, f"{short:.1%} shorter than a clip of {found.clip_seconds:.2f} s")


def draw_pixels(axes: Axes, found: DataStatistics) -> None:
    """Draw a histogram of the pixels for each channel."""
    pixels = found.pixels
    assert pixels is not None
    style(axes, "Pixels", "", "pixels, %")
    # Conversion from 8 bits of video leaves gaps between single values.
    shares = 100 * pixels.histogram.reshape(3, 64, 4).sum(-1)
    edges = np.arange(65) / 64
    for channel, (name, colour, line) in enumerate(CHANNELS):
        label = f"{name}  {pixels.mean[channel]:.3f} ({pixels.std[channel]:.3f})"
        axes.stairs(
            shares[channel], edges, color=colour, linestyle=line, linewidth=1.8, label=label, baseline=None
        )
    # Black borders would flatten all else.
    most = max(shares[:, 1:-1].max(), 1.5 * np.median(shares), 1e-9)
    axes.set_ylim(0, 1.5 * most)
    axes.set_xlim(0, 1)
    ends = ((0, "black"), (-1, "white"))
    beyond = [
        f"{shares[:, place].max():.0f} % {what}"
        for place, what in ends
        if shares[:, place].max() > 1.5 * most
    ]
    cut = f", cut off: {', '.join(beyond)}" if beyond else ""
    remark(axes, f"{pixels.videos:,} videos of {pixels.split}{cut}")
    other = ", ".join(
        f"{mean:.3f} ({std:.3f})" for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
    )
    axes.set_xlabel(f"value in [0, 1]; ImageNet has {other}", fontsize=9)
    legend = axes.legend(loc="upper center", fontsize=9, ncols=3, framealpha=0.9, edgecolor="none")
    legend.set_title("mean (standard deviation)", prop={"size": 9})


def draw_sizes(axes: Axes, found: DataStatistics) -> None:
    """Draw how many videos have which width and height."""
    _draw_values(axes, found, "Sizes", {name: split.sizes for name, split in found.splits.items()})


def draw_rates(axes: Axes, found: DataStatistics) -> None:
    """Draw how many videos have which frame rate."""
    rates = {
        name: {f"{rate:g} fps": number for rate, number in split.frame_rates.items()}
        for name, split in found.splits.items()
    }
    _draw_values(axes, found, "Frame rates", rates)
    if found.mixed_rates:
        remark(axes, "mixed: a stride in seconds keeps one speed")


def _draw_values(axes: Axes, found: DataStatistics, title: str, counts: dict[str, dict[str, int]]) -> None:
    """Draw a bar for each of the most frequent values, and one for all others."""
    together: Counter[str] = Counter()
    for counted in counts.values():
        together.update(counted)
    style(axes, title, "videos", "")
    total = together.total()
    ranked = [value for value, _ in together.most_common()]
    frequent = sum(number >= _SMALLEST_SHARE * total for number in together.values())
    number_named = min(max(frequent, _FEWEST_VALUES), _MOST_VALUES)
    named, others = ranked[:number_named], ranked[number_named:]
    if len(others) == 1:
        named, others = ranked, []
    names = named + ([f"{len(others):,} others"] if others else [])
    left = np.zeros(len(names))
    for split, counted in counts.items():
        values = [counted.get(value, 0) for value in named]
        if others:
            values.append(sum(counted.get(value, 0) for value in others))
        axes.barh(range(len(names)), values, left=left, color=SPLIT_COLOURS[split], height=0.72)
        left += values
    for place, number in enumerate(left):
        axes.annotate(f" {number / total:.1%}", (number, place), va="center", fontsize=9, color=GREY)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    # One bar alone is not as high as the panel.
    room = max(4 - len(names), 0) / 2
    axes.set_ylim(len(names) - 0.5 + room, -0.5 - room)
    axes.set_xlim(0, 1.15 * max(left.max(), 1) if len(names) else 1)
    axes.grid(axis="y", visible=False)
    count_in_whole_numbers(axes.xaxis)


def class_panel(name: str) -> Callable[[Axes, DataStatistics], None]:
    """Return what draws the classes of a label: bars with names for some, a curve for many."""

    def panel(axes: Axes, found: DataStatistics) -> None:
        labels = {split: part.labels[name] for split, part in found.splits.items()}
        together: Counter[str] = Counter()
        for label in labels.values():
            together.update(label.videos)
        axes_title = f"Classes of {shown_name(name, 30)!r}: {len(together):,}"
        style(axes, axes_title, "", "videos")
        if len(together) > _NAMED_CLASSES:
            _draw_ranks(axes, labels)
        else:
            _draw_classes(axes, labels, together)
        unlabelled = sum(label.unlabelled for label in labels.values())
        ratios = [f"{split} 1 : {label.imbalance:.3g}" for split, label in labels.items() if label.classes]
        below = ["rank of the class in its split"] if len(together) > _NAMED_CLASSES else []
        below += [f"smallest to largest: {', '.join(ratios)}"]
        below += [f"{unlabelled:,} videos unlabelled"] if unlabelled else []
        axes.set_xlabel("; ".join(below), fontsize=9)

    return panel


def _draw_classes(axes: Axes, labels: Mapping[str, LabelStatistics], together: Counter[str]) -> None:
    names = [name for name, _ in together.most_common()]
    bottom = np.zeros(len(names))
    for split, label in labels.items():
        values = np.array([label.videos.get(name, 0) for name in names])
        axes.bar(range(len(names)), values, bottom=bottom, color=SPLIT_COLOURS[split], width=0.78)
        bottom += values
    shown = [shown_name(name, 22) for name in names]
    turned = len(names) > 4 and (len(names) > HALF_WIDTH_CLASSES or max(map(len, shown)) > 9)
    turn: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    for text in axes.set_xticks(range(len(names)), shown, fontsize=8.5, **turn):
        text.label1.set_parse_math(False)
    # Bars of two classes are not as wide as the picture.
    room = max(8 - len(names), 0) / 2
    axes.set_xlim(-0.6 - room, len(names) - 0.4 + room)
    axes.grid(axis="x", visible=False)
    count_in_whole_numbers(axes.yaxis)


def _draw_ranks(axes: Axes, labels: Mapping[str, LabelStatistics]) -> None:
    """Draw for each split its classes from the largest to the smallest."""
    for split, label in labels.items():
        sizes = list(label.videos.values())
        if not sizes:
            continue
        colour = SPLIT_COLOURS[split]
        edges = np.arange(len(sizes) + 1)
        axes.stairs(sizes, edges, color=colour, linestyle=SPLIT_LINES[split], linewidth=1.8, baseline=None)
    first = next(label for label in labels.values() if label.classes)
    ranked = list(first.videos.items())
    most = max(label.largest for label in labels.values())
    least = min(label.smallest for label in labels.values() if label.classes)
    if most > 10 * least:
        set_log(axes, "y")
        axes.set_ylim(0.7 * least, 1.6 * most)
    else:
        axes.set_ylim(0, 1.15 * most)
    lines = [f"{shown_name(name, 32)}  {number:,}" for name, number in ranked]
    text = "\n".join(["largest:", *lines[:4], "", "smallest:", *lines[-4:]])
    number = max(label.classes for label in labels.values())
    # The names stand to the right of the curves.
    axes.set_xlim(0, 1.34 * number)
    axes.axvspan(1.005 * number, 1.34 * number, facecolor="white", zorder=0.6)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= number])
    note = axes.annotate(text, (0.765, 0.98), xycoords="axes fraction", va="top", fontsize=8.5, color=GREY)
    note.set(parse_math=False, linespacing=1.3)


def draw_samples(axes: Axes, found: DataStatistics) -> None:
    """Draw a frame of each of some videos."""
    pixels = found.pixels
    assert pixels is not None
    rows = _sample_rows(pixels)
    strips = [_side_by_side(row) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    gap = np.full((_GAP, width, 3), 255, np.uint8)
    padded = [
        np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=255) for strip in strips
    ]
    picture = np.concatenate([part for strip in padded for part in (strip, gap)][:-1])
    axes.imshow(picture, interpolation="lanczos", aspect="equal")
    axes.set_axis_off()
    axes.set_anchor("W")
    axes.set_title(
        f"Frames of {len(pixels.samples)} videos of {pixels.split}",
        loc="left",
        fontsize=11,
        fontweight="bold",
    )


def _sample_rows(pixels: PixelStatistics) -> list[Sequence[np.ndarray]]:
    """Return the sample frames in one row, or in two where they would be too small."""
    samples = pixels.samples
    number = 1 if sum(sample.shape[1] / sample.shape[0] for sample in samples) <= _LONGEST_ROW else 2
    columns = -(-len(samples) // number)
    return [samples[place : place + columns] for place in range(0, len(samples), columns)]


def strip_inches(found: DataStatistics, width: float) -> float:
    """Return how high the panel of sample frames is in a picture of a width, in inches."""
    assert found.pixels is not None
    rows = _sample_rows(found.pixels)
    longest = max(sum(sample.shape[1] / sample.shape[0] for sample in row) for row in rows)
    return len(rows) * min(0.9 * width / longest, 1.6) + 0.5


def _side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    gap = np.full((pictures[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], axis=1)
