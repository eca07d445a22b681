"""RandAugment: a few operations in a row, drawn for each clip."""

import re
from collections.abc import Sequence
from typing import get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from vidmask.data.augmentation.base import ClipAugmentation, checked_number, uniform
from vidmask.data.augmentation.operations import ARGUMENTS, Interpolation, apply


class RandAugment(ClipAugmentation):
    """Applies operations drawn from fifteen, with the same arguments to all frames of a clip.

    Those that look at a picture's own values (AutoContrast, Equalize, Contrast) look at each frame, as the
    papers' code does. Invert, Solarize and Color change colours that may be labels. Rotate turns the
    direction of every motion by up to 30° and the shears tilt it by up to 17° (at a magnitude of 10; 21° and
    12° at 7): harmless to a name such as "pushing", not to one of eight directions.

    Args:
        num_ops: Operations in a row, drawn with replacement.
        magnitude: Mean magnitude of an operation, in [0, ``magnitude_max``].
        magnitude_std: Standard deviation of the magnitude, which is cut to the same range. Infinity draws it
            uniformly from [0, ``magnitude``].
        increasing: Whether a greater magnitude always changes more. If not, Posterize and Solarize change
            less, and Color, Contrast, Brightness and Sharpness change least at 5.
        op_probability: Probability that a drawn operation is applied.
        magnitude_max: Greatest magnitude; the strengths above are reached at 10.
        interpolation: How rotated, sheared and shifted frames are sampled, ``bilinear`` or ``bicubic``.
        choice: Name of the draws; see ``ClipAugmentation``.

    Raises:
        ValueError: If a number is out of range.

    Source: RandAugment (arXiv 1909.13719), as in timm 1.0: operations, arguments and the probability of 0.5
    are its. The defaults are timm's ``rand-m7-mstd0.5-inc1``, with which MAE-ST fine-tunes.

    Deviation: timm works on pictures of 8 bits and rounds after each operation; ours are floats, which
    differ by about a level. Equalize alone works on 256 levels. Pixels from outside are grey (128), as in
    timm. Torch's bicubic kernel has a slope of -0.75 where Pillow's has -1, which is a little sharper.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: float = 7.0,
        magnitude_std: float = 0.5,
        increasing: bool = True,
        op_probability: float = 0.5,
        magnitude_max: float = 10.0,
        interpolation: Interpolation = "bicubic",
        choice: str = "randaugment",
    ) -> None:
        super().__init__(1.0, choice)
        if interpolation not in get_args(Interpolation):
            words = ", ".join(get_args(Interpolation))
            raise ValueError(f"interpolation must be one of {words}, got {interpolation!r}")
        if num_ops < 1:
            raise ValueError(f"num_ops must be at least 1, got {num_ops}")
        self.num_ops = num_ops
        self.magnitude_max = checked_number("magnitude_max", magnitude_max, 0)
        self.magnitude = checked_number("magnitude", magnitude, 0, magnitude_max)
        self.magnitude_std = checked_number("magnitude_std", magnitude_std, 0, float("inf"))
        self.increasing = increasing
        self.op_probability = checked_number("op_probability", op_probability, 0, 1)
        self.interpolation: Interpolation = interpolation

    @classmethod
    def from_timm(cls, config: str, interpolation: Interpolation = "bicubic") -> "RandAugment":
        """Return the RandAugment of one of timm's names, such as ``rand-m7-n4-mstd0.5-inc1`` (VideoMAE's).

        What a name leaves out is as in timm: a magnitude of 10, 2 operations, a probability of 0.5, no
        deviation of the magnitude, not increasing.

        Args:
            config: ``rand`` and, each after a dash, ``m`` magnitude, ``n`` operations, ``p`` probability of
                each, ``mstd`` deviation of the magnitude (above 100: uniform), ``mmax`` greatest magnitude,
                ``inc`` 1 or 0.
            interpolation: See ``RandAugment``.

        Raises:
            ValueError: If the name is not of this form, or a number in it is out of range.
        """
        if not re.fullmatch(r"rand(-(n\d+|inc[01]|(m|p|mstd|mmax)\d+(\.\d+)?))*", config):
            raise ValueError(
                "config must be a RandAugment of timm's with its fifteen operations, such as "
                f"rand-m7-n4-mstd0.5-inc1, got {config!r}"
            )
        given = {name: float(value) for name, value in re.findall(r"-([a-z]+)([\d.]+)", config)}
        deviation = given.get("mstd", 0.0)
        return cls(
            num_ops=int(given.get("n", 2)),
            magnitude=given.get("m", 10.0),
            magnitude_std=float("inf") if deviation > 100 else deviation,
            increasing=given.get("inc") == 1,
            op_probability=given.get("p", 0.5),
            magnitude_max=given.get("mmax", 10.0),
            interpolation=interpolation,
        )

    def draw(self, chance: Generator) -> list[tuple[str, int | float]]:
        """Draw the operations of one clip, each with its argument (0 where it takes none)."""
        operations = []
        for _ in range(self.num_ops):
            name = list(ARGUMENTS)[int(torch.randint(len(ARGUMENTS), (), generator=chance))]
            applied = uniform(chance) < self.op_probability
            if self.magnitude_std == float("inf"):
                magnitude = uniform(chance, 0, self.magnitude)
            else:
                deviation = self.magnitude_std * float(torch.randn((), generator=chance, dtype=torch.float32))
                magnitude = min(max(self.magnitude + deviation, 0.0), self.magnitude_max)
            sign = 1 if uniform(chance) < 0.5 else -1
            argument = ARGUMENTS[name]
            if applied:
                operations.append((name, argument(magnitude / 10, sign, self.increasing) if argument else 0))
        return operations

    def augment(
        self, clips: Float[Tensor, "b 3 t h w"], chances: Sequence[Generator]
    ) -> Float[Tensor, "b 3 t h w"]:
        """Apply operations to every clip; see ``ClipAugmentation``."""
        for clip, chance in zip(clips, chances, strict=True):
            frames = clip.transpose(0, 1)
            for name, argument in self.draw(chance):
                frames = apply(name, frames, argument, self.interpolation)
            clip.copy_(frames.transpose(0, 1))
        return clips
