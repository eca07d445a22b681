"""Other colours: brightness, contrast, saturation and hue by a factor a clip, and none."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional

from vidmask.data.augmentation.base import ClipAugmentation, checked_number, to_device, uniform

Clips = Float[Tensor, "b 3 t h w"]
Factors = Float[Tensor, "b 1 1 1 1"]


class ColorJitter(ClipAugmentation):
    """Changes brightness, contrast, saturation and hue, in an order drawn for each clip.

    The three factors are drawn from ``[max(0, 1 - strength), 1 + strength]``, the turn of the hue from
    ``[-hue, hue]``. A strength of 0 leaves its property as it is. Where colour is a label it is not the
    clip's own any more.

    Args:
        brightness: Strength of the change of brightness, at least 0.
        contrast: The same of contrast, which blends with the mean grey of each frame, as in torchvision.
        saturation: The same of saturation, which blends with each frame in grey.
        hue: Greatest turn of the hue, in turns of the colour circle, in [0, 0.5].
        probability: Probability that a clip is changed.
        choice: Name of the draws; see ``ClipAugmentation``.

    Raises:
        ValueError: If a number is out of range.

    Source: SimCLR (arXiv 2002.05709), appendix A. The strengths of the defaults are MoCo v2's (arXiv
    2003.04297).
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        probability: float = 0.8,
        choice: str = "colour",
    ) -> None:
        super().__init__(probability, choice)
        self.brightness = checked_number("brightness", brightness, 0)
        self.contrast = checked_number("contrast", contrast, 0)
        self.saturation = checked_number("saturation", saturation, 0)
        self.hue = checked_number("hue", hue, 0, 0.5)

    def draw(self, chance: Generator) -> tuple[list[int], list[float]]:
        """Draw for one clip the order of the four changes, as numbers in ``CHANGES``, and their factors."""
        order = torch.randperm(len(CHANGES), generator=chance).tolist()
        factors = [
            uniform(chance, max(0.0, 1 - strength), 1 + strength)
            for strength in (self.brightness, self.contrast, self.saturation)
        ]
        return order, [*factors, uniform(chance, -self.hue, self.hue)]

    def augment(self, clips: Clips, chances: Sequence[Generator]) -> Clips:
        """Change every clip; see ``ClipAugmentation``."""
        orders, factors = zip(*(self.draw(chance) for chance in chances), strict=True)
        strengths = (self.brightness, self.contrast, self.saturation, self.hue)
        for step in range(len(CHANGES)):
            for number, change in enumerate(CHANGES):
                rows = [row for row, order in enumerate(orders) if order[step] == number]
                if rows and strengths[number] > 0:
                    places = to_device(rows, torch.int64, clips)
                    values = to_device([factors[row][number] for row in rows], torch.float32, clips)
                    clips.index_copy_(
                        0, places, change(clips.index_select(0, places), values.view(-1, 1, 1, 1, 1))
                    )
        return clips


class RandomGrayscale(ClipAugmentation):
    """Takes the colour from clips.

    Args:
        probability: Probability that a clip becomes grey.
        choice: Name of the draws; see ``ClipAugmentation``.

    Raises:
        ValueError: If the probability is not in [0, 1].

    Source: SimCLR (arXiv 2002.05709), appendix A: a probability of 0.2.
    """

    def __init__(self, probability: float = 0.2, choice: str = "grey") -> None:
        super().__init__(probability, choice)

    def augment(self, clips: Clips, chances: Sequence[Generator]) -> Clips:
        """Make every clip grey; see ``ClipAugmentation``."""
        return clips.copy_(grey(clips).expand_as(clips))


def grey(clips: Clips) -> Float[Tensor, "b 1 t h w"]:
    """Return the luma of each pixel (ITU-R BT.601)."""
    return functional.rgb_to_grayscale(clips.transpose(1, 2)).transpose(1, 2)


def change_brightness(clips: Clips, factors: Factors) -> Clips:
    """Multiply each clip by its factor."""
    return (clips * factors).clamp_(0, 1)


def change_contrast(clips: Clips, factors: Factors) -> Clips:
    """Blend each frame with its mean grey: a factor of 0 gives that grey alone, 1 the frame."""
    return torch.lerp(grey(clips).mean((-2, -1), keepdim=True), clips, factors).clamp_(0, 1)


def change_saturation(clips: Clips, factors: Factors) -> Clips:
    """Blend each frame with itself in grey: a factor of 0 gives that alone, 1 the frame."""
    return torch.lerp(grey(clips), clips, factors).clamp_(0, 1)


def turn_hue(clips: Clips, turns: Factors) -> Clips:
    """Turn the colours of each clip on the hexagon of HSV, with saturation and value kept."""
    red, green, blue = clips.unbind(1)
    low, high = clips.aminmax(dim=1)
    chroma = high - low
    # Grey has no hue: whatever it is, a chroma of 0 leaves the pixel alone.
    divisor = torch.where(chroma == 0, 1.0, chroma)
    third = torch.where(high == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    sixths = torch.where(high == red, (green - blue) / divisor, third) + 6 * turns.squeeze(1)
    channels = []
    for offset in (5, 3, 1):
        distance = (sixths + offset).remainder_(6)
        channels.append(high - chroma * torch.minimum(distance, 4 - distance).clamp_(0, 1))
    return torch.stack(channels, 1)


CHANGES = (change_brightness, change_contrast, change_saturation, turn_hue)
