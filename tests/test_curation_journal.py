"""The journal of an interrupted job."""

from pathlib import Path

import pytest

from vidmask.data.curation.journal import Journal, told_what_is_kept


def test_answers_are_there_again(tmp_path: Path) -> None:
    path = tmp_path / ".job"
    with Journal(path, {"full": True}) as journal:
        journal.add("a\udcff.mp4", {"frames": 3})
    with Journal(path, {"full": True}) as journal:
        assert journal.answers == {"a\udcff.mp4": {"frames": 3}}
        journal.add("b", None)
        journal.add("b", 2)
    with Journal(path, {"full": True}) as journal:
        assert journal.answers["b"] == 2
        journal.discard()
    assert not path.exists()


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_line_cut_off_is_due_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / ".job"
    with Journal(path, {}) as journal:
        journal.add("a", 1)
        journal.add("b", 2)
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(path, {}) as journal:
        assert journal.answers == ({"a": 1} if cut <= len('{"key": "b", "answer": 2}\n') else {})
        journal.add("b", 3)
    with Journal(path, {}) as journal:
        assert journal.answers["b"] == 3


def test_the_journal_of_another_job_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".job"
    Journal(path, {"full": True, "side": 1}).close()
    with pytest.raises(ValueError, match=r"was begun with full True; say the same again"):
        Journal(path, {"full": False, "side": 1})
    path.write_text("something\n")
    with pytest.raises(ValueError, match="line 1 is none of a journal"):
        Journal(path, {})


def test_two_processes_do_not_write_one_journal(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / ".job", {}),
        pytest.raises(ValueError, match="another process is at the same work"),
    ):
        Journal(tmp_path / ".job", {})
    Journal(tmp_path / ".job", {}).close()


def test_an_error_names_the_file_that_cannot_be_written_and_what_is_kept(tmp_path: Path) -> None:
    path = tmp_path / ".job"
    system, own = OSError(28, "No space left"), OSError("/out/m.csv: cannot be written: No space left")
    assert str(told_what_is_kept(system, path)) == f"{path}: No space left"
    assert str(told_what_is_kept(own, path)) == "/out/m.csv: cannot be written: No space left"
    with Journal(path, {}) as journal:
        journal.add("a", 1)
    assert str(told_what_is_kept(own, path)) == (
        "/out/m.csv: cannot be written: No space left; what was done is kept (1 video), and the same command "
        "goes on from there"
    )
