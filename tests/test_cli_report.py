"""``vidmask report``: what it writes, and what is answered where it cannot."""

import importlib.util

import pytest
from sweep_folders import write_sweep, write_training

from vidmask.cli import main
from vidmask.cli import report as verb

CELLS = [{"model.masking": "random"}, {"model.masking": "tube"}]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "masks"
    write_sweep(folder, CELLS, seeds=(0, 1))
    return folder


def test_page_markdown_and_table_are_written_and_named(sweep, tmp_path, capsys):
    out = tmp_path / "found.html"
    words = ["report", str(sweep), "-o", str(out), "--metric", "motion/knn_mean"]
    assert main([*words, "--reference", "tube", "--title", "A <b>"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(out.with_suffix(end)) for end in (".html", ".md", ".csv")
    ]
    page = out.read_text(encoding="utf-8")
    assert "<h1>A &lt;b&gt;</h1>" in page
    assert "Differences from tube" in page
    assert out.with_suffix(".md").read_text(encoding="utf-8").startswith("# A \\<b\\>\n")
    assert page.index("motion: neighbours, mean pooled, test split") < page.index("linear probe, mean pooled")


def test_a_run_of_no_sweep_has_a_report_and_the_name_is_report_html(tmp_path, monkeypatch):
    run = write_training(tmp_path / "runs" / "quickstart" / "mae_st" / "2026-01-01_00-00-00")
    (run.parent / "latest").symlink_to(run.name)
    monkeypatch.chdir(tmp_path)
    assert main(["report", "runs/quickstart/mae_st/latest"]) == 0
    assert {path.name for path in tmp_path.glob("report.*")} == {"report.html", "report.md", "report.csv"}
    assert "<h1>quickstart/mae_st</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def _mistake(capsys, *words):
    assert main(["report", *map(str, words)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    (line,) = captured.err.splitlines()
    return line


def test_where_there_is_no_run_it_is_said(tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert str(empty) in _mistake(capsys, empty, "-o", tmp_path / "a.html")
    assert "nowhere" in _mistake(capsys, tmp_path / "nowhere", "-o", tmp_path / "a.html")
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize(
    ("out", "answer"),
    [
        ("a.pdf", "-o takes a name that ends in .html, got"),
        ("missing/a.html", "there is no folder"),
        ("folder.html", "that is a folder"),
    ],
)
def test_a_page_that_cannot_be_written_is_refused_before_the_work(sweep, tmp_path, capsys, out, answer):
    (tmp_path / "folder.html").mkdir()
    assert answer in _mistake(capsys, sweep, "-o", tmp_path / out)


def test_a_missing_extra_is_named_with_how_to_get_it(sweep, tmp_path, capsys, monkeypatch):
    def find(name):
        return None if name == "seaborn" else importlib.util.find_spec(name)

    monkeypatch.setattr(verb, "_found", find)
    line = _mistake(capsys, sweep, "-o", tmp_path / "a.html")
    assert line == "vidmask: vidmask report needs seaborn: pip install 'vidmask[report]'"


def test_a_score_or_cell_that_is_not_there_is_answered_with_what_is(sweep, tmp_path, capsys):
    out = tmp_path / "a.html"
    assert "there are the read-outs" in _mistake(capsys, sweep, "-o", out, "--metric", "top9")
    assert "there are random; tube" in _mistake(capsys, sweep, "-o", out, "--reference", "block")


def test_what_the_verb_needs_is_what_the_extra_brings():
    import configparser
    from pathlib import Path

    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
    lines = setup["options.extras_require"]["report"].splitlines()
    assert set(verb.NEEDED) <= {line.partition(">=")[0] for line in lines}
