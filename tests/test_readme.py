"""What the README shows works as it stands there."""

import json
import re
from pathlib import Path

import pytest
import yaml

from vidmask.checkpoints import build_encoder, save_encoder
from vidmask.cli import main

REPOSITORY = Path(__file__).parents[1]
TEXTS = [
    REPOSITORY / "README.md",
    *(
        path
        for path in sorted((REPOSITORY / "experiments").rglob("*"))
        if path.suffix in (".yaml", ".yml", ".md", ".py")
    ),
]


def blocks(language: str) -> list[str]:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_number_is_left_to_be_filled_in(path):
    assert re.findall(r"@[A-Z_]+@", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split("\n", 1)[0])
def test_python_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # The encoder of the quick-start, which the README trains first.
    folder = tmp_path / "runs" / "quickstart" / "mae_st" / "latest"
    folder.mkdir(parents=True)
    args = {"frames": 4, "size": 16, "tubelet": [2, 8, 8], "embed_dim": 24, "depth": 1, "num_heads": 2}
    config = {"class_path": "vidmask.models.vit.VideoViT", "init_args": args}
    save_encoder(folder / "encoder.safetensors", build_encoder(config), config)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_the_recipe_for_one_s_own_videos_trains(tmp_path, video_folder, monkeypatch):
    (recipe,) = [text for text in blocks("yaml") if text.startswith("# my_run.yaml")]
    assert "precision" in yaml.safe_load(recipe)["trainer"]
    (tmp_path / "my_run.yaml").write_text(recipe, encoding="utf-8")
    (tmp_path / "videos").symlink_to(video_folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIDMASK_RUNS", raising=False)
    tiny = [
        *("--model.encoder.size", "32", "--model.encoder.embed_dim", "24"),
        *("--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--data.batch_size", "4", "--data.num_workers", "0"),
        *("--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1", "--trainer.accelerator", "cpu"),
    ]
    assert main(["fit", "--config", "my_run.yaml", *tiny]) == 0
    lines = (tmp_path / "runs" / "my_run" / "latest" / "metrics.jsonl").read_text().splitlines()
    losses = [line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line]
    assert len(losses) == 2
    assert all(loss is not None and loss > 0 for loss in losses)
