"""What many tests need and is slow to make."""

import os
from pathlib import Path

import pytest
import torch
import yaml
from videos import write_numbered

from vidmask.data.moving_shapes.generation import synthesize


def pytest_configure() -> None:
    """Share the cores among the processes that run tests side by side, and those that they start."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    if workers > 1:
        threads = max(1, (os.cpu_count() or 1) // workers)
        torch.set_num_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)


@pytest.fixture(scope="session")
def moving_shapes(tmp_path_factory) -> Path:
    """A folder of MovingShapes: 16 training, 4 validation and 4 test videos."""
    folder = tmp_path_factory.mktemp("moving_shapes")
    synthesize(folder, "easy", 0, num_train=16, num_val=4, num_test=4, num_workers=0)
    return folder


@pytest.fixture(scope="session")
def video_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of numbered videos: train, val and test, each of two classes with 5, 2 and 1 videos."""
    root = tmp_path_factory.mktemp("videos")
    for split, count in (("train", 5), ("val", 2), ("test", 1)):
        for name in ("jump", "run"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                write_numbered(root / split / name / f"{number}.mp4", 30, options={"g": "12", "bf": "2"})
    return root


TOKENIZER = {"num_codes": 8, "embed_dim": 4, "ch": 32, "ch_mult": [1, 1, 1], "num_res_blocks": 1}
TOKENIZER |= {"attn_resolutions": [], "resolution": 16, "z_channels": 8}


@pytest.fixture(scope="session")
def tokenizer_folder(moving_shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``small.yaml``, which trains a tokenizer in four steps, and a part for its data."""
    folder = tmp_path_factory.mktemp("tokenizer")
    data = {
        "source": {"class_path": "MovingShapes", "init_args": {"root": str(moving_shapes)}},
        "batch_size": 4,
        "num_workers": 0,
    }
    model = {"frames": 4, "size": 32, "frames_per_clip": 2, "revive_every": 2}
    model["vqgan"] = {"class_path": "VQGAN", "init_args": TOKENIZER}
    content = {
        "trainer": {"max_epochs": 1, "accelerator": "cpu", "callbacks": [{"class_path": "RunSummary"}]},
        "data": "data.yaml",
        "model": {"class_path": "TokenizerTraining", "init_args": model},
    }
    (folder / "data.yaml").write_text(yaml.safe_dump(data))
    (folder / "small.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def tokenizer_recipe(tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe of a small tokenizer, which the first test that needs it trains for all of them."""
    monkeypatch.setenv("VIDMASK_CACHE", str(tokenizer_folder / "cache"))
    return tokenizer_folder / "small.yaml"


@pytest.fixture(scope="module")
def one_thread():
    """Threads of so small a model wait for each other where the machine has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
