"""Readers of video files: the frames of a clip, and no others."""

from vidmask.data.readers.packets import VideoReadError
from vidmask.data.readers.pyav import DecodedClip, PyAVReader

__all__ = ["DecodedClip", "PyAVReader", "VideoReadError"]
