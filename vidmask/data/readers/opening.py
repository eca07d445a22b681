"""Open a video with the reader that was asked for."""

from typing import Literal

from vidmask.choices import checked_choice
from vidmask.data.readers.base import ClipReader
from vidmask.data.readers.pyav import PyAVReader
from vidmask.data.stages import NO_CLOCK, StageClock

ReaderName = Literal["pyav"]


def open_video(path: str, reader: ReaderName = "pyav", clock: StageClock = NO_CLOCK) -> ClipReader:
    """Open a video file by the reader of a name.

    Args:
        path: The file.
        reader: Name of the reader.
        clock: Measures where the time goes.

    Raises:
        VideoReadError: If it cannot be opened.
        ValueError: If there is no such reader.
    """
    checked_choice("reader", reader, ReaderName)
    return PyAVReader(path, clock=clock)
