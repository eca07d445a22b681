"""How much faster clips of prepared files are read."""

import random
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from vidmask.data.readers import FramesAt, open_video
from vidmask.data.transforms import crop_and_resize, spread_box

FRAMES, STRIDE_SECONDS, SIZE = 16, 4 / 30, 224


class DecodingSpeed(NamedTuple):
    """Clips a second that one process reads, each opened anew, of the same videos from the same starts.

    Attributes:
        before: Of the source.
        after: Of the prepared files.
        clips: How many were read of each.
    """

    before: float
    after: float
    clips: int


def decoding_speed(pairs: Sequence[tuple[str, str]], num_videos: int = 16, rounds: int = 3) -> DecodingSpeed:
    """Read clips of some videos and of what was prepared of them in turn, as training does.

    A clip is 16 frames 4/30 s apart, centre-cropped and resized to 224 px.

    Args:
        pairs: Each source with the file made of it.
        num_videos: How many of them, drawn once.
        rounds: Clips of each.
    """
    chance = random.Random(0)
    chosen = chance.sample(list(pairs), min(num_videos, len(pairs)))
    seconds = [0.0, 0.0]
    for _ in range(rounds):
        for pair in chosen:
            share = chance.random()
            for place, path in enumerate(pair):
                began = perf_counter()
                _read_clip(path, share)
                seconds[place] += perf_counter() - began
    number = rounds * len(chosen)
    return DecodingSpeed(number / seconds[0], number / seconds[1], number)


def _read_clip(path: str, share: float) -> None:
    video = open_video(path)
    try:
        start = share * max(video.duration - FRAMES * STRIDE_SECONDS, 0.0)
        (clip,) = video.read_clips([FramesAt(tuple(start + step * STRIDE_SECONDS for step in range(FRAMES)))])
    finally:
        video.close()
    crop_and_resize(clip.pictures, spread_box(*clip.pictures[0].shape[:2]), SIZE)
