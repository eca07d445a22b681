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
    recipe = shown("my_run.yaml")
    assert "precision" in yaml.safe_load(recipe)["trainer"]
    (tmp_path / "my_run.yaml").write_text(recipe, encoding="utf-8")
    (tmp_path / "videos").symlink_to(video_folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIDMASK_RUNS", raising=False)
    assert len(two_losses("my_run", "--config", "my_run.yaml")) == 2


def test_a_data_set_of_pytorchvideo_s_comes_in_as_shown(tmp_path, video_folder, monkeypatch):
    (tmp_path / "pytorchvideo.yaml").write_text(shown("pytorchvideo.yaml"), encoding="utf-8")
    (tmp_path / "videos").symlink_to(video_folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIDMASK_RUNS", raising=False)
    words = ["--config", "folder/mae_st", "--config", "pytorchvideo.yaml", "--trainer.callbacks", "null"]
    assert len(two_losses("folder/mae_st", *words)) == 2


def shown(name: str) -> str:
    """Return the recipe that the README shows under a name."""
    (recipe,) = [text for text in blocks("yaml") if text.startswith(f"# {name}")]
    return recipe


def two_losses(recipe: str, *words: str) -> list[float]:
    """Train a tiny encoder for two steps and return the losses."""
    tiny = [
        *("--model.encoder.size", "32", "--model.encoder.embed_dim", "24"),
        *("--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--data.batch_size", "4", "--data.num_workers", "0"),
        *("--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1", "--trainer.accelerator", "cpu"),
    ]
    assert main(["fit", *words, *tiny]) == 0
    lines = (Path("runs") / recipe / "latest" / "metrics.jsonl").read_text().splitlines()
    losses = [line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line]
    assert all(loss is not None and loss > 0 for loss in losses)
    return losses
