"""Readers of video files: the frames of a clip, and no others."""

from vidmask.data.readers.base import ClipReader, ClipRequest, DecodedClip, EveryFrames, FramesAt
from vidmask.data.readers.frames import FrameFolderReader
from vidmask.data.readers.opening import ReaderName, check_reader, installed_readers, open_video
from vidmask.data.readers.packets import VideoReadError
from vidmask.data.readers.pyav import PyAVReader
from vidmask.data.readers.torchcodec import TorchCodecReader

__all__ = [
    "ClipReader",
    "ClipRequest",
    "DecodedClip",
    "EveryFrames",
    "FrameFolderReader",
    "FramesAt",
    "PyAVReader",
    "ReaderName",
    "TorchCodecReader",
    "VideoReadError",
    "check_reader",
    "installed_readers",
    "open_video",
]
