"""A model card: what a classifier was trained on and how, and how good it is, as Markdown."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vidmask.choices import checked_choice
from vidmask.data.words import printable

Protocol = Literal["fine-tuning", "linear", "attentive", "comparison"]

_PROTOCOLS = {
    "fine-tuning": "fine-tuning: the encoder and a classifier on it are trained",
    "linear": "linear probe: a linear classifier on the frozen encoder is trained",
    "comparison": "probe of several clips: a hidden layer and a classifier on the frozen encoder are trained",
    "attentive": "attentive probe: attention pooling and a classifier on the frozen encoder are trained",
}
# What CommonMark, tables and mathematics on GitHub take for markup; the rest is so only where a line begins.
_MARKUP = re.compile(r"[\\`*_\[\]<>|~$&#]")


@dataclass(frozen=True, kw_only=True)
class LabelNumbers:
    """How well one label is told, over the videos of the test.

    Attributes:
        label: Its name.
        videos: Videos that were answered.
        num_classes: Classes that an answer chooses from.
        top_1: Share of the videos whose class is the most probable answer.
        top_1_interval: Where it lies, at the card's ``level``.
        top_5: Share of the videos whose class is among the five most probable.
        top_5_interval: Where it lies.
        mean_class: Mean over the classes of their top-1 accuracy.
    """

    label: str
    videos: int
    num_classes: int
    top_1: float
    top_1_interval: tuple[float, float] | None = None
    top_5: float | None = None
    top_5_interval: tuple[float, float] | None = None
    mean_class: float | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a card tells; what is None or empty is not told.

    Attributes:
        title: Heading of the card.
        source: Where the videos come from, such as ``kinetics400:/data/k400``.
        split: Split that was tested.
        num_videos: Videos of it.
        fingerprint: SHA-256 of the names and labels of the training videos.
        protocol: ``"fine-tuning"``, ``"linear"``, ``"attentive"`` or, of several clips that are judged
            together, ``"comparison"``: what was trained.
        pooling: What the classifier reads of the encoder's tokens.
        epochs: Epochs of as many clips as there are training videos.
        steps: Steps of the optimizer.
        batch_size: Clips in a step, on all ranks.
        peak_learning_rate: Largest learning rate.
        layer_decay: Factor of the learning rate from a layer to the one below.
        augmentations: What was done to training clips.
        temporal_views: Clips of each video in the test.
        spatial_views: Crops of each clip in the test.
        numbers: What came out, for each label.
        level: Confidence of the intervals.
        encoder_file: File that the encoder's weights came from.
        encoder_sha256: SHA-256 of that file.
        from_scratch: Whether the encoder began with random weights.
        encoder_origin: Where else its weights came from, in words.
        config_sha256: SHA-256 of the run's ``config.yaml``.
        versions: Version of each package.

    Raises:
        ValueError: If the protocol is none of the four, or the encoder comes from a file and from scratch.
    """

    title: str
    source: str | None = None
    split: str | None = None
    num_videos: int | None = None
    fingerprint: str | None = None
    protocol: Protocol | None = None
    pooling: str | None = None
    epochs: int | float | None = None
    steps: int | None = None
    batch_size: int | None = None
    peak_learning_rate: int | float | None = None
    layer_decay: int | float | None = None
    augmentations: Sequence[str] = ()
    temporal_views: int | None = None
    spatial_views: int | None = None
    numbers: Sequence[LabelNumbers] = ()
    level: float = 0.95
    encoder_file: str | None = None
    encoder_sha256: str | None = None
    from_scratch: bool = False
    encoder_origin: str | None = None
    config_sha256: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.protocol is not None:
            checked_choice("protocol", self.protocol, Protocol)
        if self.from_scratch and self.encoder_file is not None:
            raise ValueError(
                f"an encoder is from scratch or from a file, got from_scratch=True and "
                f"encoder_file={printable(self.encoder_file)!r}"
            )


