"""The plots of a report: lines with a band, and a dot for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass

from vidmask.report.blocks import Picture
from vidmask.report.drawing import Axes, for_page, look, plot

MOST_POINTS = 120
"""Points of a drawn line: more cannot be told apart in a plot of this size, and make the page large."""

_MARKERS_A_LINE = 7


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Args:
        number: Which of the looks it has.
        x: Where its points stand, ascending.
        middle: Their heights.
        low: Lower edge of the band about them.
        high: Its upper edge.
    """

    number: int
    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Level:
    """A height that the lines are compared with, such as chance."""

    name: str
    height: float


def line_plot(
    name: str,
    title: str,
    below: str,
    beside: str,
    lines: Sequence[Line],
    levels: Sequence[Level] = (),
    per_cent: bool = False,
    ticks: Sequence[float] | None = None,
) -> Picture:
    """Draw lines, each with a band where its edges differ.

    Args:
        name: A word that no other plot of the page has.
        title: What is shown.
        below: Name of the horizontal axis.
        beside: Name of the vertical one.
        lines: What is drawn.
        levels: Heights to compare with.
        per_cent: Whether heights are shares that are shown in per cent.
        ticks: Where the horizontal axis is marked, and each point of a line with it; as it suits if None.
    """
    scale = 100.0 if per_cent else 1.0
    with plot() as (axes, drawn):
        for line in lines:
            shape = look(line.number)
            x, middle, low, high = _thinned(line, scale)
            spread = any(one < other for one, other in zip(low, high, strict=True))
            if spread and ticks is None:
                axes.fill_between(x, low, high, color=shape["color"], alpha=0.16, linewidth=0)
            elif spread:
                # Between the few values of an axis nothing was measured, so nothing is shaded there.
                axes.vlines(x, low, high, color=shape["color"], linewidth=1.4)
            every = max(1, -(-len(x) // _MARKERS_A_LINE)) if ticks is None else 1
            offset = line.number % every
            axes.plot(
                x,
                middle,
                color=shape["color"],
                dashes=shape["dashes"],
                marker=shape["marker"],
                markevery=(offset, every),
            )
        _draw_levels(axes, levels, scale)
        axes.set_xlabel(below, parse_math=False)
        axes.set_ylabel(beside, parse_math=False)
        _number(axes, ticks)
    return Picture(title, for_page(drawn[0], name, title))


def seed_plot(
    name: str,
    title: str,
    beside: str,
    cells: Sequence[tuple[str, int, Sequence[float]]],
    levels: Sequence[Level] = (),
) -> Picture:
    """Draw the score of each seed as a point in the row of its cell, and their mean as a bar.

    Args:
        name: A word that no other plot of the page has.
        title: What is shown.
        beside: What the scores are, in per cent.
        cells: Name, number of the look and scores in [0, 1] of each cell.
        levels: Scores to compare with.
    """
    import pandas as pd
    import seaborn as sns

    rows = [(cell, 100 * score) for cell, _, scores in cells for score in scores]
    data = pd.DataFrame(rows, columns=["cell", "score"])
    with plot(0.9 + 0.26 * len(cells)) as (axes, drawn):
        palette = {cell: look(number)["color"] for cell, number, _ in cells}
        sns.stripplot(
            data=data,
            x="score",
            y="cell",
            order=[cell for cell, _, _ in cells],
            hue="cell",
            palette=palette,
            jitter=False,
            size=5.5,
            alpha=0.75,
            legend=False,
            ax=axes,
        )
        for place, (cell, _, scores) in enumerate(cells):
            if scores:
                mean = 100 * sum(scores) / len(scores)
                axes.vlines(mean, place - 0.32, place + 0.32, color=palette[cell], linewidth=2.2)
        for level in levels:
            axes.axvline(100 * level.height, **_LEVEL)
            axes.text(
                100 * level.height, -0.58, level.name, fontsize=8, va="bottom", ha="left", parse_math=False
            )
        axes.set_ylim(len(cells) - 0.5, -0.9 if levels else -0.5)
        axes.set_xlabel(f"{beside}, %", parse_math=False)
        axes.set_ylabel("")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(cells)), [_short(cell) for cell, _, _ in cells], parse_math=False)
    return Picture(title, for_page(drawn[0], name, title))


_LEVEL = {"color": look(6)["color"], "linewidth": 1.1, "linestyle": (0, (2, 2))}


def _draw_levels(axes: Axes, levels: Sequence[Level], scale: float) -> None:
    for level in levels:
        axes.axhline(scale * level.height, **_LEVEL)
        axes.text(
            0.995,
            scale * level.height,
            level.name,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=8,
            parse_math=False,
        )


def _number(axes: Axes, ticks: Sequence[float] | None) -> None:
    from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

    if ticks is not None:
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        return
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    _, most = axes.get_xlim()
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
    axes.xaxis.set_major_formatter(plain if most < 1e5 else EngFormatter(sep=" "))


def _thinned(line: Line, scale: float) -> list[list[float]]:
    """Return places, middle, low and high of so many points as a plot can show, spread evenly."""
    number = len(line.x)
    kept = range(number)
    if number > MOST_POINTS:
        kept = sorted({round(place * (number - 1) / (MOST_POINTS - 1)) for place in range(MOST_POINTS)})
    heights = [[scale * values[place] for place in kept] for values in (line.middle, line.low, line.high)]
    return [[line.x[place] for place in kept], *heights]


def _short(text: str, most: int = 26) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
