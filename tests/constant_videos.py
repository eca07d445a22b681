"""Videos whose every pixel has one colour, without loss: their statistics are known by hand."""

from pathlib import Path

import av
import numpy as np


def write_constant(
    path: Path,
    colours: list[tuple[int, int, int]],
    *,
    rate: int = 10,
    size: tuple[int, int] = (32, 16),
    rotation: int = 0,
) -> Path:
    """Write a video with a frame of each colour, of a width and a height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=rate, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        if rotation:
            stream.set_display_rotation(rotation)
        for colour in colours:
            picture = np.full((height, width, 3), colour, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
