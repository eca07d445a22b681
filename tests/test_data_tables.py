"""Tables on disk; what is particular to manifests stands in test_data_manifest.py."""

from pathlib import Path

import pytest

from vidmask.data.tables import (
    OtherTableError,
    is_text,
    read_csv,
    read_parquet,
    write_csv,
    write_parquet,
)

ROWS = [["a,b.mp4", 1, 0.5], ["é\n.mp4", None, None]]


def test_csv_comes_back_as_text(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ["name", "n", "x"], ROWS, quote_all=False)
    assert (tmp_path / "t.csv").read_text() == 'name,n,x\n"a,b.mp4",1,0.5\n"é\n.mp4",,\n'
    assert list(read_csv(tmp_path / "t.csv", ["name"])) == [
        {"name": "a,b.mp4", "n": "1", "x": "0.5"},
        {"name": "é\n.mp4", "n": "", "x": ""},
    ]


def test_parquet_keeps_the_types(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", {"name": "text", "n": "whole", "x": "decimal"}, ROWS, set())
    assert list(read_parquet(tmp_path / "t.parquet", ["n"])) == [
        {"name": "a,b.mp4", "n": 1, "x": 0.5},
        {"name": "é\n.mp4", "n": None, "x": None},
    ]


def test_parquet_of_many_rows_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidmask.data.tables._ROWS_AT_ONCE", 3)
    write_parquet(tmp_path / "t.parquet", {"n": "whole"}, ([n] for n in range(8)), set())
    assert [row["n"] for row in read_parquet(tmp_path / "t.parquet", [])] == list(range(8))


def test_names_that_are_no_text_are_bytes(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", {"name": "text"}, [["\udcff.mp4"], ["b"]], {"name"})
    assert [row["name"] for row in read_parquet(tmp_path / "t.parquet", [])] == ["\udcff.mp4", "b"]
    assert (is_text("é"), is_text("\udcff")) == (True, False)


def test_another_table_is_told_apart(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ["name"], [], quote_all=False)
    with pytest.raises(OtherTableError, match=r"t\.csv: is no manifest: it has no column path, reason"):
        next(read_csv(tmp_path / "t.csv", ["path", "name", "reason"]))
