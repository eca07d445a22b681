"""A box of every frame erased."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from vidmask.data.augmentation.base import ClipAugmentation, checked_number, checked_range, uniform
from vidmask.data.transforms import Box

Mode = Literal["pixel", "const", "rand"]
Noise = Literal["clip", "frame"]


class RandomErasing(ClipAugmentation):
    """Erases one box, the same in all frames of a clip.

    A share of the area and an aspect ratio (uniform in the logarithm) are drawn up to ten times until the
    box is smaller than the frame; else nothing is erased.

    Args:
        probability: Probability that a box is erased.
        scale: Least and greatest share of the frame that is erased.
        ratio: Least and greatest aspect ratio of the box, columns over rows.
        mode: What the box is filled with: ``pixel`` normal noise, ``rand`` one colour of normal noise,
            ``const`` the mean.
        noise: Whether noise is drawn once for a ``clip``, or anew for each ``frame``.
        mean: Mean of the noise, in [0, 1]: what the encoder takes for 0. It is the same for all channels.
        std: Standard deviation of the noise: what the encoder takes for 1.
        choice: Name of the draws; see ``ClipAugmentation``.

    Raises:
        ValueError: If a number is out of range, or a word is none of those above.

    Source: Random Erasing (arXiv 1708.04896), as in timm, whose defaults these are; VideoMAE and MAE-ST
    fine-tune with a probability of 0.25 and the mode ``pixel``.

    Deviation: their code keeps the box and draws its noise anew for each frame. By default ours stands
    still: a flickering box would be the strongest motion in the clip, and noise that is drawn on the host,
    so that no device changes it, costs a sixteenth. ``noise="frame"`` is theirs. They add noise to
    normalised clips; ours are in [0, 1], so that noise beyond is cut off: with the defaults from two
    standard deviations on.
    """

    def __init__(
        self,
        probability: float = 0.25,
        scale: tuple[float, float] = (0.02, 1 / 3),
        ratio: tuple[float, float] = (0.3, 1 / 0.3),
        mode: Mode = "pixel",
        noise: Noise = "clip",
        mean: float = 0.45,
        std: float = 0.225,
        choice: str = "erasing",
    ) -> None:
        super().__init__(probability, choice)
        for name, value, words in (("mode", mode, get_args(Mode)), ("noise", noise, get_args(Noise))):
            if value not in words:
                raise ValueError(f"{name} must be one of {', '.join(words)}, got {value!r}")
        self.scale = checked_range("scale", scale, 1)
        self.ratio = checked_range("ratio", ratio)
        self.mode: Mode = mode
        self.noise: Noise = noise
        self.mean = checked_number("mean", mean, 0, 1)
        self.std = checked_number("std", std, 0)

    def draw_box(self, rows: int, columns: int, chance: Generator) -> Box | None:
        """Draw the box of one clip, or None where ten draws gave none that fits."""
        for _ in range(10):
            area = rows * columns * uniform(chance, *self.scale)
            aspect = math.exp(uniform(chance, math.log(self.ratio[0]), math.log(self.ratio[1])))
            box_rows, box_columns = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if box_rows < rows and box_columns < columns:
                top = int(uniform(chance, 0, rows - box_rows + 1))
                left = int(uniform(chance, 0, columns - box_columns + 1))
                return Box(top, left, box_rows, box_columns)
        return None

    def augment(
        self, clips: Float[Tensor, "b 3 t h w"], chances: Sequence[Generator]
    ) -> Float[Tensor, "b 3 t h w"]:
        """Erase a box of every clip; see ``ClipAugmentation``."""
        rows, columns = clips.shape[-2:]
        num_frames = clips.shape[2] if self.noise == "frame" else 1
        for clip, chance in zip(clips, chances, strict=True):
            box = self.draw_box(rows, columns, chance)
            if box is not None:
                erased = clip[..., box.top : box.top + box.rows, box.left : box.left + box.columns]
                if self.mode == "const":
                    erased.fill_(self.mean)
                else:
                    sides = (box.rows, box.columns) if self.mode == "pixel" else (1, 1)
                    noise = torch.randn(3, num_frames, *sides, generator=chance, dtype=torch.float32)
                    noise = noise.mul_(self.std).add_(self.mean).clamp_(0, 1)
                    erased.copy_(noise.to(clips.device, non_blocking=True).expand_as(erased))
        return clips
