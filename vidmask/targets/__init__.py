"""What is predicted for each masked token."""

from vidmask.targets.base import Target
from vidmask.targets.pixels import PixelTarget

__all__ = ["PixelTarget", "Target"]
