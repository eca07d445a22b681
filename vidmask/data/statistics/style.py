"""What the panels of a picture have in common: colours, axes, and names that can be shown."""

from typing import Any

from vidmask.data.words import printable

# Okabe and Ito's colours, which all kinds of sight tell apart; splits differ in brightness and lines too.
SPLIT_COLOURS = {"train": "#0072B2", "val": "#E69F00", "test": "#009E73"}
SPLIT_LINES = {"train": "-", "val": "--", "test": ":"}
CHANNELS = (("R", "#D55E00", "-"), ("G", "#009E73", "--"), ("B", "#0072B2", ":"))
GREY = "#555555"

Axes = Any
"""Axes of Matplotlib, which is imported late."""


def remark(axes: Axes, text: str) -> None:
    """Write a remark beside the title of a panel."""
    axes.set_title(text, loc="right", fontsize=9, color=GREY)


def style(axes: Axes, title: str, below: str, beside: str) -> None:
    """Give a panel its title, the names of its axes, and a look that steps back behind the data."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", parse_math=False)
    axes.set_xlabel(below, fontsize=9)
    axes.set_ylabel(beside, fontsize=9)
    axes.tick_params(labelsize=9, color="#bbbbbb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)


def set_log(axes: Axes, axis: str) -> None:
    """Make an axis logarithmic, with plain numbers on it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(**{f"{axis}scale": "log"})
    ruler = getattr(axes, f"{axis}axis")
    low, high = ruler.get_view_interval()
    steps = (1.0, 2.0, 5.0) if high < 1000 * low else (1.0,)
    ruler.set_major_locator(LogLocator(base=10, subs=steps))
    ruler.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    ruler.set_minor_formatter(NullFormatter())


def count_in_whole_numbers(ruler: Any) -> None:
    """Put whole numbers on an axis that counts videos."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ruler.set_major_locator(MaxNLocator(6, integer=True))
    ruler.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def shown_name(name: str, most: int) -> str:
    """Return a name as a picture can show it."""
    name = printable(name)
    return name if len(name) <= most else name[: most - 1] + "…"
