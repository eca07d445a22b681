"""``vidmask probe``, from shards to a table."""

import json
from pathlib import Path

import pytest
import torch

from vidmask.cli import main
from vidmask.features import ShardWriter, read_features

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = {"motion": ("left", "right"), "shape": ("disc", "ring", "square")}


def write(
    folder: Path, split: str, num_videos: int, views: int = 1, *, tokens: bool = True, **options
) -> None:
    """Features that tell the motion by the sign of most of their numbers."""
    folder.mkdir(exist_ok=True)
    video = torch.arange(num_videos).repeat_interleave(views)
    chance = torch.Generator().manual_seed(len(split))
    made = torch.randn(len(video), 2, 8, generator=chance) / 10
    made[:, :, :6] += 2.0 * (video % 2)[:, None, None] - 1
    rows = {"video_index": video, "view": torch.arange(views).repeat(num_videos)}
    rows["start_seconds"] = torch.zeros(len(video))
    if options.pop("labelled", True):
        rows |= {"label/motion": video % 2, "label/shape": video % 3}
    rows |= {"features": made.mean(dim=1)} | ({"tokens": made} if tokens else {})
    writer = ShardWriter(folder, split, **{"classes": CLASSES, "made_by": {"weights": "a"}} | options)
    writer.add(rows, [f"{split}/{one}.mp4" for one in video.tolist()])
    writer.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    for split, number in (("train", 30), ("val", 12), ("test", 10)):
        write(tmp_path / "features", split, number)
    return tmp_path / "features"


def error_of(capsys, *args: str) -> str:
    assert main(["probe", *args]) == 2
    lines = capsys.readouterr().err.splitlines()
    return lines[0].removeprefix("vidmask: ")


