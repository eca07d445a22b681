"""Curves of loss and of probe accuracy, against steps, clips, multiply-adds and seconds."""

from collections.abc import Sequence

from vidmask.report import phrases
from vidmask.report.blocks import Block, Choice, Grid, Legend, Picture, Section, Series, Text
from vidmask.report.cells import Facet
from vidmask.report.comparison import CELL, Comparison
from vidmask.report.plots import Level, Line, line_plot
from vidmask.report.selecting import Frame, where
from vidmask.results import mean_curves
from vidmask.results.curves import Axis

AXES: dict[Axis, str] = {
    "step": "steps",
    "clips": "clips",
    "macs": "multiply-adds",
    "seconds": "seconds",
}
"""What curves are drawn against: columns of the curves, and their names in phrases."""

LOSSES = {"train/loss": "loss in training", "val/loss": "loss on the validation split"}


def curve_section(comparison: Comparison) -> Section:
    """Return the section of the curves."""
    metrics = {**LOSSES, **dict(comparison.probes)}
    curves = comparison.curves
    curves = curves[curves["metric"].isin(list(metrics)) & curves["value"].notna()]
    if curves.empty:
        return Section("curves", "Curves", [Text("The runs have logged no curve.")])
    facets = comparison.cells.facets()
    views = [
        (name, [Grid(pictures)])
        for axis, name in AXES.items()
        if (pictures := _pictures(comparison, curves, facets, metrics, axis))
    ]
    blocks: list[Block] = [
        Text(
            "Lines are means over seeds, the band is one standard deviation to each side. Losses of "
            "different objectives or targets are different quantities: their heights cannot be compared. "
            "Seconds are by the clock, with probes and validation in them."
        ),
        _legend(facets),
    ]
    missing = [name for name in AXES.values() if name not in dict(views)]
    if missing:
        blocks.append(Text(f"Not known of these runs, or too few to draw: {phrases.joined(missing)}."))
    if views:
        blocks.append(Choice("against", views))
    return Section("curves", "Curves", blocks)


def _pictures(
    comparison: Comparison,
    curves: Frame,
    facets: Sequence[Facet],
    metrics: dict[str, str],
    axis: Axis,
) -> list[Picture]:
    known = curves[curves[axis].notna()]
    pictures = []
    for order, (metric, title) in enumerate(metrics.items()):
        if not (known["metric"] == metric).any():
            continue
        found: Frame = mean_curves(known, [CELL], metric, axis)
        is_score = metric.startswith("probe/")
        label = metric.split("/")[1] if is_score else None
        levels = [Level("chance", comparison.chance[label])] if label in comparison.chance else []
        for place, facet in enumerate(facets):
            lines = [
                _line(points, axis, look)
                for cell, look, _ in facet.lines
                if len(points := where(found, **{CELL: cell})) > 1
            ]
            if lines:
                pictures.append(
                    line_plot(
                        f"curve-{axis}-{order}-{place}",
                        f"{title} · {facet.title}" if facet.title else title,
                        AXES[axis],
                        "accuracy, %" if is_score else "loss",
                        lines,
                        levels,
                        per_cent=is_score,
                    )
                )
    return pictures


def _line(points: Frame, axis: Axis, look: int) -> Line:
    std = points["std"].fillna(0.0)
    return Line(
        look,
        points[axis].tolist(),
        points["mean"].tolist(),
        (points["mean"] - std).tolist(),
        (points["mean"] + std).tolist(),
    )


def _legend(facets: Sequence[Facet]) -> Legend:
    entries = {number: name for facet in facets for _, number, name in facet.lines}
    return Legend([Series(entries[number], number) for number in sorted(entries)])
