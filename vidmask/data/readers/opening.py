"""Open a video with the reader that was asked for."""

import os
from typing import Literal, get_args

from vidmask.choices import checked_choice
from vidmask.data.readers.base import ClipReader
from vidmask.data.readers.frames import FrameFolderReader
from vidmask.data.readers.pyav import PyAVReader
from vidmask.data.readers.torchcodec import TorchCodecReader, load_torchcodec
from vidmask.data.stages import NO_CLOCK, StageClock

ReaderName = Literal["pyav", "torchcodec"]


def open_video(path: str, reader: ReaderName = "pyav", clock: StageClock = NO_CLOCK) -> ClipReader:
    """Open a video file by the reader of a name, or a folder of frames.

    Args:
        path: The file, or the folder.
        reader: Name of the reader of files.
        clock: Measures where the time goes.

    Raises:
        VideoReadError: If it cannot be opened.
        ValueError: If there is no such reader, or it is not installed.
    """
    checked_choice("reader", reader, ReaderName)
    if os.path.isdir(path):  # noqa: PTH112
        return FrameFolderReader(path, clock)
    if reader == "torchcodec":
        return TorchCodecReader(path, clock)
    return PyAVReader(path, clock=clock)


def check_reader(reader: str) -> ReaderName:
    """Return a reader's name if it can be used here.

    Raises:
        ValueError: If there is no such reader, or it is not installed.
    """
    checked_choice("reader", reader, ReaderName)
    if reader == "torchcodec":
        load_torchcodec()
    return reader  # pyright: ignore[reportReturnType]


def installed_readers() -> tuple[ReaderName, ...]:
    """Return the readers of files that can be used here."""
    return tuple(name for name in get_args(ReaderName) if _is_installed(name))


def _is_installed(reader: str) -> bool:
    try:
        check_reader(reader)
    except ValueError:
        return False
    return True
