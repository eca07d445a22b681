"""The script that fine-tunes and probes encoders of several seeds: what it runs, chooses and tells."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "readouts.py"

# Fine-tuning from random weights is best at the last setting, all else at the first.
BEST = {"random": "_lr0.003_decay1_"}


@pytest.fixture
def readouts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, whose commands take no time and leave scores that their words decide."""
    spec = importlib.util.spec_from_file_location("readouts", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "readouts", module)
    spec.loader.exec_module(module)
    module.calls = []

    def run(command: list[str], **_: object) -> None:
        words = command[3:]
        module.calls.append(words)
        options = dict(zip(words[1::2], words[2::2], strict=words[0] != "probe"))
        if words[0] == "probe":
            scores = [{"probe": name, "accuracy": 0.5} for name in ("chance", *module.PROBES)]
            found = [{"label": label, "scores": scores} for label in module.LABELS]
            Path(words[-1]).write_text(json.dumps({"labels": found}))
            assert words[2:4] == ["--probes", "knn,linear"]
            return
        if words[0] in ("test", "predict"):
            checkpoint = Path(options["--ckpt_path"])
            name = options.get("--run.name")
            run_folder = (
                Path(options["--run.root"], options["--config"], name) if name else checkpoint.parents[1]
            )
            folder = run_folder / words[0]
            (folder / "features").mkdir(parents=True)
            start, seed = run_folder.name.split("_")[0], int(run_folder.name[-1])
            if words[0] == "test":
                line = {"test/appearance_top1": {"random": 0.5}.get(start, 0.6) + seed / 100}
                (folder / "metrics.jsonl").write_text(json.dumps(line | {"test/motion_top1": 0.25}))
                (folder / "card.md").touch()
            return
        folder = Path(options["--run.root"], options["--config"], options["--run.name"])
        folder.mkdir(parents=True)
        (folder / "encoder.safetensors").touch()
        best = BEST.get(folder.name.split("_")[0], "_lr0.001_decay0.75_")
        score = 0.75 if best in folder.name else 0.5
        line = {"step": 8, "val/appearance_top1": score, "val/motion_top1": 0.25}
        (folder / "metrics.jsonl").write_text(json.dumps({"step": 0, "val/appearance_top1": 0.0}) + "\n")
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    monkeypatch.setattr(module.subprocess, "run", run)
    return module


def test_each_start_gets_the_setting_that_is_best_for_it_and_all_seeds_are_told(
    readouts: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readouts.main(["--root", str(tmp_path), "--seeds", "0", "2"])
    out = capsys.readouterr().out
    assert "| learning rate | layer decay | random | MAE-ST | VideoMAE | MAM2 |" in out
    assert "| 0.001 | 0.75 | 50.0 / 25.0 | **75.0 / 25.0** | **75.0 / 25.0** | **75.0 / 25.0** |" in out
    assert "| 0.003 | 1 | **75.0 / 25.0** | 50.0 / 25.0 | 50.0 / 25.0 | 50.0 / 25.0 |" in out
    assert "| appearance | fine-tuning | 51.0 (50.0 to 52.0) | 61.0 (60.0 to 62.0) |" in out
    assert out.count("| 50.0 (50.0 to 50.0) | 50.0 (50.0 to 50.0) |") == 4
    assert "| appearance | +10.0, +10.0 | +10.0, +10.0 | +10.0, +10.0 |" in out
    assert "| motion | +0.0, +0.0 | +0.0, +0.0 | +0.0, +0.0 |" in out
    verbs = [words[0] for words in readouts.calls]
    # Six encoders; sixteen trials and the chosen settings of the other seed; eight attentive probes.
    assert verbs.count("fit") == 6 + 16 + 4 + 8
    assert verbs.count("test") == 16
    assert verbs.count("predict") == verbs.count("probe") == 8
    assert "| motion | attentive | 25.0 (25.0 to 25.0) |" in out
    fits = [" ".join(words) for words in readouts.calls if words[0] == "fit" and "--model.lr" in words]
    assert sum("--model.encoder_checkpoint" in words for words in fits) == 15
    assert sum("--model.encoder.positions sincos1d" in words for words in fits) == 5
    (random,) = (words for words in fits if "random" in words and "--seed_everything 2" in words)
    assert "--model.lr 0.003 --model.layer_decay 1.0" in random


def test_what_is_there_is_not_run_again(
    readouts: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--root", str(tmp_path), "--seeds", "0"]
    readouts.main(words)
    before, told = len(readouts.calls), capsys.readouterr().out
    readouts.main(words)
    assert len(readouts.calls) == before
    assert capsys.readouterr().out == told


def test_fewer_labels_are_seen_as_often_as_takes_the_same_number_of_steps(
    readouts: ModuleType, tmp_path: Path
) -> None:
    readouts.main(["--root", str(tmp_path), "--seeds", "0", "--num_train", "256"])
    fits = [" ".join(words) for words in readouts.calls if words[0] == "fit"]
    assert sum("--data.source.num_train 256 --trainer.max_epochs 64 " in words for words in fits) == 16
    assert not any("num_train" in words for words in fits if "finetune" not in words)
