"""Mixup and CutMix: clips of a training batch mixed in pairs, and their labels with them."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.choices import checked_choice
from vidmask.randomness import generator

Mode = Literal["batch", "sample"]


class Box(NamedTuple):
    """A box in all frames of a clip: its first row and column, and those after its last."""

    top: int
    left: int
    bottom: int
    right: int


class Mix(NamedTuple):
    """How a clip is mixed with its partner.

    Attributes:
        share: Share of the clip's own label; the partner's has the rest. 1 where nothing is mixed.
        box: What the partner fills. None where all pixels are averaged by the share.
    """

    share: float
    box: Box | None = None


class Mixing:
    """Mixes every clip of a batch with its partner, the clip at the mirrored place, by Mixup or by CutMix.

    Mixup averages the pixels of both by a share from a Beta distribution. CutMix fills a box, the same in
    all frames, with what the partner shows there; its area is such a share of the frame until it is clipped
    at the border. Labels are mixed by the share of the pixels that each clip has in the end.

    All is drawn on the host from the samples' seeds; nothing is read back from the device. Who a clip's
    partner is depends on its batch, so that two ranks with half the batch do not mix what one rank would.

    Args:
        mixup: Both parameters of the Beta distribution of Mixup; 0 for no Mixup.
        cutmix: Both parameters of the Beta distribution of CutMix; 0 for no CutMix.
        probability: Probability that a batch, or a sample, is mixed.
        switch: Probability of CutMix, else Mixup. Without effect where one of them is off.
        mode: Whether the method, the share and the box are drawn once for a ``batch``, from the seed of its
            first sample, or anew for each ``sample`` from its own.
        choice: Name of the draws; see ``vidmask.randomness``.

    Raises:
        ValueError: If a number is out of range, both methods are off, or ``mode`` is neither word.

    Source: Mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899, equation 1 and algorithm 1), as in timm.
    VideoMAE and MAE-ST fine-tune with these defaults, which are ``batch``.

    Deviation: the papers draw partners at random; timm, VideoMAE and MAE-ST take the mirrored place, as we
    do. Of a clip, timm's CutMix slices time and rows by a box of rows and columns, and its labels are then
    wrong; ours cuts rows and columns. timm refuses an odd batch; we leave the clip in its middle, which is
    its own partner, as it is. timm's ``pair`` mode, its boxes of given sizes and its labels by the area
    before clipping are not offered.
    """

    def __init__(
        self,
        mixup: float = 0.8,
        cutmix: float = 1.0,
        probability: float = 1.0,
        switch: float = 0.5,
        mode: Mode = "batch",
        choice: str = "mixing",
    ) -> None:
        for name, value in (("mixup", mixup), ("cutmix", cutmix)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be at least 0 and finite, got {value}")
        if mixup == cutmix == 0:
            raise ValueError("mixup and cutmix are both 0, so that nothing would be mixed: give one above 0")
        self.mixup = mixup
        self.cutmix = cutmix
        self.probability = _checked_share("probability", probability)
        self.switch = _checked_share("switch", switch)
        checked_choice("mode", mode, Mode)
        self.mode: Mode = mode
        self.choice = choice

    def draw(self, seed: int, rows: int, columns: int) -> Mix:
        """Draw how a clip of this seed and size is mixed."""
        # One number each, needed or not, so that no setting moves the draws of another.
        acts, method, *of_share, row, column = _uniform(6, generator(seed, self.choice))
        if acts >= self.probability:
            return Mix(1.0)
        cuts = not self.mixup or (self.cutmix > 0 and method < self.switch)
        share = symmetric_beta(self.cutmix if cuts else self.mixup, *of_share)
        if not cuts:
            return Mix(share)
        box = cut_box(share, rows, columns, int(row * rows), int(column * columns))
        area = (box.bottom - box.top) * (box.right - box.left)
        return Mix(1 - area / (rows * columns), box)

    def __call__(
        self,
        clips: Float[Tensor, "b 3 t h w"],
        labels: Mapping[str, Int[Tensor, " b"]],
        num_classes: Mapping[str, int],
        seeds: Sequence[int],
        smoothing: float = 0.0,
    ) -> tuple[Float[Tensor, "b 3 t h w"], dict[str, Float[Tensor, "b c"]]]:
        """Return the mixed clips and, for each label name, their soft targets; what is given stays as it is.

        Args:
            clips: Float32 in [0, 1]; bfloat16 does not tell 256 levels apart.
            labels: For each label name the class of every clip.
            num_classes: For each label name the number of classes.
            seeds: One integer a sample.
            smoothing: Share of the probability that is spread over all classes.

        Raises:
            ValueError: If the clips are of another type, there is not one seed a clip, a label has no number
                of classes, or ``soft_targets`` refuses one.
        """
        if clips.dtype != torch.float32:
            raise ValueError(f"clips must be float32 in [0, 1], got {clips.dtype}")
        if len(seeds) != len(clips):
            raise ValueError(f"seeds must be one a clip, got {len(seeds)} for {len(clips)} clips")
        if missing := labels.keys() - num_classes.keys():
            raise ValueError(
                f"num_classes must name every label: {', '.join(sorted(missing))} is missing from "
                f"{', '.join(num_classes) or 'none'}"
            )
        targets = {
            name: soft_targets(classes, num_classes[name], smoothing, f"labels[{name!r}]")
            for name, classes in labels.items()
        }
        rows, columns = clips.shape[-2:]
        if self.mode == "batch":
            mixes = [self.draw(seeds[0], rows, columns)] * len(clips)
        else:
            mixes = [self.draw(seed, rows, columns) for seed in seeds]
        # A single clip, which others of its batch that cannot be decoded may leave, is its own partner.
        if len(clips) == 1 or all(mix.share == 1 for mix in mixes):
            return clips, targets
        share = torch.tensor([[mix.share] for mix in mixes], dtype=torch.float32)
        share = share.to(clips.device, non_blocking=True)
        mixed_targets = {name: target.flip(0).lerp(target, share) for name, target in targets.items()}
        return _mix_pixels(clips, mixes), mixed_targets

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


def soft_targets(
    labels: Int[Tensor, " b"], num_classes: int, smoothing: float = 0.0, name: str = "labels"
) -> Float[Tensor, "b c"]:
    """Return a distribution over the classes for each label, one-hot but for the smoothing.

    The smoothing is spread over all classes, the right one too: it has
    ``1 - smoothing + smoothing / num_classes``, and every other ``smoothing / num_classes``, as in timm.

    Args:
        labels: Class of each clip. On a GPU they are not looked at, which would wait for it: its own check
            of indices stops the run at a label out of range.
        num_classes: Number of classes.
        smoothing: Share of the probability that is spread, in [0, 1].
        name: What the labels are called in a message.

    Raises:
        ValueError: If a number is out of range, or a label on the host is.
    """
    _checked_share("smoothing", smoothing)
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    if labels.device.type == "cpu" and ((labels < 0) | (labels >= num_classes)).any():
        raise ValueError(
            f"{name} must lie between 0 and {num_classes - 1} (num_classes={num_classes}), got labels from "
            f"{labels.min()} to {labels.max()}"
        )
    spread = smoothing / num_classes
    targets = torch.full((len(labels), num_classes), spread, dtype=torch.float32, device=labels.device)
    return targets.scatter_(1, labels.long().unsqueeze(1), 1 - smoothing + spread)


def symmetric_beta(alpha: float, first: float, second: float) -> float:
    """Make a draw from Beta(alpha, alpha) of two from [0, 1).

    Source: Student's t of 2 alpha degrees by Bailey's polar method, and its relation to the symmetric Beta
    distribution, as in Devroye, "Random variate generation in one line of code" (1996). It is exact for
    every alpha. PyTorch's Beta distribution takes no generator.
    """
    power = first ** (1 / alpha)
    across = math.cos(2 * math.pi * second) * math.sqrt(1 - power)
    return (1 + across / math.hypot(across, math.sqrt(power))) / 2


def cut_box(share: float, rows: int, columns: int, centre_row: int, centre_column: int) -> Box:
    """Return CutMix's box: of the frame's shape and 1 - ``share`` of its area, clipped at its border."""
    side = math.sqrt(1 - share)
    cut_rows, cut_columns = int(rows * side), int(columns * side)
    top, left = centre_row - cut_rows // 2, centre_column - cut_columns // 2
    return Box(max(top, 0), max(left, 0), min(top + cut_rows, rows), min(left + cut_columns, columns))


def _mix_pixels(clips: Float[Tensor, "b 3 t h w"], mixes: Sequence[Mix]) -> Float[Tensor, "b 3 t h w"]:
    mixed = clips.clone()
    for clip, own, partner, mix in zip(mixed, clips, reversed(clips.unbind()), mixes, strict=True):
        if mix.box is not None:
            top, left, bottom, right = mix.box
            clip[..., top:bottom, left:right] = partner[..., top:bottom, left:right]
        elif mix.share < 1:
            clip.copy_(torch.lerp(partner, own, mix.share))
    return mixed


def _uniform(number: int, chance: torch.Generator) -> list[float]:
    """Draw numbers from [0, 1)."""
    return torch.rand(number, generator=chance, dtype=torch.float64).tolist()


def _checked_share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
    return value
