"""What a report consists of: sections of text, tables and pictures, for the page and the Markdown alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """An entry of a table that is sorted by something else than its text.

    Args:
        text: What is shown.
        key: What it is sorted by; an entry without one comes last.
    """

    text: str
    key: float | None = None


Entry = Cell | str


@dataclass(frozen=True)
class Table:
    """A table; the first column names the rows.

    Args:
        caption: What it shows, in a line.
        columns: Headings.
        rows: Entries of each row, one for each heading.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Entry]]

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), f"{self.caption}: {len(row)} of {len(self.columns)} entries"

    def numeric(self, column: int) -> bool:
        """Say whether a column holds numbers, which stand to the right and are sorted as such."""
        return any(isinstance(row[column], Cell) for row in self.rows)


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Series:
    """How a line of a plot looks; as in ``vidmask.report.drawing.look``.

    Args:
        name: What it shows.
        number: Which of the looks it has.
    """

    name: str
    number: int


@dataclass(frozen=True)
class Legend:
    """Which line of the pictures below shows what."""

    entries: Sequence[Series]


@dataclass(frozen=True)
class Picture:
    """A plot.

    Args:
        title: What it shows.
        svg: The picture as an SVG element.
    """

    title: str
    svg: str


@dataclass(frozen=True)
class Photo:
    """A picture of pixels.

    Args:
        title: What it shows.
        png: The bytes of a PNG file.
        width: Columns.
        height: Rows.
    """

    title: str
    png: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Grid:
    """Pictures beside each other, as many as there is room for."""

    pictures: Sequence[Picture | Photo]


@dataclass(frozen=True)
class Choice:
    """Several views of the same thing, of which one is shown.

    Args:
        name: What is chosen.
        views: Each view's name and blocks.
    """

    name: str
    views: Sequence[tuple[str, "Sequence[Block]"]]


@dataclass(frozen=True)
class Folded:
    """What is shown when it is asked for."""

    title: str
    blocks: "Sequence[Block]"


Block = Text | Table | Legend | Grid | Choice | Folded


@dataclass(frozen=True)
class Section:
    """A part of the report under a heading.

    Args:
        anchor: Its name in the page's address.
        title: Its heading.
        blocks: What it shows.
    """

    anchor: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


@dataclass(frozen=True)
class Document:
    """A whole report.

    Args:
        title: Its heading.
        sections: Its parts, in order; the first stands before the table of contents.
    """

    title: str
    sections: Sequence[Section]
