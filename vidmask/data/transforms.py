"""What happens to the pixels of a clip: crop and resize in the worker, float and flip on the device."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Generator, Tensor
from torch.nn.functional import interpolate


class Box(NamedTuple):
    """A rectangle of pixels."""

    top: int
    left: int
    rows: int
    columns: int


def random_box(
    rows: int, columns: int, scale: tuple[float, float], aspect: tuple[float, float], chance: Generator
) -> Box:
    """Draw the box of a random resized crop, as torchvision and MAE-ST draw it.

    A share of the area and an aspect ratio (columns over rows, uniform in the logarithm) are drawn up to
    ten times until the box fits; else it is the largest centred box of an allowed aspect ratio. With a
    scale of (1, 1) and an aspect of (1, 1) it is the whole of a square frame.

    Args:
        rows: Height of the frame.
        columns: Width of the frame.
        scale: Least and greatest share of the frame's area. MAE-ST pre-trains with (0.5, 1).
        aspect: Least and greatest aspect ratio. MAE-ST: (0.75, 1.333).
        chance: Where the draws come from.
    """
    for _ in range(10):
        draws = torch.rand(4, generator=chance, dtype=torch.float64).tolist()
        area = rows * columns * (scale[0] + draws[0] * (scale[1] - scale[0]))
        low, high = math.log(aspect[0]), math.log(aspect[1])
        ratio = math.exp(low + draws[1] * (high - low))
        box_columns, box_rows = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < box_columns <= columns and 0 < box_rows <= rows:
            # Both ends of the range are possible places.
            top = int(draws[2] * (rows - box_rows + 1))
            left = int(draws[3] * (columns - box_columns + 1))
            return Box(top, left, box_rows, box_columns)
    box_rows, box_columns = rows, columns
    if columns / rows < aspect[0]:
        box_rows = max(round(columns / aspect[0]), 1)
    elif columns / rows > aspect[1]:
        box_columns = max(round(rows * aspect[1]), 1)
    return Box((rows - box_rows) // 2, (columns - box_columns) // 2, box_rows, box_columns)


def spread_box(rows: int, columns: int, crop: int = 0, num_crops: int = 1) -> Box:
    """Return one of several largest squares that lie evenly along the long side; of one, the centred.

    Resizing it is resizing the short side, then cropping. Three are the left, the centre and the right of a
    wide frame, the top, the centre and the bottom of a high one.

    Source: MAE-ST (arXiv 2205.09113), section 5: three spatial views.
    """
    side = min(rows, columns)
    share = 0.5 if num_crops == 1 else crop / (num_crops - 1)
    return Box(int((rows - side) * share), int((columns - side) * share), side, side)


def crop_and_resize(
    pictures: Sequence[UInt8[np.ndarray, "r q 3"]], box: Box, size: int
) -> UInt8[Tensor, "3 t h w"]:
    """Cut one box out of every picture and resize it to a square, bilinear with antialiasing.

    Args:
        pictures: RGB pictures, which may be views.
        box: What to keep.
        size: Rows and columns of the result.
    """
    top, left, rows, columns = box
    # The one copy before resizing, and of the box alone.
    cut = np.stack([picture[top : top + rows, left : left + columns] for picture in pictures])
    frames = torch.from_numpy(cut).permute(0, 3, 1, 2)
    if (rows, columns) != (size, size):
        # Resizing in uint8 and with the channels last is several times faster than in float.
        frames = interpolate(frames, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    # NumPy copies without waking torch's thread pool, which costs more than the copy of a small clip.
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 1).numpy()))


def to_float(clips: Shaped[Tensor, "b 3 t h w"]) -> Float[Tensor, "b 3 t h w"]:
    """Return clips of uint8 as float32 in [0, 1].

    Raises:
        ValueError: If the clips are of another type.
    """
    if clips.dtype != torch.uint8:
        # Floats may be in [0, 1] already, and would be divided once more without anything to show it.
        raise ValueError(f"clips must be uint8 in [0, 255], got {clips.dtype}")
    return clips.float() / 255
