import pytest

from vidmask.data.statistics.words import length, printable


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, "0 s"), (0.25, "0.25 s"), (59.0, "59 s"), (90.0, "1.5 min"), (3600.0, "1 h"), (7.2e6, "2,000 h")],
)
def test_a_length_has_the_unit_that_suits_it(seconds, told):
    assert length(seconds) == told


def test_names_are_one_line_of_text():
    assert printable("a\nb\tc") == "a b c"
    assert printable(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf?"
    assert printable("挥手") == "挥手"
