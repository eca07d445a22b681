"""MovingShapes: real video files, made on first use, with two independent labels."""

import csv
from pathlib import Path
from typing import Literal

from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths

from vidmask.data.moving_shapes.generation import Settings, cache_folder, read_settings, synthesize
from vidmask.data.moving_shapes.presets import PresetName
from vidmask.data.moving_shapes.scenes import CLASSES
from vidmask.data.sources import Split, VideoSource

__all__ = ["MovingShapes", "synthesize"]


class MovingShapes(VideoSource):
    """Eight shapes of equal area in eight motions, as H.264 files of 2.6 to 3.8 seconds.

    Every video carries two independent labels. ``appearance`` is the shape: disc, triangle, square, star,
    plus, ring, crescent, bars. ``motion`` is one of four kinds in two directions of time: right, left;
    down, up; clockwise, counter-clockwise; expanding, contracting. Position, angle and size are
    distributed alike in every single frame whatever the motion, so that one frame says nothing about it;
    colours, texture, speed and the drift of the background are random.

    Three presets. ``easy``: 32 px, a faint background, nothing else. ``standard``: 64 px, a smaller shape
    on a stronger background, two small distracting shapes that pass behind it, striped texture, noise.
    ``hard``: 64 px, a shape smaller still and closer to the background in colour, three distractors that
    pass before it, finer and faster background, twice the noise.

    Attributes:
        classes: For each label offered the names of its classes, in index order.

    Args:
        preset: How hard the videos are.
        root: The data set's own folder. None keeps it in ``$VIDMASK_CACHE`` (``~/.cache/vidmask`` if that
            is not set), under a name made of everything that determines it. A folder made by ``vidmask
            data synthesize --out`` is taken with the sizes that it has.
        label: The one label to offer; None offers both.
        seed: Every video is a function of the seed, its split and its index.
        num_train: Videos in the training split. None takes the preset's number.
        num_val: Videos in the validation split.
        num_test: Videos in the test split.
        num_workers: Processes that make the files. None takes one for each processor.

    Raises:
        ValueError: If an argument is out of range.
    """

    classes: dict[str, tuple[str, ...]]

    def __init__(
        self,
        preset: PresetName = "easy",
        root: str | None = None,
        label: Literal["appearance", "motion"] | None = None,
        seed: int = 0,
        num_train: int | None = None,
        num_val: int | None = None,
        num_test: int | None = None,
        num_workers: int | None = None,
    ) -> None:
        if label is not None and label not in CLASSES:
            raise ValueError(f"label must be one of {', '.join(CLASSES)} or null for both, got {label!r}")
        self.settings = Settings.of(preset, seed, num_train, num_val, num_test)
        self.classes = {name: CLASSES[name] for name in CLASSES if label in (None, name)}
        self.num_workers = num_workers
        if root is None:
            self.folder = cache_folder() / self.settings.name
        else:
            self.folder = Path(root).expanduser()
            found = read_settings(self.folder)
            if found is not None:
                asked = (
                    found.num_train if num_train is None else num_train,
                    found.num_val if num_val is None else num_val,
                    found.num_test if num_test is None else num_test,
                )
                self.settings = Settings(preset, seed, *asked)

    def prepare(self) -> None:
        """Make the files, or finish making them; nothing is done where they are complete.

        Raises:
            ValueError: If ``root`` holds other settings than those asked for.
        """
        synthesize(
            self.folder,
            self.settings.preset,
            self.settings.seed,
            num_train=self.settings.num_train,
            num_val=self.settings.num_val,
            num_test=self.settings.num_test,
            num_workers=self.num_workers,
        )

    def split(self, split: Split) -> LabeledVideoPaths | None:
        """Return the videos of a split with their labels.

        Raises:
            FileNotFoundError: If the files have not been made.
        """
        table = self.folder / split / "labels.csv"
        if not table.is_file():
            raise FileNotFoundError(f"{table} does not exist: call prepare() first")
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        videos = [
            (row["video"], {name: classes.index(row[name]) for name, classes in self.classes.items()})
            for row in rows
        ]
        # LabeledVideoPaths annotates integer labels, and hands on whatever it is given.
        return LabeledVideoPaths(videos, path_prefix=str(table.parent))  # pyright: ignore[reportArgumentType]