def test_each_label_has_a_table_with_every_probe(folder, tmp_path, capsys):
    assert main(["probe", str(folder), "--epochs", "2", "--json", str(tmp_path / "found.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["train: 30 videos", "test: 10 videos"]
    assert lines[3] == "motion: 2 classes, fitted to 30 videos, scored on 10 of test"
    names = [line.split()[0] for line in lines[5:9]]
    assert names == ["chance", "knn", "linear", "attentive"]
    assert lines[5].split()[1:3] == ["50.0%", "1"]
    assert "100.0%   100.0% to 100.0%   20 neighbours by cosine" in lines[6]
    assert "chosen on a fifth of the training videos" in lines[7]
    assert "best of 12 on 6 held-out of 30 training videos, then trained anew on all of them" in lines[8]
    assert lines[10] == "shape: 3 classes, fitted to 30 videos, scored on 10 of test"
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["train"], found["score"], found["made_by"]) == ("train", "test", {"weights": "a"})
    motion, shape = found["labels"]
    assert (motion["label"], shape["label"]) == ("motion", "shape")
    knn = motion["scores"][1]
    assert (knn["accuracy"], knn["interval"]) == (1.0, [1.0, 1.0])
    assert len(motion["scores"][3]["settings"]["held_out_accuracy"]) == 12


def test_label_probes_and_split_are_as_asked(folder, capsys):
    args = ["--label", "shape", "--probes", "linear,knn", "--score", "val", "--l2", "0.5"]
    assert main(["probe", str(folder), *args]) == 0
    out = capsys.readouterr().out
    assert "val: 12 videos" in out
    assert "motion" not in out
    assert "attentive" not in out
    assert "l2 0.5, as given" in out


def test_without_a_test_split_validation_is_scored(folder, capsys):
    for path in folder.glob("test-*"):
        path.unlink()
    assert main(["probe", str(folder), "--probes", "knn"]) == 0
    assert "scored on 12 of val" in capsys.readouterr().out


def test_without_tokens_the_attentive_probe_says_so(tmp_path, capsys):
    for split in ("train", "test"):
        write(tmp_path / "f", split, 22, tokens=False)
    assert main(["probe", str(tmp_path / "f"), "--label", "motion"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("attentive")]
    assert line.split()[1] == "-"
    assert "not fitted: no tokens in these features; predict with --features.level token or both" in line


def test_views_and_skipped_videos_are_counted(tmp_path, capsys):
    write(tmp_path / "f", "train", 11, 2)
    writer = ShardWriter(tmp_path / "f", "test", classes=CLASSES, made_by={"weights": "a"})
    found = read_features(tmp_path / "f", "train")
    names = ("features", "tokens", "video_index", "view", "start_seconds")
    rows = {name: getattr(found, name) for name in names}
    rows |= {f"label/{name}": values for name, values in found.labels.items()}
    writer.add(rows, [f"test/{place // 2}" for place in range(22)], [("bad.mp4", "no video")])
    writer.close()
    assert main(["probe", str(tmp_path / "f"), "--probes", "linear", "--l2", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "train: 11 videos in 22 clips",
        "test: 11 videos in 22 clips; 1 video could not be decoded",
    ]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--label", "colour"], "--label colour: no such label in {}; there are: motion, shape"),
        (["--score", "train"], "--score and --train are both train: a probe is scored on other videos"),
        (
            ["--probes", "linear,svm"],
            "argument --probes: any of knn,linear,attentive are accepted, got 'line",
        ),
        (["--epochs", "0"], "argument --epochs: a whole number from 1 is accepted, got '0'"),
        (["--l2", "0"], "argument --l2: a number above 0 is accepted, got '0'"),
        (["--json", "found.txt"], "argument --json: a name that ends in .json is accepted, got 'found.txt'"),
    ],
)
def test_bad_arguments_are_told_in_a_line(folder, args, said, capsys):
    assert error_of(capsys, str(folder), *args).startswith(said.format(folder))


def test_features_that_are_not_there_are_told_in_a_line(tmp_path, capsys):
    assert "nothing: there is no such folder" in error_of(capsys, str(tmp_path / "nothing"))
    assert "no features of 'train' to fit to, but of no split" in error_of(capsys, str(tmp_path))
    write(tmp_path / "f", "train", 4)
    assert "no features of test or val to score" in error_of(capsys, str(tmp_path / "f"))
    said = error_of(capsys, str(tmp_path / "f"), "--score", "val")
    assert "no features of 'val' to score, but of train" in said


def test_features_of_two_encoders_are_refused(folder, capsys):
    write(folder, "test", 4, made_by={"weights": "b"})
    said = error_of(capsys, str(folder))
    assert said.startswith("the two splits were made by different encoders: weights is a and b")


def test_a_split_without_labels_is_refused(folder, tmp_path, capsys):
    write(folder, "test", 4, labelled=False)
    assert "the videos of test have no label motion or shape" in error_of(capsys, str(folder))
    for split in ("train", "test"):
        write(tmp_path / "bare", split, 4, labelled=False, classes={})
    assert "the videos have no label, so nothing can be probed" in error_of(capsys, str(tmp_path / "bare"))


def test_a_tiny_run_from_training_to_the_table(moving_shapes, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VIDMASK_RUNS", str(tmp_path / "runs"))
    tiny = ["--config", "quickstart/mae_st", "--data.source.root", str(moving_shapes)]
    for split, number in (("train", 16), ("val", 4), ("test", 4)):
        tiny += [f"--data.source.num_{split}", str(number)]
    tiny += ["--trainer.callbacks", "null", "--trainer.accelerator", "cpu", "--trainer.max_steps", "2"]
    tiny += ["--data.batch_size", "4", "--data.num_workers", "0", "--model.encoder.embed_dim", "24"]
    tiny += ["--model.encoder.depth", "1", "--model.encoder.num_heads", "2"]
    assert main(["fit", *tiny]) == 0
    assert main(["predict", *tiny, "--ckpt_path", "last", "--features.level", "both"]) == 0
    folder = tmp_path / "runs" / "quickstart" / "mae_st" / "latest" / "predict" / "features"
    capsys.readouterr()
    args = ["--label", "motion", "--epochs", "1", "--json", str(tmp_path / "found.json")]
    assert main(["probe", str(folder), *args]) == 0
    (motion,) = json.loads((tmp_path / "found.json").read_text())["labels"]
    rows = {one["probe"]: one for one in motion["scores"]}
    assert rows["knn"]["how"] == "not fitted: num_neighbours=20 needs that many training features, got 16"
    for name in ("linear", "attentive"):
        assert rows[name]["accuracy"] in (0.0, 0.25, 0.5, 0.75, 1.0)
        assert rows[name]["interval"][0] <= rows[name]["accuracy"] <= rows[name]["interval"][1]
