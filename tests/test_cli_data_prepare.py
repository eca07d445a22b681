"""``vidmask data prepare``."""

from pathlib import Path

import pytest
from videos import write_numbered

from vidmask.cli import main


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("jump", "run"):
        (tmp_path / "videos" / name).mkdir(parents=True)
        write_numbered(tmp_path / "videos" / name / "0.mp4", 80)
    return tmp_path / "videos"


def test_it_says_what_came_of_it(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "run/bad.mp4").write_bytes(b"no video")
    words = ["data", "prepare", str(source), str(tmp_path / "out"), "--workers", "0"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ": 2 videos prepared in " in lines[0]
    assert lines[1] == "2 ok  1 broken  0 suspect"
    assert any("holds text and no video" in line for line in lines)
    assert any("MB after" in line for line in lines)
    assert any("times as many (6 clips of 16 frames, taking turns)" in line for line in lines)
    assert lines[-1] == f"the manifest is {tmp_path}/out/manifest.csv"
    assert main([*words, "--strict"]) == 1
    assert "0 videos prepared" in capsys.readouterr().out


def test_a_run_trains_on_the_manifest(source: Path, tmp_path: Path) -> None:
    assert main(["data", "prepare", str(source), str(tmp_path / "out"), "--workers", "0"]) == 0
    args = [
        *("fit", "--config", "quickstart/mae_st", "--run.root", str(tmp_path / "runs")),
        *("--data.source=Manifest", "--data.root", str(tmp_path / "out/manifest.csv")),
        *("--data.batch_size", "2", "--data.num_workers", "0", "--data.stride_frames", "1"),
        *("--trainer.accelerator", "cpu", "--trainer.callbacks", "null", "--trainer.max_steps", "1"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
    ]
    assert main(args) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone", "out"], "gone"),
        (["videos", "videos/out"], "lies in"),
        (["videos", "out", "--short-side", "7"], "short_side must be even and at least 16, got 7"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    source: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str], words, message
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "prepare", *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
