"""The model card of a classifier."""

import dataclasses
import subprocess
import sys

import pytest
from markdown_it import MarkdownIt

from vidmask.evaluation.card import Card, LabelNumbers, escaped, model_card

NUMBERS = LabelNumbers(
    label="shape",
    videos=19_796,
    num_classes=400,
    top_1=0.71234,
    top_1_interval=(0.706, 0.7186),
    top_5=0.9,
    top_5_interval=(0.896, 0.904),
    mean_class=0.7,
)
FULL = Card(
    title="ViT-B on Kinetics-400",
    source="kinetics400:/data/k400",
    split="val",
    num_videos=19_796,
    fingerprint="ab" * 32,
    protocol="fine-tuning",
    pooling="mean of all tokens",
    epochs=75,
    steps=35_175,
    batch_size=512,
    peak_learning_rate=0.0012,
    layer_decay=0.75,
    augmentations=("flip", "RandAugment 9"),
    temporal_views=7,
    spatial_views=3,
    numbers=(NUMBERS,),
    encoder_file="runs/mae/encoder.safetensors",
    encoder_sha256="cd" * 32,
    config_sha256="ef" * 32,
    versions={"vidmask": "0.1", "torch": "2.13.0"},
)


def text_of(markdown: str) -> list[str]:
    """Return what a reader sees of each paragraph, heading, list item and cell."""
    shown = []
    for block in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        if block.type == "inline":
            kinds = {child.type for child in block.children}
            assert kinds <= {"text", "text_special", "code_inline", "softbreak"}, (block.content, kinds)
            shown.append("".join(child.content for child in block.children))
        else:
            assert not block.type.startswith("html"), block.content
    return shown


def test_everything_that_is_known_is_told():
    assert model_card(FULL) == (
        "# ViT-B on Kinetics-400\n"
        "\n"
        "## Results\n"
        "\n"
        "| Label | Videos | Classes | Top-1, % | 95 % interval | Top-5, % | 95 % interval | "
        "Mean over classes, % | Chance, top-1, % |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| shape | 19,796 | 400 | 71.23 | 70.60 – 71.86 | 90.00 | 89.60 – 90.40 | 70.00 | 0.25 |\n"
        "\n"
        "Intervals are over videos (percentile bootstrap): another training varies beyond them.\n"
        "\n"
        "Views of a video: 7 in time × 3 in space: the mean of their softmax.\n"
        "\n"
        "## Data\n"
        "\n"
        "- Source: kinetics400:/data/k400\n"
        "- Split tested: val\n"
        "- Videos tested: 19,796\n"
        f"- SHA-256 of the training videos' names and labels: `{'ab' * 32}`\n"
        "\n"
        "## Training\n"
        "\n"
        "- Protocol: fine-tuning: the encoder and a classifier on it are trained\n"
        "- Pooling: mean of all tokens\n"
        "- Epochs: 75\n"
        "- Steps: 35,175\n"
        "- Batch: 512 clips\n"
        "- Peak learning rate: 0.0012\n"
        "- Layer decay: 0.75\n"
        "- Augmentations: flip, RandAugment 9\n"
        "\n"
        "## Encoder\n"
        "\n"
        "- Weights: runs/mae/encoder.safetensors\n"
        f"- SHA-256 of the file: `{'cd' * 32}`\n"
        "\n"
        "## Run\n"
        "\n"
        f"- SHA-256 of config.yaml: `{'ef' * 32}`\n"
        "- Versions: vidmask 0.1, torch 2.13.0\n"
    )


def test_what_is_missing_is_left_out():
    assert model_card(Card(title="t")) == "# t\n"
    assert model_card(Card(title="t", temporal_views=1, spatial_views=1)) == (
        "# t\n\n## Results\n\nViews of a video: 1 in time × 1 in space.\n"
    )


