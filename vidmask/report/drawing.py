"""Plots as SVG for a page: with its fonts and colours, in light and dark, the same bytes each time."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A colour of the page's style sheet stands in the SVG in the place of each of these, which nothing else has.
_INK = "#010101"
_GRID = "#020202"
_SERIES = tuple(f"#0301{number:02x}" for number in range(8))

COLOURS = len(_SERIES)
_DASHES = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

# Before the first of them is imported in earnest, Matplotlib has read the user's own settings; a report
# depends on none of them.
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vidmask",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "path.simplify": False,
}

Axes = Any
"""Axes of Matplotlib, which is imported late."""

WIDTH, HEIGHT = 4.6, 3.0
"""Inches of a plot: so small that its letters can be read where it fills the width of a phone."""


def look(number: int) -> dict[str, Any]:
    """Return colour, dashes and marker of a line: 8 colours, and from the ninth line on other dashes too.

    Args:
        number: Which line, from 0.
    """
    turn = number // COLOURS
    return {
        "color": _SERIES[number % COLOURS],
        "dashes": _DASHES[(number + turn) % len(_DASHES)] or (None, None),
        "marker": _MARKERS[(number + turn) % len(_MARKERS)],
    }


@contextmanager
def plot(height: float = HEIGHT) -> Iterator[tuple[Axes, list[str]]]:
    """Give axes to draw into, and a list that holds the SVG afterwards.

    Args:
        height: Inches; the width is always the same.
    """
    import matplotlib.style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn: list[str] = []
    with matplotlib.style.context(["default", _SETTINGS]):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure.subplots(), drawn
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn.append(file.getvalue())


def for_page(svg: str, name: str, title: str) -> str:
    """Return Matplotlib's SVG as an element of a page.

    Its size is left to the page, colours and fonts become those of the page, and the names of its parts
    differ from those of other plots on it.

    Args:
        svg: What Matplotlib wrote.
        name: A word that no other plot of the page has.
        title: What the plot shows, for those who have it read out.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    # A style within an SVG is one of the whole page; this one stands in its style sheet.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    head, body = svg.split(">", 1)
    view_box = re.search(r'viewBox="[^"]*"', head)
    assert view_box is not None
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = body.replace("xlink:href", "href")
    # The style "font: 9px 'DejaVu Sans', …" of each text: the page's own letters.
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    for place, colour in enumerate(_SERIES):
        body = body.replace(colour, f"var(--series-{place})")
    body = body.replace(_INK, "currentColor").replace(_GRID, "var(--rule)")
    body = "\n".join(line.strip() for line in body.splitlines())
    return f'<svg {view_box[0]} role="img" aria-label="{_attribute(title)}" class="plot">{body.rstrip()}'


def swatch(number: int) -> str:
    """Return a short piece of a line with its marker, as SVG, for a legend."""
    with plot(0.2) as (axes, drawn):
        figure = axes.figure
        figure.set_size_inches(0.5, 0.2)
        axes.set_axis_off()
        axes.set(xlim=(0, 2), ylim=(-1, 1))
        shape = look(number)
        axes.plot([0, 2], [0, 0], color=shape["color"], dashes=shape["dashes"])
        axes.plot([1], [0], color=shape["color"], marker=shape["marker"], linestyle="none")
    svg = for_page(drawn[0], f"swatch-{number}", "")
    return svg.replace('role="img" aria-label=""', 'aria-hidden="true"').replace(
        'class="plot"', 'class="swatch"'
    )


def _attribute(text: str) -> str:
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, written)
    return text
