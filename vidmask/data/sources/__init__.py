"""Where videos come from: their files, splits and labels."""

from vidmask.data.sources.base import SPLITS, Split, VideoSource, fingerprint
from vidmask.data.sources.folder import VideoFolder
from vidmask.data.sources.hmdb51 import HMDB51
from vidmask.data.sources.kinetics import Kinetics
from vidmask.data.sources.manifest import Manifest
from vidmask.data.sources.opening import open_source
from vidmask.data.sources.pytorchvideo import PyTorchVideoDataset
from vidmask.data.sources.ssv2 import SomethingSomethingV2, SomethingSomethingV2Frames
from vidmask.data.sources.table import VideoTable
from vidmask.data.sources.ucf101 import UCF101
from vidmask.data.sources.unlabelled import UnlabelledVideos

__all__ = [
    "HMDB51",
    "SPLITS",
    "UCF101",
    "Kinetics",
    "Manifest",
    "PyTorchVideoDataset",
    "SomethingSomethingV2",
    "SomethingSomethingV2Frames",
    "Split",
    "UnlabelledVideos",
    "VideoFolder",
    "VideoSource",
    "VideoTable",
    "fingerprint",
    "open_source",
]
