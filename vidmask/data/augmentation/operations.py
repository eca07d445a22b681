"""The fifteen operations of RandAugment, on the frames of a clip, and the argument of each at a strength.

Arguments are those of timm: colours on a scale to 255, angles in degrees, shifts as shares of the side.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample
from torchvision.transforms.v2 import functional

Frames = Float[Tensor, "t 3 h w"]
Interpolation = Literal["bilinear", "bicubic"]
Number = int | float
Matrix = tuple[Number, Number, Number, Number, Number, Number]

FILL = 128 / 255
"""The grey, in all channels, of what comes from outside the frame."""


def apply(name: str, frames: Frames, argument: Number, interpolation: Interpolation = "bicubic") -> Frames:
    """Return frames after one operation, in [0, 1]; the ones given stay as they are.

    Args:
        name: One of ``ARGUMENTS``.
        frames: Values in [0, 1].
        argument: What ``ARGUMENTS`` gives for it.
        interpolation: How rotated, sheared and shifted frames are sampled.
    """
    if name in _MATRICES:
        rows, columns = frames.shape[-2:]
        return warp(frames, _MATRICES[name](argument, rows, columns), interpolation)
    return _COLOURS[name](frames, argument)


def warp(frames: Frames, matrix: Matrix, interpolation: Interpolation) -> Frames:
    """Show each frame through an affine map, as Pillow does it.

    A pixel shows the place of the frame where the map takes its centre; ``FILL`` where that is outside.

    Args:
        frames: Values in [0, 1].
        matrix: ``(a, b, c, d, e, f)`` that take a pixel at column x and row y to the column
            ``a x + b y + c`` and the row ``d x + e y + f``, counted from the upper left corner.
        interpolation: How frames are sampled between pixels.
    """
    rows, columns = frames.shape[-2:]
    a, b, c, d, e, f = matrix
    x = torch.arange(columns, dtype=torch.float32, device=frames.device) + 0.5
    y = torch.arange(rows, dtype=torch.float32, device=frames.device)[:, None] + 0.5
    # Numbers and not tensors: torchvision's `affine` waits for the device at each call, and multiplies
    # matrices, in TensorFloat-32 where that is on: a tenth of a pixel.
    source_x, source_y = a * x + b * y + c, d * x + e * y + f
    grid = torch.stack([source_x * (2 / columns) - 1, source_y * (2 / rows) - 1], -1)
    # One picture of many channels, so that a grid is looked up once.
    pictures = frames.flatten(0, 1)[None]
    shown = grid_sample(pictures, grid[None], interpolation, padding_mode="border", align_corners=False)
    inside = (source_x >= 0) & (source_x < columns) & (source_y >= 0) & (source_y < rows)
    return torch.where(inside, shown.clamp_(0, 1), FILL).view(frames.shape)


def sharpen(frames: Frames, factor: Number) -> Frames:
    """Blend frames with themselves smoothed: a factor of 0 gives that alone, 1 the frames."""
    # Nine pixels weigh one each and the centre four more; those at the edge have too few neighbours. By
    # sums: torchvision's `adjust_sharpness` sends its weights to the device and waits.
    inner = frames[..., 1:-1, 1:-1]
    rows = frames[..., :-2, :] + frames[..., 1:-1, :] + frames[..., 2:, :]
    smooth = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * inner) / 13
    sharpened = frames.clone()
    sharpened[..., 1:-1, 1:-1] = torch.lerp(smooth, inner, factor).clamp_(0, 1)
    return sharpened


def posterize(frames: Frames, bits: Number) -> Frames:
    """Keep the highest bits of eight."""
    return functional.posterize(frames, int(bits)) if bits < 8 else frames


def solarize(frames: Frames, threshold: Number) -> Frames:
    """Invert values at or above a threshold, of 256 levels."""
    # Half a level lower, where no value lies: k / 255 is rounded otherwise on another device.
    return torch.where(frames > (threshold - 0.5) / 255, 1 - frames, frames)


def solarize_add(frames: Frames, addition: Number) -> Frames:
    """Brighten the darker half of the values by a number of 255 levels."""
    return torch.where(frames < 0.5, (frames + addition / 255).clamp_(max=1), frames)


_COLOURS: dict[str, Callable[[Frames, Number], Frames]] = {
    "AutoContrast": lambda frames, _: functional.autocontrast(frames),
    "Equalize": lambda frames, _: functional.equalize(frames),
    "Invert": lambda frames, _: functional.invert(frames),
    "Posterize": posterize,
    "Solarize": solarize,
    "SolarizeAdd": solarize_add,
    "Color": functional.adjust_saturation,
    "Contrast": functional.adjust_contrast,
    "Brightness": functional.adjust_brightness,
    "Sharpness": sharpen,
}


def _rotation(degrees: Number, rows: int, columns: int) -> Matrix:
    """Return the map that turns frames about their centre, counter-clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = columns / 2, rows / 2
    return (cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y)


_MATRICES: dict[str, Callable[[Number, int, int], Matrix]] = {
    "Rotate": _rotation,
    "ShearX": lambda factor, rows, columns: (1, factor, 0, 0, 1, 0),
    "ShearY": lambda factor, rows, columns: (1, 0, 0, factor, 1, 0),
    "TranslateX": lambda share, rows, columns: (1, 0, share * columns, 0, 1, 0),
    "TranslateY": lambda share, rows, columns: (1, 0, 0, 0, 1, share * rows),
}

Argument = Callable[[float, int, bool], Number]


def _signed(most: float) -> Argument:
    return lambda strength, sign, increasing: sign * strength * most


def _blending(strength: float, sign: int, increasing: bool) -> Number:
    return max(0.1, 1 + sign * strength * 0.9) if increasing else strength * 1.8 + 0.1


def _bits(strength: float, sign: int, increasing: bool) -> Number:
    bits = int(strength * 4)
    return max(0, 4 - bits) if increasing else bits


def _threshold(strength: float, sign: int, increasing: bool) -> Number:
    threshold = min(256, int(strength * 256))
    return 256 - threshold if increasing else threshold


ARGUMENTS: dict[str, Argument | None] = {
    "AutoContrast": None,
    "Equalize": None,
    "Invert": None,
    "Rotate": _signed(30.0),
    "Posterize": _bits,
    "Solarize": _threshold,
    "SolarizeAdd": lambda strength, sign, increasing: min(128, int(strength * 110)),
    "Color": _blending,
    "Contrast": _blending,
    "Brightness": _blending,
    "Sharpness": _blending,
    "ShearX": _signed(0.3),
    "ShearY": _signed(0.3),
    "TranslateX": _signed(0.45),
    "TranslateY": _signed(0.45),
}
"""For each operation its argument, if it has one: a function of the strength (1 is a magnitude of 10), a sign
of 1 or -1, and whether a greater strength is to change more (timm's ``inc1``) or the argument only grows."""
