"""How many videos were answered rightly: of all, of each class, and what was answered in place of what."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class ClassAccuracy:
    """How the videos of one class were answered.

    Attributes:
        name: The class.
        videos: Videos of it.
        correct: How many of these were answered rightly.
    """

    name: str
    videos: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        """Return the share that was answered rightly, or None without a video."""
        return self.correct / self.videos if self.videos else None


def top_k(probabilities: Float[Tensor, "v c"], truth: Int[Tensor, " v"], k: int) -> Bool[Tensor, " v"]:
    """Tell of each video whether its class is among the k most probable.

    Of equally probable classes the one with the lower index goes first, as in ``argmax``: a model that holds
    all classes equally probable is right for the first k classes, and not for every video. A video whose
    probabilities are not numbers is answered wrongly.

    Args:
        probabilities: How probable each class is.
        truth: The right class.
        k: How many answers are allowed.

    Raises:
        ValueError: If there are fewer than ``k`` classes.
    """
    num_classes = probabilities.shape[1]
    if not 1 <= k <= num_classes:
        raise ValueError(f"k must lie between 1 and the {num_classes} classes, got {k}")
    own = probabilities.gather(1, truth.unsqueeze(1))
    index = torch.arange(num_classes, device=truth.device)
    behind = (probabilities < own) | ((probabilities == own) & (index > truth.unsqueeze(1)))
    return num_classes - 1 - behind.sum(dim=1) < k


def per_class(
    correct: Bool[Tensor, " v"], truth: Int[Tensor, " v"], classes: Sequence[str]
) -> list[ClassAccuracy]:
    """Count videos and right answers of each class.

    Args:
        correct: Which videos were answered rightly, such as ``top_k`` tells.
        truth: The class of each.
        classes: The names of the classes, in index order.
    """
    videos = truth.bincount(minlength=len(classes)).tolist()
    right = truth[correct].bincount(minlength=len(classes)).tolist()
    return [ClassAccuracy(*row) for row in zip(classes, videos, right, strict=True)]


def mean_class_accuracy(table: Sequence[ClassAccuracy]) -> float:
    """Return the mean accuracy of the classes that have a video, each counting alike.

    Raises:
        ValueError: If none has.
    """
    accuracies = [row.accuracy for row in table if row.accuracy is not None]
    if not accuracies:
        raise ValueError(f"none of {len(table)} classes has a video")
    return sum(accuracies) / len(accuracies)


def confusion(truth: Int[Tensor, " v"], predicted: Int[Tensor, " v"], num_classes: int) -> Int[Tensor, "c c"]:
    """Count the videos of each class (row) that were given each answer (column)."""
    pairs = truth * num_classes + predicted
    return pairs.bincount(minlength=num_classes**2).reshape(num_classes, num_classes)
