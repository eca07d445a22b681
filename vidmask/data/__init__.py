"""Videos in, batches of clips out.

The names are imported when first used, so that ``import vidmask.data`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidmask.data.clips import ClipDataset, collate
    from vidmask.data.datamodule import VideoDataModule
    from vidmask.data.readers import PyAVReader, VideoReadError
    from vidmask.data.sampling import ClipLoader, EpochSampler
    from vidmask.data.sources import VideoFolder, VideoSource
    from vidmask.data.synthetic import MovingShapes

__all__ = [
    "ClipDataset",
    "ClipLoader",
    "EpochSampler",
    "MovingShapes",
    "PyAVReader",
    "VideoDataModule",
    "VideoFolder",
    "VideoReadError",
    "VideoSource",
    "collate",
]

_MODULES = {
    "ClipDataset": "clips",
    "ClipLoader": "sampling",
    "EpochSampler": "sampling",
    "MovingShapes": "synthetic",
    "PyAVReader": "readers",
    "VideoDataModule": "datamodule",
    "VideoFolder": "sources",
    "VideoReadError": "readers",
    "VideoSource": "sources",
    "collate": "clips",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
