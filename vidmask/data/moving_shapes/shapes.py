"""The eight outlines of MovingShapes: implicit functions of one area, and a texture that tells no outline.

A shape has area 1 and its centroid at the origin, x to the right and y downwards; its size on the screen
is the square root of its area. Everything that makes a pixel uses only ``+ - * /``, square roots,
comparisons and table look-ups in float32, which IEEE 754 rounds alike on every machine; sines and powers
it does not, so they come in already rounded (``scenes.settle``).
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float32

Coordinates = Float32[np.ndarray, "t h w"]

# The points on which areas and texture ranks are counted: 256 × 256 over the square [-1, 1).
_RASTER = 256
_LEVELS = 256


def _disc(x: Coordinates, y: Coordinates) -> Coordinates:
    return np.sqrt(x * x + y * y) - np.float32(0.56419)


def _triangle(x: Coordinates, y: Coordinates) -> Coordinates:
    sides = np.float32(0.866025) * np.abs(x) - np.float32(0.5) * y
    return np.maximum(sides, y) - np.float32(0.43869)


def _square(x: Coordinates, y: Coordinates) -> Coordinates:
    return np.maximum(np.abs(x), np.abs(y)) - np.float32(0.5)


def _star(x: Coordinates, y: Coordinates) -> Coordinates:
    # Mirrors at 72°, 0° and 36° from the upper tip fold all ten edges onto one.
    x, up = np.abs(x), -y
    across = np.maximum(np.float32(0.309017) * x - np.float32(0.951057) * up, 0)
    x, up = np.abs(x - np.float32(0.618034) * across), up + np.float32(1.902113) * across
    across = np.maximum(np.float32(0.809017) * x - np.float32(0.587785) * up, 0)
    x, up = x - np.float32(1.618034) * across, up + np.float32(1.175571) * across
    return np.float32(0.896741) * x + np.float32(0.442566) * up - np.float32(0.365089)


def _plus(x: Coordinates, y: Coordinates) -> Coordinates:
    longer, shorter = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    return np.maximum(longer - np.float32(0.65073), shorter - np.float32(0.23426))


def _ring(x: Coordinates, y: Coordinates) -> Coordinates:
    return np.abs(np.sqrt(x * x + y * y) - np.float32(0.48860)) - np.float32(0.16287)


def _crescent(x: Coordinates, y: Coordinates) -> Coordinates:
    square = y * y
    whole, bite = x - np.float32(0.27010), x - np.float32(0.65745)
    inside = np.sqrt(whole * whole + square) - np.float32(0.77470)
    return np.maximum(inside, np.float32(0.58103) - np.sqrt(bite * bite + square))


def _bars(x: Coordinates, y: Coordinates) -> Coordinates:
    across = np.abs(np.abs(y) - np.float32(0.36739)) - np.float32(0.21739)
    return np.maximum(across, np.abs(x) - np.float32(0.575))


OUTLINES: dict[str, Callable[[Coordinates, Coordinates], Coordinates]] = {
    "disc": _disc,
    "triangle": _triangle,
    "square": _square,
    "star": _star,
    "plus": _plus,
    "ring": _ring,
    "crescent": _crescent,
    "bars": _bars,
}

# Length of each outline, in units of the shape's size.
PERIMETERS = {
    "disc": 3.545,
    "triangle": 4.559,
    "square": 4.000,
    "star": 5.478,
    "plus": 5.206,
    "ring": 6.140,
    "crescent": 5.730,
    "bars": 6.339,
}


@cache
def raster(name: str) -> tuple[Float32[np.ndarray, "1 h w"], Float32[np.ndarray, "1 h w"], Coordinates]:
    """Return x, y and the signed distance of an outline on a fine square of side 2 about the origin."""
    axis = ((np.arange(_RASTER, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / _RASTER)) - np.float32(
        1
    )
    x = np.broadcast_to(axis, (1, _RASTER, _RASTER))
    y = np.broadcast_to(axis[:, None], (1, _RASTER, _RASTER))
    return x, y, OUTLINES[name](x, y)


def coverage(name: str, x: Coordinates, y: Coordinates, pixels: np.ndarray, mixed: float) -> Coordinates:
    """Return how much of each pixel the shape covers, in [0, 1], with a soft edge.

    The edge is the wider the shorter the outline, so that the share of mixed colours is the same for
    all shapes. Otherwise a colour histogram tells the bars, with the longest edge, from the disc.

    Args:
        name: The shape.
        x: Columns in the shape's own frame, in units of its size.
        y: Rows in the shape's own frame.
        pixels: The shape's size in pixels, one number or ``[t 1 1]``.
        mixed: Area of the soft edge, in pixels for each pixel of size (5 to 8 looks sharp).
    """
    slope = pixels * np.float32(PERIMETERS[name] / mixed)
    return np.clip(np.float32(0.5) - OUTLINES[name](x, y) * slope, 0, 1)


def ranks(name: str, cosine: float, sine: float) -> Float32[np.ndarray, " n"]:
    """Tabulate the share of the shape that lies behind each of 256 lines across a direction.

    A texture that is a function of this share, not of the distance, has the same colours in the same
    amounts in every shape and direction: a colour histogram cannot tell a square's gradient from a disc's.

    Args:
        name: The shape.
        cosine: Of the direction, in the shape's frame.
        sine: Of the direction.

    Returns:
        Shares in [0, 1], for lines at distances -1 to 1 from the origin.
    """
    x, y, distance = raster(name)
    inside = distance <= 0
    place = level(x[inside] * cosine + y[inside] * sine)
    counts = np.bincount(place, minlength=_LEVELS)
    behind = counts.cumsum() - counts // 2
    return (behind / np.float64(counts.sum())).astype(np.float32)


def level(distance: np.ndarray) -> np.ndarray:
    """Return the place of a distance in [-1, 1] in a table of ``ranks``."""
    scaled = (distance + np.float32(1)) * np.float32(_LEVELS / 2)
    return np.clip(scaled, 0, _LEVELS - 1).astype(np.intp)
