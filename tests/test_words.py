import pytest

from vidmask.data.words import counted, escaped, length, printable


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


@pytest.mark.parametrize(
    ("number", "noun", "told"),
    [(1, "video", "1 video"), (0, "video", "0 videos"), (2000, "class", "2,000 classes")],
)
def test_a_number_of_things(number, noun, told):
    assert counted(number, noun) == told


def test_an_escaped_name_tells_its_bytes():
    assert escaped(b"caf\xe9  a".decode("utf-8", "surrogateescape")) == r"caf\udce9  a"
    assert escaped("挥手") == "挥手"
