"""Where videos come from: their files, splits and labels."""

from vidmask.data.sources.base import SPLITS, Split, VideoSource
from vidmask.data.sources.folder import VideoFolder

__all__ = ["SPLITS", "Split", "VideoFolder", "VideoSource"]
