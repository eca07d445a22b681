"""Settings that cells share, and those in which they differ."""

from vidmask.report.blocks import Folded, Table, Text
from vidmask.report.configs import config_section, written
from vidmask.runs import flat


def test_shared_settings_are_folded_and_the_others_side_by_side():
    configs = [
        ("a", {"seed_everything": 0, "model": {"lr": 0.1, "ratio": 0.5}, "data": {"size": 32}}),
        (
            "b",
            {"seed_everything": 1, "model": {"lr": 0.1, "ratio": 0.9, "extra": None}, "data": {"size": 32}},
        ),
    ]
    section = config_section(configs)
    table, folded = section.blocks
    assert isinstance(table, Table)
    assert list(table.columns) == ["setting", "a", "b"]
    assert table.rows == [["model.ratio", "0.5", "0.9"], ["model.extra", "", "null"]]
    assert isinstance(folded, Folded)
    assert folded.blocks[0].rows == [["model.lr", "0.1"], ["data.size", "32"]]


def test_equal_settings_are_said_to_be_equal():
    section = config_section([("a", {"lr": 1}), ("b", {"lr": 1})])
    assert isinstance(section.blocks[0], Text)
    assert len(config_section([("a", {"lr": 1})]).blocks) == 1
    assert config_section([]) is None


def test_values_are_written_as_in_a_recipe():
    values = [None, True, 0.5, "tube", "", [1, "a"], {}]
    assert [written(value) for value in values] == ["null", "true", "0.5", "tube", '""', '[1, "a"]', "{}"]


def test_lists_are_whole_values():
    assert flat({"a": {"b": [1, {"c": 2}], "d": {}}}) == {"a.b": [1, {"c": 2}], "a.d": {}}
