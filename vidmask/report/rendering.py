"""A report as one HTML page, which loads nothing, and as Markdown."""

import base64
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vidmask.report.blocks import (
    Block,
    Cell,
    Choice,
    Document,
    Entry,
    Folded,
    Grid,
    Legend,
    Table,
    Text,
)
from vidmask.report.drawing import swatch

_FOLDER = Path(__file__).parent


def html(document: Document) -> str:
    """Return a report as a page: style, script, plots and pictures are in it, names of the user's escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    numbers = sorted({entry.number for legend in _legends(document) for entry in legend.entries})
    counter = itertools.count()
    return environment.get_template("page.html.jinja").render(
        document=document,
        style=(_FOLDER / "page.css").read_text(encoding="utf-8").strip(),
        script=(_FOLDER / "page.js").read_text(encoding="utf-8").strip(),
        swatches={number: swatch(number) for number in numbers},
        counter=lambda: next(counter),
    )


def markdown(document: Document) -> str:
    """Return a report's text and tables as Markdown; pictures are named, and seen on the page alone."""
    parts = [f"# {_inline(document.title)}"]
    for section in document.sections:
        if section.title:
            parts.append(f"## {_inline(section.title)}")
        parts += _as_markdown(section.blocks)
    return "\n\n".join(parts) + "\n"


def _as_markdown(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Text):
            yield _inline(block.text)
        elif isinstance(block, Table):
            yield _inline(block.caption) + ":"
            yield _table(block)
        elif isinstance(block, Grid):
            names = "; ".join(_inline(picture.title) for picture in block.pictures)
            yield f"*On the page: {names}.*"
        elif isinstance(block, Folded):
            yield f"### {_inline(block.title)}"
            yield from _as_markdown(block.blocks)
        elif isinstance(block, Choice):
            # The views show the same against other axes.
            yield from _as_markdown(block.views[0][1])
            others = ", ".join(name for name, _ in block.views[1:])
            if others:
                yield f"*On the page also: {_inline(others)}.*"


def _table(table: Table) -> str:
    ruler = ["---:" if table.numeric(column) else "---" for column in range(len(table.columns))]
    rows = [[_inline(column) for column in table.columns], ruler]
    rows += [[_inline(_shown(entry)) for entry in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shown(entry: Entry) -> str:
    return entry.text if isinstance(entry, Cell) else entry


def _inline(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _legends(document: Document) -> Iterator[Legend]:
    def within(blocks: Sequence[Block]) -> Iterator[Legend]:
        for block in blocks:
            if isinstance(block, Legend):
                yield block
            elif isinstance(block, Folded):
                yield from within(block.blocks)
            elif isinstance(block, Choice):
                for _, views in block.views:
                    yield from within(views)

    for section in document.sections:
        yield from within(section.blocks)
