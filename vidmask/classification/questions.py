"""What a classifier is asked of a clip: its class, which way time runs, or which of two clips came first.

The last two need no labels: they measure on any videos whether an encoder knows of motion, which a mean over
a clip's tokens hides.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch

from vidmask.randomness import generator
from vidmask.tokens import ClipBatch


class Question(ABC):
    """Makes of a batch what is shown to the encoder, and the true answers.

    Attributes:
        clips_per_answer: Clips that an answer is about.
    """

    clips_per_answer: int = 1

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]] | None:
        """Return the names of the answers of each label; None if they are the videos' own classes."""
        return None

    def frames(self, frames: int) -> int:
        """Return the frames to be read of a video, where the encoder takes so many."""
        return frames

    @abstractmethod
    def __call__(self, batch: ClipBatch) -> ClipBatch:
        """Return the batch as it is shown, with the true answers as labels.

        Its clips are those of the first answer, then of the second, and so on; all else has a row an answer.
        """


class VideoClass(Question):
    """Which classes is the video of?"""

    def __call__(self, batch: ClipBatch) -> ClipBatch:
        """Return the batch as it is."""
        return batch


class ArrowOfTime(Question):
    """Does the clip run forward or backward?

    Half of the clips are reversed; which, is drawn from the sample's own seed. Chance is 50 %.

    Source: Wei et al., Learning and Using the Arrow of Time (CVPR 2018).
    """

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """Return the two answers."""
        return {"arrow_of_time": ("forward", "backward")}

    def __call__(self, batch: ClipBatch) -> ClipBatch:
        """Return the clips, some of them reversed."""
        backward = _coins(batch.seeds, "arrow of time").to(batch.clips.device)
        clips = torch.where(backward.view(-1, 1, 1, 1, 1), batch.clips.flip(2), batch.clips)
        return batch._replace(clips=clips, labels={"arrow_of_time": backward.long()})


class ClipOrder(Question):
    """Which of two clips of a video came first?

    Twice the encoder's frames are read, and more for a gap; the first and the last of them are the two clips,
    shown in an order that is drawn from the sample's own seed. Chance is 50 %.

    Args:
        gap: Frames between the two clips, at the clips' own stride. Without a gap, the picture at which one
            ends and the other begins tells which is which.

    Raises:
        ValueError: If the gap is negative.

    Source: the order verification of Misra et al., Shuffle and Learn (ECCV 2016), of clips and not frames.
    """

    clips_per_answer = 2

    def __init__(self, gap: int = 8) -> None:
        if gap < 0:
            raise ValueError(f"gap must be 0 or more, got {gap}")
        self.gap = gap

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """Return the two answers."""
        return {"clip_order": ("first", "second")}

    def frames(self, frames: int) -> int:
        """Return the frames of both clips and of the gap."""
        return 2 * frames + self.gap

    def __call__(self, batch: ClipBatch) -> ClipBatch:
        """Return both clips of each video, one after the other."""
        frames = (batch.clips.shape[2] - self.gap) // 2
        early, late = batch.clips[:, :, :frames], batch.clips[:, :, frames + self.gap :]
        # The label is the place of the clip that came first.
        swapped = _coins(batch.seeds, "clip order").to(batch.clips.device)
        chosen = swapped.view(-1, 1, 1, 1, 1)
        pairs = torch.stack([torch.where(chosen, late, early), torch.where(chosen, early, late)], dim=1)
        return batch._replace(clips=pairs.flatten(0, 1), labels={"clip_order": swapped.long()})


def _coins(seeds: list[int], choice: str) -> torch.Tensor:
    return torch.tensor(
        [int(torch.randint(2, (), generator=generator(seed, choice))) for seed in seeds]
    ).bool()
