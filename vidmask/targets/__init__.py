"""What is predicted for each masked token."""

from vidmask.targets.base import Target
from vidmask.targets.codes import VQGANCodeTarget
from vidmask.targets.motion import RGBDifferenceTarget
from vidmask.targets.pixels import PixelTarget

__all__ = ["PixelTarget", "RGBDifferenceTarget", "Target", "VQGANCodeTarget"]
