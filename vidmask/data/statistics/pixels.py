"""Mean and standard deviation of the pixels of a data set, estimated on some of its videos."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image

from vidmask.data.readers import FramesAt, open_video

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's pixels, R, G and B in [0, 1], as torchvision's models take it."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's pixels, likewise."""

FRAMES_PER_VIDEO = 4
_THUMBNAIL_HEIGHT = 108
# Wider pictures are shown squeezed: a strip has room for a few.
_WIDEST = 2.0

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class PixelStatistics:
    """Pixels of whole frames, R, G and B in [0, 1], before any crop or resize.

    Every video counts the same, whatever its length and size, as it does in training; in it every frame
    that is read, and in a frame every pixel. The standard deviation is that of single pixels around the one
    mean of all, as an encoder divides by it.

    Attributes:
        split: The split that the videos are drawn from.
        seed: Draws them.
        videos: Videos decoded.
        frames: Frames decoded, evenly spaced over each video.
        mean: Mean of each channel.
        std: Standard deviation of each channel.
        mean_error: Standard error of the mean, over videos; None for a single video.
        std_error: Standard error of the standard deviation, likewise.
        histogram: Share of the pixels that have each of the 256 values, for each channel.
        samples: Small frames of the first videos, uint8 ``[h w 3]``.
    """

    split: str
    seed: int
    videos: int
    frames: int
    mean: Triple
    std: Triple
    mean_error: Triple | None
    std_error: Triple | None
    histogram: Float64[np.ndarray, "3 256"]
    samples: tuple[UInt8[np.ndarray, "_ _ 3"], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold: all but the frames."""
        kept = {name: value for name, value in vars(self).items() if name != "samples"}
        return kept | {"histogram": self.histogram.tolist()}


def count_pixels(path: str, num_frames: int, with_sample: bool) -> dict[str, Any]:
    """Count the values of the pixels in a few frames of a video.

    Args:
        path: The video.
        num_frames: Frames, in the middle of so many equal parts of the video.
        with_sample: Whether a small frame is returned too.

    Returns:
        ``counts``, how many pixels have each value, ``[3 256]``; ``frames``; and ``sample`` with the frame's
        ``height``, ``width`` and ``pixels`` in base 64, or None. Of JSON types.

    Raises:
        VideoReadError: If a frame cannot be decoded.
    """
    video = open_video(path)
    try:
        # Not the first frame and the last one, which are black in many videos.
        instants = tuple((place + 0.5) / num_frames * video.duration for place in range(num_frames))
        (clip,) = video.read_clips([FramesAt(instants)])
    finally:
        video.close()
    counts = np.zeros((3, 256), np.int64)
    for picture in clip.pictures:
        for channel in range(3):
            counts[channel] += np.bincount(picture[..., channel].ravel(), minlength=256)
    sample = _thumbnail(clip.pictures[len(clip.pictures) // 2]) if with_sample else None
    return {"counts": counts.tolist(), "frames": len(clip.pictures), "sample": sample}


def _thumbnail(picture: UInt8[np.ndarray, "h w 3"]) -> dict[str, Any]:
    height, width = picture.shape[:2]
    width = max(round(_THUMBNAIL_HEIGHT * min(width / height, _WIDEST)), 1)
    small = Image.fromarray(np.ascontiguousarray(picture)).resize((width, _THUMBNAIL_HEIGHT))
    pixels = base64.b64encode(small.tobytes()).decode("ascii")
    return {"height": _THUMBNAIL_HEIGHT, "width": width, "pixels": pixels}


def combine(split: str, seed: int, counted: Sequence[Mapping[str, Any]]) -> PixelStatistics:
    """Return the statistics over videos.

    Sums are in float64, and of squared distances from the mean rather than of squares, which would cancel.

    Args:
        split: The split that the videos are of.
        seed: Has drawn them.
        counted: What ``count_pixels`` returned for each of at least one.
    """
    counts = np.array([video["counts"] for video in counted], np.int64)
    shares = counts / counts.sum(-1, keepdims=True)
    values = np.arange(256) / 255
    histogram = shares.mean(0)
    mean = histogram @ values
    # [3 256]: squared distance of each value from the mean of its channel.
    distances = (values - mean[:, None]) ** 2
    std = np.sqrt((histogram * distances).sum(-1))
    mean_error = std_error = None
    if len(counted) > 1:
        mean_error = _triple(_standard_error(shares @ values))
        # A small change d of the variance changes its root by d / (2 std).
        variance_error = _standard_error((shares * distances).sum(-1))
        std_error = _triple(np.divide(variance_error, 2 * std, out=np.zeros(3), where=std > 0))
    return PixelStatistics(
        split=split,
        seed=seed,
        videos=len(counted),
        frames=sum(video["frames"] for video in counted),
        mean=_triple(mean),
        std=_triple(std),
        mean_error=mean_error,
        std_error=std_error,
        histogram=histogram,
        samples=tuple(_picture(video["sample"]) for video in counted if video["sample"] is not None),
    )


def _standard_error(values: Float64[np.ndarray, "v 3"]) -> Float64[np.ndarray, "3"]:
    return values.std(0, ddof=1) / np.sqrt(len(values))


def _triple(values: Float64[np.ndarray, "3"]) -> Triple:
    red, green, blue = map(float, values)
    return red, green, blue


def _picture(sample: Mapping[str, Any]) -> UInt8[np.ndarray, "h w 3"]:
    pixels = np.frombuffer(base64.b64decode(sample["pixels"]), np.uint8)
    return pixels.reshape(sample["height"], sample["width"], 3)
