import json
from dataclasses import replace

import pytest

from vidmask.cli.bench_report import print_report, verdict_lines, write_json
from vidmask.cli.benchmark import Benchmark
from vidmask.data.stages import STAGES
from vidmask.data.throughput import (
    LoaderRate,
    LoaderSetting,
    Measurements,
    StageTimes,
    StepRate,
    TrainingRate,
    judge,
)


def rate(reader, workers, clips_per_second, **lost):
    options = {"num_clips": 90, "num_skipped": 0, "unreadable": {}} | lost
    return LoaderRate(LoaderSetting(reader, workers), clips_per_second, 0.25, **options)


@pytest.fixture
def result() -> Benchmark:
    broken = {"num_skipped": 10, "unreadable": {"a.avi": "a.avi: cannot\nbe read", "b.avi": "b.avi: no"}}
    spent = dict.fromkeys(STAGES, 0.0) | {"open": 1.0, "decode": 6.5}
    measured = Measurements(
        loaders=(
            rate("pyav", 0, 123.45),
            rate("pyav", 12, 1234.5),
            rate("torchcodec", 0, 99.0),
            rate("torchcodec", 12, 990.0, **broken),
        ),
        stages=(StageTimes("pyav", spent, 8.0, 90), StageTimes("torchcodec", spent, 10.0, 90)),
        step=StepRate(1000.0, 32.0, 8.0),
        trainings=(
            TrainingRate(LoaderSetting("pyav", 0), 109.5, 0.89),
            TrainingRate(LoaderSetting("pyav", 12), 950.0, 0.02),
        ),
        num_batches=50,
        batch_size=32,
        repeats=4,
        shrinking=5.0,
        can_prepare=True,
        pinned=True,
        precision="bf16-mixed",
    )
    return Benchmark(
        "folder/mae_st", ["--config", "x"], 0.5, "H100", 16, 112, False, 0.05, measured, judge(measured)
    )


@pytest.mark.parametrize("width", ["80", "100"])
def test_the_report_is_whole_and_narrow(result, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    print_report(result)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "folder/mae_st: batches of 32 clips of 16 × 112 × 112, 4 of each opened video" in text
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert ["0", "123.5 *", "0.25", "99.0", "0.25"] in cells
    assert ["12", "1234.5", "0.25", "990.0", "0.25"] in cells
    assert ["decode", "6.50", "81", "6.50", "65"] in cells
    assert ["other", "0.50", "6", "2.50", "25"] in cells
    assert ["batches always ready: 32 ms a step", "1000.0", ""] in cells
    assert ["as configured: pyav, 0 workers", "109.5", "89%"] in cells
    assert ["tried: pyav, 12 workers", "950.0", "2%"] in cells
    assert "augmentations on the device are 25% of a step" in text
    assert "torchcodec seeks and converts while it decodes" in text


def test_what_a_reader_could_not_read_is_told(result, capsys):
    print_report(result)
    text = capsys.readouterr().out
    assert (
        "torchcodec could not read 10 of 190 clips, which count in no rate; of 2 file(s), the first:" in text
    )
    assert "\n  a.avi: cannot be read\n" in text
    assert "pyav could not read" not in text


def test_the_verdict_stands_at_the_end(result, capsys):
    print_report(result)
    assert capsys.readouterr().out.endswith("\n".join(verdict_lines(result)) + "\n")
    assert verdict_lines(result) == [
        "Bottleneck: data",
        "  training does 110 clips/s, waiting for data for 89% of the time; 1000 with batches always ready",
        "  of the 8.0 ms of a clip, decode takes the most: 6.5",
        "Change: --data.num_workers 12",
        "  measured: 950 clips/s instead of 110, waiting for data for 2% of the time",
        "  then the training step is the bottleneck",
    ]


def test_folders_of_frames_have_a_reader_of_their_own(result, capsys):
    print_report(replace(result, frame_folders=True))
    text = capsys.readouterr().out
    assert "folders of frames" in text
    assert "torchcodec seeks" not in text


def test_the_file_holds_all_numbers(result, tmp_path):
    write_json(tmp_path / "bench.json", result)
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["measured"]["loaders"][3]["setting"] == {"reader": "torchcodec", "num_workers": 12}
    assert content["measured"]["loaders"][3]["unreadable"]["b.avi"] == "b.avi: no"
    assert content["measured"]["stages"][0]["other"] == 0.5
    assert content["verdict"]["setting"] == "--data.num_workers 12"
    assert content["environment"]["packages"]["torch"]
