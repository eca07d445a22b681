"""What a decoded clip holds, and what counts as a reader."""

from pathlib import Path

import numpy as np
from videos import write_numbered

from vidmask.data.readers import ClipReader, DecodedClip, PyAVReader


def test_the_frames_of_a_clip_are_stacked_in_order():
    first, second = np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 9, np.uint8)
    frames = DecodedClip([second, first, second], [0.0, 0.1, 0.2]).frames
    assert frames.shape == (3, 2, 3, 3)
    assert frames[:, 0, 0, 0].tolist() == [9, 0, 9]


def test_a_clip_without_frames_is_empty():
    assert DecodedClip([], []).frames.shape == (0, 0, 0, 3)


def test_a_reader_is_known_by_what_it_offers(tmp_path: Path):
    with PyAVReader(write_numbered(tmp_path / "a.mp4", 4)) as reader:
        assert isinstance(reader, ClipReader)
    assert not isinstance(tmp_path, ClipReader)
