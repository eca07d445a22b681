"""``vidmask data stats`` as a user meets it."""

import json
from pathlib import Path

import pytest
from constant_videos import write_constant
from PIL import Image

from vidmask.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stats")
    for name, colour in (("dark", (51, 51, 51)), ("light", (204, 204, 204))):
        write_constant(root / name / "a.mp4", [colour] * 30, rate=10)
    return root


def test_table_json_and_picture(folder: Path, tmp_path: Path, capsys) -> None:
    words = ["--json", str(tmp_path / "s.json"), "--picture", str(tmp_path / "s.png"), "--workers", "0"]
    assert main(["data", "stats", str(folder), *words]) == 0
    told = capsys.readouterr()
    assert "2 of 'class'" in told.out
    assert told.out.count("0.5000") == 3
    assert "\x1b" not in told.out
    assert "videos" in told.err
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["pixels"]["std"] == pytest.approx([0.3] * 3)
    assert found["splits"]["train"]["labels"]["class"]["videos"] == {"dark": 1, "light": 1}
    assert Image.open(tmp_path / "s.png").size[0] > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.json", "s.png"]


def test_no_pixels_and_another_clip(folder: Path, capsys) -> None:
    words = ["--videos", "0", "--clip-seconds", "3.5", "--workers", "0"]
    assert main(["data", "stats", str(folder), *words]) == 0
    told = capsys.readouterr().out
    assert "under 3.50 s" in told
    assert "100.0%" in told
    assert "ImageNet" not in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--videos", "-1"], "argument --videos: a whole number from 0 is accepted, got '-1'"),
        (["--picture", "s.jpg"], "s.jpg: a picture ends in .png, .pdf, .svg"),
        (["--picture", "no/s.png"], "no/s.png: there is no folder no"),
        (["--picture", "s.svg"], "s.svg: is a folder; give the name of a picture"),
        (["--json", "no/such/s.json"], "argument --json: no/such/s.json: there is no folder no/such"),
        (["--json", "."], "argument --json: a name that ends in .json is accepted, got '.'"),
        (["--json", "0.mp4"], "argument --json: a name that ends in .json is accepted, got '0.mp4'"),
        (["--timeout", "nan"], "argument --timeout: a number of seconds above 0 is accepted, got 'nan'"),
        (["--clip-seconds", "long"], "argument --clip-seconds: a number of seconds above 0 is accepted"),
    ],
)
def test_a_wrong_value_ends_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch, capsys, words, message
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.svg").mkdir()
    assert main(["data", "stats", str(folder), *words]) == 2
    told = capsys.readouterr()
    assert message in told.err.splitlines()[0]
    assert told.out == ""


def test_no_source_and_no_video_end_in_one_line(tmp_path: Path, capsys) -> None:
    assert main(["data", "stats", str(tmp_path / "gone.csv")]) == 2
    assert "gone.csv: does not exist" in capsys.readouterr().err
    (tmp_path / "a.mp4").write_bytes(b"no video")
    assert main(["data", "stats", str(tmp_path), "--workers", "0"]) == 2
    assert "none of 1 videos can be read" in capsys.readouterr().err
