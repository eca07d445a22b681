"""What many tests need and is slow to make."""

from pathlib import Path

import pytest
from videos import write_numbered

from vidmask.data.generation import synthesize


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
