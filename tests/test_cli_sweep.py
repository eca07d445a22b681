"""What the verb takes, and how mistakes are told before any run is begun."""

from pathlib import Path

import pytest

from vidmask.cli import main


@pytest.fixture
def sweep_file(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "rates.yaml"


def test_help_tells_where_runs_are_filed(capsys):
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    told = capsys.readouterr().out
    assert "RUNS/sweeps/NAME" in told
    assert "--dry-run" in told


@pytest.mark.parametrize(
    ("text", "words", "told"),
    {
        "no file": (None, [], "no sweep 'rates.yaml'; shipped are ablations/"),
        "a recipe": (None, ["--config", "quickstart/mae_st"], "mae_st.yaml: a sweep needs 'base'"),
        "no base": ("base: quickstart/mea_st", [], "no recipe 'quickstart/mea_st', did you mean"),
        "no evaluation": (
            "base: quickstart/mae_st\nevaluate: quickstart/lin",
            [],
            "no recipe 'quickstart/lin'",
        ),
        "a setting": (
            "base: quickstart/mae_st\ngrid: {model.masking.ration: [0.5]}",
            [],
            "no setting 'model.masking.ration'",
        ),
        "a value that a part refuses": (
            "base: quickstart/mae_st\ngrid: {model.masking.ratio: [0.5, 1.5]}",
            [],
            "1.5",
        ),
        "devices": ("base: quickstart/mae_st", ["--devices", "0,,1"], "--devices takes numbers of GPUs"),
        "jobs": ("base: quickstart/mae_st", ["--jobs", "0"], "argument --jobs"),
        "less than a step": (
            "base: quickstart/mae_st\nbudget: {clips: 3}",
            [],
            "budget.clips is 3, less than one step, which costs 32",
        ),
    }.values(),
)
@pytest.mark.usefixtures("one_thread")
def test_a_mistake_ends_in_a_few_lines_and_nothing_is_run(sweep_file, capsys, text, words, told):
    if text is not None:
        sweep_file.write_text(text)
    given = words if "--config" in words else ["--config", "rates.yaml", *words]
    assert main(["sweep", *given]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("sweep: planning")]
    assert lines[0].startswith("vidmask: ")
    assert told in lines[0]
    assert len(lines) <= 5
    assert not list(Path().rglob("record.json"))