@pytest.mark.parametrize(
    "name", [field.name for field in dataclasses.fields(Card) if field.name not in ("title", "level")]
)
def test_one_fact_alone_makes_a_line_of_text(name):
    """Without it the card says less, and nothing is left that is empty or says None."""
    empty = {"augmentations": (), "numbers": (), "versions": {}, "from_scratch": False}.get(name)
    if name == "encoder_origin":
        whole = dataclasses.replace(FULL, encoder_file=None, encoder_origin="random, untrained")
        less = dataclasses.replace(whole, encoder_origin=None)
        assert "- Weights: random, untrained\n" in model_card(whole)
    elif name == "from_scratch":
        whole = dataclasses.replace(FULL, encoder_file=None, from_scratch=True)
        less = dataclasses.replace(whole, from_scratch=False)
        assert "- Weights: from scratch\n" in model_card(whole)
    else:
        whole, less = FULL, dataclasses.replace(FULL, **{name: empty})
    card = model_card(less)
    assert len(card.splitlines()) < len(model_card(whole).splitlines())
    assert "None" not in card
    assert "\n\n\n" not in card
    assert not any(line.endswith((":", ": ", "``")) for line in card.splitlines())


def test_columns_without_a_number_are_left_out():
    few = LabelNumbers(label="direction", videos=10, num_classes=2, top_1=0.5)
    lines = model_card(Card(title="t", numbers=(few,))).splitlines()
    assert lines[4:] == [
        "| Label | Videos | Classes | Top-1, % | Chance, top-1, % |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| direction | 10 | 2 | 50.00 | 50.00 |",
    ]
    both = model_card(Card(title="t", numbers=(NUMBERS, few), level=0.9))
    assert "| 90 % interval |" in both
    assert "| direction | 10 | 2 | 50.00 |  |  |  |  | 50.00 |\n" in both


@pytest.mark.parametrize("protocol", ["fine-tuning", "linear", "attentive"])
def test_the_protocol_tells_what_was_trained(protocol):
    card = model_card(Card(title="t", protocol=protocol))
    assert f"- Protocol: {protocol}" in card
    assert ("frozen" in card) == (protocol != "fine-tuning")


ODD = [
    "a|b",
    "*bold* _it_ __x__ ~~gone~~",
    "`code` and ``",
    "[link](http://x.y) ![i](j)",
    "<b>&amp;</b> &lt;",
    r"back\slash \| \*",
    "# heading #",
    "$x$ $$y$$",
    "--- | ---",
    "<https://x.y>",
    "1. one",
    "- dash",
]


@pytest.mark.parametrize("name", ODD)
def test_names_show_as_they_are(name):
    card = Card(
        title=f"t {name}",
        source=name,
        split=name,
        pooling=name,
        augmentations=(name, "flip"),
        numbers=(LabelNumbers(label=name, videos=1, num_classes=2, top_1=1.0),),
        encoder_file=name,
        versions={name: name},
    )
    shown = text_of(model_card(card))
    assert shown[0] == f"t {name}"
    cells = shown[shown.index("Label") :][:10]
    assert cells[5:] == [name, "1", "2", "100.00", "50.00"]
    for line in (
        f"Source: {name}",
        f"Split tested: {name}",
        f"Pooling: {name}",
        f"Augmentations: {name}, flip",
        f"Weights: {name}",
        f"Versions: {name} {name}",
    ):
        assert line in shown


def test_names_of_several_lines_or_no_utf_8_stay_in_their_line():
    assert escaped("a\n\n# b") == r"a \# b"
    card = model_card(Card(title=b"caf\xe9".decode("utf-8", "surrogateescape")))
    assert card.encode() == b"# caf?\n"


def test_another_protocol_is_refused():
    # In a process of its own: here the types are checked before.
    code = "from vidmask.evaluation.card import Card; Card(title='t', protocol='knn')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "ValueError: protocol must be one of fine-tuning, linear, attentive, comparison, got 'knn'"
    )


def test_an_encoder_from_two_places_is_refused():
    with pytest.raises(ValueError, match=r"from_scratch=True and encoder_file='e\.safetensors'"):
        Card(title="t", encoder_file="e.safetensors", from_scratch=True)
