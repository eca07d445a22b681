"""What an augmentation is: it changes whole clips, each by what is drawn from its own sample's seed."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from vidmask.randomness import generator


class ClipAugmentation(ABC):
    """Changes some clips of a batch, all frames of a clip alike. A new one overrides ``augment``.

    What happens to a clip is drawn on the host, from its sample's seed alone: neither the batch that it
    stands in nor a rank, a worker or a device changes it. Nothing is read back from the device, and what is
    sent there does not block, so that the host runs ahead of it.

    Args:
        probability: Probability that a clip is changed.
        choice: Name of the draws. Two augmentations of one name draw the same numbers: where a list holds
            one class twice, give the second another name.

    Raises:
        ValueError: If the probability is not in [0, 1].
    """

    def __init__(self, probability: float, choice: str) -> None:
        self.probability = checked_number("probability", probability, 0, 1)
        self.choice = choice

    @abstractmethod
    def augment(
        self, clips: Float[Tensor, "b 3 t h w"], chances: Sequence[Generator]
    ) -> Float[Tensor, "b 3 t h w"]:
        """Return changed clips, with values in [0, 1].

        Args:
            clips: Those clips of a batch that are to be changed: a copy, which may be overwritten.
            chances: One host generator a clip.
        """

    def __call__(self, clips: Float[Tensor, "b 3 t h w"], seeds: Sequence[int]) -> Float[Tensor, "b 3 t h w"]:
        """Return the clips, of which some are changed; the ones given stay as they are.

        Args:
            clips: Float32 in [0, 1]; bfloat16 does not tell 256 levels apart.
            seeds: One integer a sample.

        Raises:
            ValueError: If the clips are of another type, or there is not one seed a clip.
        """
        if clips.dtype != torch.float32:
            raise ValueError(f"clips must be float32 in [0, 1], got {clips.dtype}")
        if len(seeds) != len(clips):
            raise ValueError(f"there must be one seed a clip, got {len(seeds)} for {len(clips)} clips")
        if self.probability == 0:
            return clips
        chances = [generator(seed, self.choice) for seed in seeds]
        acting = [place for place, chance in enumerate(chances) if uniform(chance) < self.probability]
        if not acting:
            return clips
        places = to_device(acting, torch.int64, clips)
        # Autocast would convolve in half precision.
        with torch.autocast(clips.device.type, enabled=False):
            changed = self.augment(clips.index_select(0, places), [chances[place] for place in acting])
        return changed if len(acting) == len(clips) else clips.index_copy(0, places, changed)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


def uniform(chance: Generator, low: int | float = 0, high: int | float = 1) -> float:
    """Draw a number from [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=chance, dtype=torch.float32))


def to_device(values: Sequence[Any], dtype: torch.dtype, clips: Tensor) -> Tensor:
    """Return numbers as a tensor on the clips' device, without waiting for it."""
    return torch.tensor(values, dtype=dtype).to(clips.device, non_blocking=True)


def checked_number(
    name: str, value: float, least: int | float, most: int | float = sys.float_info.max
) -> float:
    """Return a number in [least, most].

    Raises:
        ValueError: If it lies elsewhere.
    """
    if not least <= value <= most:
        accepted = f"at least {least:g}" if most >= sys.float_info.max else f"in [{least:g}, {most:g}]"
        raise ValueError(f"{name} must be {accepted}, got {value}")
    return value


def checked_range(
    name: str, ends: tuple[float, float], most: int | float = float("inf")
) -> tuple[float, float]:
    """Return two ascending positive numbers.

    Raises:
        ValueError: If they are not, or exceed ``most``.
    """
    low, high = ends
    if not 0 < low <= high <= most or high == float("inf"):
        accepted = "positive numbers" if most == float("inf") else f"numbers in (0, {most:g}]"
        raise ValueError(f"{name} must be two ascending {accepted}, got {(low, high)}")
    return (low, high)
