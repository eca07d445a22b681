"""What is minimised."""

from vidmask.objectives.base import Head, Objective
from vidmask.objectives.mae import MaskedAutoencoder
from vidmask.objectives.mam2 import MAM2

__all__ = ["MAM2", "Head", "MaskedAutoencoder", "Objective"]
