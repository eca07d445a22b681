"""Records are written whole, and a damaged one is told."""

import pytest

from vidmask.sweeps.records import RunRecord, StepRecord, read_record, write_record


def record() -> RunRecord:
    steps = [
        StepRecord("fit", "k", "a/run", "fit.log", "finished", None, 1.5),
        StepRecord("b", "l", "b", "b.log"),
    ]
    steps[1].seconds = 2.25
    return RunRecord("k", "sweep", "a", 1, {"x": "1"}, steps=steps)


def test_what_is_written_is_read(tmp_path):
    write_record(tmp_path / "k", record())
    read = read_record(tmp_path / "k")
    assert read is not None
    assert read.seconds == 3.75
    assert read == RunRecord(**{**vars(record()), "seconds": 3.75})
    assert [path.name for path in (tmp_path / "k").iterdir()] == ["record.json"]


def test_no_record_is_none(tmp_path):
    assert read_record(tmp_path / "nowhere") is None


def test_a_step_of_other_settings_is_another():
    assert record().step("fit", "k") is not None
    assert record().step("fit", "other") is None


@pytest.mark.parametrize("text", ["", "{", "{}", '{"key": "a", "steps": []}', '{"steps": [{"what": 1}]}'])
def test_a_damaged_record_says_what_to_do(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(ValueError, match=r"record\.json is damaged: remove the folder .*runs it anew"):
        read_record(tmp_path)
