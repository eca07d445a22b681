"""Where verbs print their tables."""

from vidmask.cli.console import unbroken_console


def test_a_pipe_gets_every_line_whole_and_as_it_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    line = "[bold] 12 " * 100
    unbroken_console().print(line)
    assert capsys.readouterr().out == line + "\n"


def test_a_terminal_has_its_width(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    assert unbroken_console().width == 40
