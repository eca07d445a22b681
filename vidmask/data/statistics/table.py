"""The statistics of a data set as tables of text."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from vidmask.data.statistics.gathering import DataStatistics, Unreadable
from vidmask.data.statistics.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelStatistics, Triple
from vidmask.data.statistics.splits import LabelStatistics, Quantiles, SplitStatistics
from vidmask.data.words import length, printable

_SHOWN = 3

_Cell = Callable[[SplitStatistics], str]


class StatisticsTable:
    """What ``rich`` prints of the statistics: a column for each split, then the pixels, then what to mind."""

    def __init__(self, statistics: DataStatistics) -> None:
        self._statistics = statistics

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield tables and lines."""
        found = self._statistics
        told = "as the manifest tells; no file opened" if found.from_manifest else "as the headers tell"
        yield f"{printable(found.source)}: {told}"
        table = _table(list(found.splits))
        for section in _sections(found):
            table.add_section()
            for name, cell in section:
                cells = [cell(split) for split in found.splits.values()]
                if any(cells):
                    table.add_row(name, *cells)
        yield table
        if found.pixels is not None:
            yield ""
            yield from _pixel_table(found.pixels, found.pixels_asked)
        told = list(remarks(found))
        yield from ["", *told] if told else []


def remarks(found: DataStatistics) -> Iterator[str]:
    """Yield what a user should mind, in a line each."""
    if found.mixed_rates:
        yield (
            "Frame rates differ: set data.stride_seconds (0.1333 for 16×4 as at 30 frames a second), not "
            "data.stride_frames, or clips mix speeds."
        )
    for split, statistics in found.splits.items():
        for label, classes in statistics.labels.items():
            if classes.missing:
                yield f"{split}: no video of {_named(classes.missing)} ({printable(label)})."
    if found.pixels is None and found.pixels_asked:
        yield f"Pixels: none of the {found.pixels_asked} videos drawn can be decoded."
    yield from _listed(found.unreadable, "cannot be read, and count nowhere")
    yield from _listed(found.undecodable, "drawn for the pixels cannot be decoded")


def _sections(found: DataStatistics) -> Iterator[list[tuple[str, _Cell]]]:
    yield [
        ("videos", lambda split: f"{split.videos:,}"),
        ("unreadable", lambda split: f"{split.unreadable:,}" if split.unreadable else ""),
        ("length", lambda split: length(split.seconds)),
        ("size", _bytes),
    ]
    names = list(dict.fromkeys(name for split in found.splits.values() for name in split.labels))
    for name in names:
        yield [(row, _of_label(name, tell)) for row, tell in _LABEL_ROWS]
    if not names:
        yield [("classes", lambda split: "unlabelled")]
    yield [
        ("duration, s: min / median / max", lambda split: _ends(split.durations)),
        ("  5 % / 95 %", lambda split: _inner(split.durations)),
        (f"  under {found.clip_seconds:.2f} s", lambda split: _share(split.too_short, split)),
    ]
    yield [
        ("width×height", lambda split: _counted(split.sizes, split)),
        ("  short side: min / median / max", lambda split: _ends(split.short_sides)),
        ("  5 % / 95 %", lambda split: _inner(split.short_sides)),
        ("  orientation", lambda split: _counted(split.orientations, split)),
        ("frames a second", lambda split: _counted(_rates(split), split)),
        ("codec", lambda split: _counted(split.codecs, split)),
        ("unknown", lambda split: ", ".join(f"{name} {count:,}" for name, count in split.unknown.items())),
    ]


def _of_label(name: str, tell: Callable[[str, LabelStatistics], str]) -> _Cell:
    return lambda split: tell(name, split.labels[name])


_LABEL_ROWS: list[tuple[str, Callable[[str, LabelStatistics], str]]] = [
    (
        "classes",
        lambda name, label: f"{label.classes:,} of {printable(name)!r}" if label.classes else "unlabelled",
    ),
    ("  without label", lambda _, label: f"{label.unlabelled:,}" if label.classes * label.unlabelled else ""),
    ("  missing", lambda _, label: f"{len(label.missing):,}" if label.missing else ""),
    (
        "  videos: min / median / max",
        lambda _, label: (
            f"{label.smallest:,} / {label.median:,g} / {label.largest:,}" if label.classes else ""
        ),
    ),
    ("  max : min", lambda _, label: f"{label.imbalance:.3g}" if label.classes else ""),
]


def _pixel_table(pixels: PixelStatistics, asked: int) -> Iterator[str | Table]:
    each = pixels.frames / pixels.videos
    number = f"{pixels.videos:,}" if pixels.videos == asked else f"{pixels.videos:,} of {asked:,}"
    yield (
        f"Pixels in [0, 1] of {number} videos drawn from {pixels.split} (seed {pixels.seed}), "
        f"{each:.3g} frames of each; every video counts the same"
    )
    table = _table(["R", "G", "B"])
    for name, values, errors, other in (
        ("mean", pixels.mean, pixels.mean_error, IMAGENET_MEAN),
        ("standard deviation", pixels.std, pixels.std_error, IMAGENET_STD),
    ):
        table.add_section()
        table.add_row(name, *_triple(values, "{:.4f}"))
        if errors is not None:
            table.add_row("  standard error over videos", *_triple(errors, "±{:.4f}"))
        table.add_row("  ImageNet's", *_triple(other, "{:.3f}"))
    yield table


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column()
    for column in columns:
        table.add_column(column)
    return table


def _triple(values: Triple, form: str) -> list[str]:
    return [form.format(value) for value in values]


def _bytes(split: SplitStatistics) -> str:
    size, unit = float(split.size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    rate = f", {split.size_bytes * 8e-6 / split.seconds:.3g} Mbit/s" if split.seconds else ""
    return f"{size:,.1f} {unit}{rate}" if split.size_bytes else ""


def _ends(values: Quantiles | None) -> str:
    return "" if values is None else _joined(values.minimum, values.median, values.maximum)


def _inner(values: Quantiles | None) -> str:
    return "" if values is None else _joined(values.low, values.high)


def _joined(*values: float) -> str:
    return " / ".join(f"{value:,.2f}".rstrip("0").rstrip(".") for value in values)


def _share(number: int, split: SplitStatistics) -> str:
    return f"{number / split.videos:.1%}" if split.videos else ""


def _rates(split: SplitStatistics) -> Mapping[str, int]:
    return {f"{rate:g}": number for rate, number in split.frame_rates.items()}


def _counted(counts: Mapping[str, int], split: SplitStatistics) -> str:
    """Name the most frequent, each with its share of the videos."""
    shown = [f"{name} {number / split.videos:.0%}" for name, number in list(counts.items())[:_SHOWN]]
    more = [f"{len(counts) - _SHOWN:,} more"] if len(counts) > _SHOWN else []
    return ", ".join(shown + more)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:_SHOWN]))
    return f"{len(names):,} classes: {shown}, …" if len(names) > _SHOWN else shown


def _listed(entries: Sequence[Unreadable], what: str) -> Iterator[str]:
    if entries:
        yield f"{len(entries):,} {'video' if len(entries) == 1 else 'videos'} {what}:"
        for entry in entries[:_SHOWN]:
            yield f"  {printable(entry.path)}: {printable(entry.reason)}"
        if len(entries) > _SHOWN:
            yield f"  … and {len(entries) - _SHOWN:,} more"
