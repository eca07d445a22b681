"""Readers of video files: the frames of a clip, and no others."""

from vidmask.data.readers.base import ClipReader, ClipRequest, DecodedClip, EveryFrames, FramesAt
from vidmask.data.readers.opening import ReaderName, open_video
from vidmask.data.readers.packets import VideoReadError
from vidmask.data.readers.pyav import PyAVReader

__all__ = [
    "ClipReader",
    "ClipRequest",
    "DecodedClip",
    "EveryFrames",
    "FramesAt",
    "PyAVReader",
    "ReaderName",
    "VideoReadError",
    "open_video",
]