def model_card(card: Card) -> str:
    """Return a card as Markdown, for GitHub and the model hubs; names show as they are."""
    sections = {
        "Results": [*_table(card), *_views(card)],
        "Data": _data(card),
        "Training": _training(card),
        "Encoder": _encoder(card),
        "Run": _run(card),
    }
    parts = [f"# {escaped(card.title)}"]
    parts += [f"## {name}\n\n" + "\n".join(lines) for name, lines in sections.items() if lines]
    return "\n\n".join(parts) + "\n"


def escaped(name: str) -> str:
    """Return a name in one line in which Markdown finds no markup, inside a table too."""
    return _MARKUP.sub(r"\\\g<0>", printable(name))


def _table(card: Card) -> list[str]:
    """Return the numbers as a table, with the columns that have any."""
    if not card.numbers:
        return []
    confidence = f"{100 * card.level:g} % interval"
    columns: list[tuple[str, list[str]]] = [
        ("Label", [escaped(row.label) for row in card.numbers]),
        ("Videos", [f"{row.videos:,}" for row in card.numbers]),
        ("Classes", [f"{row.num_classes:,}" for row in card.numbers]),
        ("Top-1, %", [_percent(row.top_1) for row in card.numbers]),
        (confidence, [_range(row.top_1_interval) for row in card.numbers]),
        ("Top-5, %", [_percent(row.top_5) for row in card.numbers]),
        (confidence, [_range(row.top_5_interval) for row in card.numbers]),
        ("Mean over classes, %", [_percent(row.mean_class) for row in card.numbers]),
        ("Chance, top-1, %", [_percent(1 / row.num_classes) for row in card.numbers]),
    ]
    columns = [(name, cells) for name, cells in columns if any(cells)]
    rows = zip(
        *([name, "---" if place == 0 else "---:", *cells] for place, (name, cells) in enumerate(columns)),
        strict=True,
    )
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if any(row.top_1_interval or row.top_5_interval for row in card.numbers):
        lines += [
            "",
            "Intervals are over videos (percentile bootstrap): another training varies beyond them.",
        ]
    return lines


def _views(card: Card) -> list[str]:
    if card.temporal_views is None or card.spatial_views is None:
        return []
    views = card.temporal_views * card.spatial_views
    averaged = ": the mean of their softmax" if views > 1 else ""
    lines = [f"Views of a video: {card.temporal_views} in time × {card.spatial_views} in space{averaged}."]
    return ["", *lines] if card.numbers else lines


def _data(card: Card) -> list[str]:
    videos = None if card.num_videos is None else f"{card.num_videos:,}"
    return _list(
        {
            "Source": _text(card.source),
            "Split tested": _text(card.split),
            "Videos tested": videos,
            "SHA-256 of the training videos' names and labels": _code(card.fingerprint),
        }
    )


def _training(card: Card) -> list[str]:
    return _list(
        {
            "Protocol": None if card.protocol is None else _PROTOCOLS[card.protocol],
            "Pooling": _text(card.pooling),
            "Epochs": None if card.epochs is None else f"{card.epochs:g}",
            "Steps": None if card.steps is None else f"{card.steps:,}",
            "Batch": None if card.batch_size is None else f"{card.batch_size:,} clips",
            "Peak learning rate": None
            if card.peak_learning_rate is None
            else f"{card.peak_learning_rate:.4g}",
            "Layer decay": None if card.layer_decay is None else f"{card.layer_decay:g}",
            "Augmentations": ", ".join(map(escaped, card.augmentations)) or None,
        }
    )


def _encoder(card: Card) -> list[str]:
    weights = "from scratch" if card.from_scratch else _text(card.encoder_file or card.encoder_origin)
    return _list({"Weights": weights, "SHA-256 of the file": _code(card.encoder_sha256)})


def _run(card: Card) -> list[str]:
    versions = ", ".join(f"{escaped(name)} {escaped(version)}" for name, version in card.versions.items())
    return _list({"SHA-256 of config.yaml": _code(card.config_sha256), "Versions": versions or None})


def _list(facts: Mapping[str, str | None]) -> list[str]:
    return [f"- {name}: {fact}" for name, fact in facts.items() if fact is not None]


def _text(name: str | None) -> str | None:
    return escaped(name) if name else None


def _code(digest: str | None) -> str | None:
    return f"`{digest}`" if digest else None


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{_percent(interval[0])} – {_percent(interval[1])}"
