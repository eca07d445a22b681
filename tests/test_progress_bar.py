"""The bar of long jobs counts on standard error."""

from vidmask.data.progress_bar import progress_bar


def test_the_last_count_is_shown(capsys):
    with progress_bar("Checking", total=5, done=2) as advance:
        advance(1)
        advance(2)
    shown = capsys.readouterr()
    assert "Checking" in shown.err
    assert "5/5" in shown.err
    assert not shown.out
