"""Names and numbers as the report has them."""

import math

import pytest

from vidmask.report import phrases


def test_a_setting_has_the_shortest_name_that_tells_it_from_the_others():
    keys = ["model.init_args.masking.init_args.ratio", "model.objective.head.target", "data.ratio"]
    assert phrases.setting_names(keys) == {keys[0]: "masking.ratio", keys[1]: "target", keys[2]: "data.ratio"}
    assert phrases.setting_names(["model.masking", "model.masking.ratio"]) == {
        "model.masking": "masking",
        "model.masking.ratio": "ratio",
    }
    assert phrases.setting_names(["ratio", "model.ratio"]) == {"ratio": "ratio", "model.ratio": "model.ratio"}
    assert phrases.setting_names([]) == {}


@pytest.mark.parametrize(
    ("value", "text", "key"),
    [(0.1234, "12.3", 0.1234), (1.0, "100.0", 1.0), (math.nan, "–", None), (None, "–", None)],
)
def test_shares_are_per_cent(value, text, key):
    cell = phrases.share(value)
    assert (cell.text, cell.key) == (text, key)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "+1.2"), (-0.0123, "−1.2"), (0.0, "+0.0"), (math.inf, "–"), (None, "–")],
)
def test_differences_are_points_with_a_sign(value, text):
    assert phrases.points(value).text == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((3, "3"), (1536.0, "1,536"), (12.345, "12.3"), (1234.5, "1,234")),
        *((1.5e9, "1.5 G"), (6e10, "60 G"), (2.5e12, "2.5 T"), (math.nan, "–"), (None, "–")),
    ],
)
def test_numbers_are_short(value, text):
    assert phrases.number(value).text == text


def test_names_are_joined_as_in_a_sentence():
    assert phrases.joined(["a"]) == "a"
    assert phrases.joined(["a", "b"]) == "a and b"
    assert phrases.joined(["a", "b", "c"], "or") == "a, b or c"
