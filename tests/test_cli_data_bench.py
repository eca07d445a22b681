"""The bench from end to end, on a few small videos and a tiny model."""

import argparse
import io
import json
import multiprocessing
import os
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from vidmask.cli import main
from vidmask.cli.data import bench
from vidmask.data.readers import installed_readers
from vidmask.data.stages import STAGES

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = [
    *("--trainer.accelerator", "cpu"),
    *("--data.batch_size", "4"),
    *("--data.num_workers", "0"),
    *("--model.encoder.embed_dim", "24"),
    *("--model.encoder.depth", "1"),
    *("--model.encoder.num_heads", "2"),
]


def words(*more: str) -> list[str]:
    return ["data", "bench", "--seconds", "0.05", "--workers", "0,1", *more]


def parse(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="vidmask data bench")
    bench.add_arguments(parser)
    return parser.parse_args(given)


@pytest.fixture(scope="module")
def done(tmp_path_factory, moving_shapes) -> tuple[Path, str, dict]:
    """The working directory of a bench, what it printed, and its JSON file."""
    home, file = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("json") / "bench.json"
    source = ["--data.root", str(moving_shapes)]
    for split, number in (("train", 16), ("val", 4), ("test", 4)):
        source.append(f"--data.source.num_{split}={number}")
    before, printed = Path.cwd(), io.StringIO()
    os.chdir(home)
    try:
        with redirect_stdout(printed):
            args = words("--config", "quickstart/mae_st", *source, *TINY, "--json", str(file))
            assert main(args) == 0
    finally:
        os.chdir(before)
    return home, printed.getvalue(), json.loads(file.read_text())


def test_nothing_is_left_behind(done):
    home, _, _ = done
    assert list(home.iterdir()) == []
    assert multiprocessing.active_children() == []


def test_the_table_has_every_reader_and_number_of_workers(done):
    _, printed, numbers = done
    lines = printed.partition("Loader alone")[2].partition("Time of a clip")[0].splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert [row[0] for row in rows] == ["0", "1"]
    assert all(float(cell.rstrip("* ")) > 0 for row in rows for cell in row[1:])
    assert [len(row) for row in rows] == [1 + 2 * len(installed_readers())] * 2
    assert [cell.endswith("*") for cell in rows[0][1::2]] == [
        reader == "pyav" for reader in installed_readers()
    ]
    settings = [loader["setting"] for loader in numbers["measured"]["loaders"]]
    assert settings == [
        {"reader": reader, "num_workers": number} for reader in installed_readers() for number in (0, 1)
    ]


def test_the_stages_add_up(done):
    _, printed, numbers = done
    for stages in numbers["measured"]["stages"]:
        assert list(stages["milliseconds"]) == list(STAGES)
        assert sum(stages["milliseconds"].values()) + stages["other"] == pytest.approx(stages["total"])
    rows = printed.partition("Time of a clip")[2].partition("Training")[0]
    assert all(f"│ {name} " in rows for name in (*STAGES, "other", "together"))


def test_training_is_measured_as_configured_and_with_batches_ready(done):
    _, printed, numbers = done
    first, *others = numbers["measured"]["trainings"]
    assert first["setting"] == {"reader": "pyav", "num_workers": 0}
    assert len(others) <= 2
    assert all(training["clips_per_second"] > 0 for training in (first, *others))
    assert 0 < first["data_wait"] < 1
    assert numbers["measured"]["step"]["clips_per_second"] > 0
    assert "batches always ready" in printed
    assert "as configured: pyav, 0 workers" in printed


def test_it_ends_with_the_bottleneck_and_what_to_change(done):
    _, printed, numbers = done
    verdict = printed.partition("Bottleneck: ")[2].splitlines()
    assert verdict[0] == numbers["verdict"]["bottleneck"]
    assert verdict[1].startswith("  training does ")
    assert (
        verdict[1 + len(numbers["verdict"]["reason"])]
        == f"Change: {numbers['verdict']['setting'] or 'no setting of the data'}"
    )
    assert max(map(len, printed.splitlines())) <= 100


def test_the_file_says_what_was_measured_and_where(done):
    _, _, numbers = done
    assert numbers["recipe"] == "quickstart/mae_st"
    assert (numbers["frames"], numbers["size"], numbers["measured"]["batch_size"]) == (16, 32, 4)
    assert numbers["words"][:2] == ["--config", "quickstart/mae_st"]
    assert numbers["environment"]["packages"]["av"]
    assert numbers["environment"]["hardware"]["cores"] >= numbers["processors"] > 0


def test_options_of_the_bench_are_told_from_those_of_fit():
    given = parse(
        "--config", "a", "--workers", "2,0", "--model.lr", "-1", "--readers", "pyav", "--data.repeats=4"
    )
    assert given.recipe_words == ["--config", "a", "--model.lr", "-1", "--data.repeats=4"]
    assert (given.workers, given.readers, given.seconds, given.json) == ([0, 2], "pyav", 2.0, None)
    assert parse("--workers", "auto").workers is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--config", "quickstart/mae"], "no recipe 'quickstart/mae', did you mean"),
        (["--config", "quickstart/mae_st", "--data.bach_size", "4"], "no setting 'data.bach_size'"),
        (["--config", "folder/mae_st"], "VideoFolder needs the folder of the videos"),
        (["--config", "quickstart/mae_st", "--ckpt_path", "last"], "bench takes no --ckpt_path"),
        (["--workers", "two"], "argument --workers: whole numbers such as 0,1,2, or auto, are accepted"),
        (["--seconds", "0"], "argument --seconds: a number of seconds above 0 is accepted, got '0'"),
        (["--readers", "pyaw"], "reader must be one of pyav, torchcodec, got 'pyaw'"),
        (["--json", "nowhere/bench.json"], "argument --json: nowhere/bench.json: there is no folder nowhere"),
    ],
)
def test_a_mistake_is_told_in_a_few_lines(given, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words(*given)) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[0].startswith(f"vidmask: {told}")
    assert len(error) <= 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("num_videos", "batch_size", "told"),
    [
        (4, 4, "none of the 4 training videos tried can be read; the last: "),
        (3, 4, "3 training videos fill no batch of 4 clips on 1 rank(s); give a batch_size of at most 3"),
    ],
)
def test_videos_that_cannot_be_measured_are_told(num_videos, batch_size, told, capsys, tmp_path):
    for number in range(num_videos):
        (tmp_path / f"{number}.mp4").write_bytes(b"no video" * 100)
    data = ["--data.root", str(tmp_path), "--data.source.val_share", "0", "--data.repeats", "1"]
    small = [
        "--model.encoder.embed_dim",
        "24",
        "--model.encoder.depth",
        "1",
        "--model.encoder.num_heads",
        "2",
    ]
    size = ["--data.batch_size", str(batch_size), "--trainer.accelerator", "cpu"]
    assert main(words("--config", "folder/mae_st", *data, *small, *size)) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"vidmask: {told}")
