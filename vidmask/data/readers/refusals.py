"""What a file is that is no video, in words: FFmpeg opens much that is none."""

import codecs
import contextlib
import os
import stat

from av.container import InputContainer
from av.stream import Disposition

# What FFmpeg shows as a video and is none: pictures end in _pipe, lists name other files.
_NO_VIDEOS = {
    "image2": "a picture",
    "tty": "a text",
    "hls": "a list of other files",
    "concat": "a list of other files",
    "dash": "a list of other files",
}


def no_regular_file(path: str) -> str:
    """Return why a path cannot be opened again and again, as a pipe or a device cannot; empty if it can be.

    Opening a pipe would wait for someone who writes to it. What is not there at all is left to the system's
    own message.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError:
        return ""
    is_readable = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return "" if is_readable else "is no file that can be read again and again"


def no_container(path: str) -> str:
    """Return what a file is that FFmpeg cannot open, where its beginning tells more than FFmpeg does."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            head = file.read(4096)
    except OSError:
        return ""
    if not head:
        return "is empty: 0 bytes"
    if not any(head):
        return "begins with zeros, and is no video"
    if head[4:8] == b"ftyp":
        return "lacks a table of contents (moov) that can be read: the file is truncated or damaged"
    if b"\0" not in head:
        with contextlib.suppress(UnicodeDecodeError):
            # A letter may be cut in two at the end, which is none of its errors.
            codecs.getincrementaldecoder("utf-8")().decode(head)
            return "holds text and no video"
    return ""


def no_video(container: InputContainer) -> str:
    """Return why what FFmpeg has opened holds no video that it can decode; empty if it does."""
    kind = container.format.name
    if kind.endswith("_pipe") or kind in _NO_VIDEOS:
        return f"is {_NO_VIDEOS.get(kind, 'a picture')} ({kind}) and no video"
    if not container.streams.video:
        return "holds no video stream"
    stream = container.streams.video[0]
    if stream.codec_context is None or stream.time_base is None:
        return "no decoder for its video stream"
    if stream.disposition & Disposition.attached_pic:
        return "holds a cover picture and no video"
    return ""
