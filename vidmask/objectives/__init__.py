"""What is minimised."""

from vidmask.objectives.base import Head, Objective
from vidmask.objectives.mae import MaskedAutoencoder

__all__ = ["Head", "MaskedAutoencoder", "Objective"]
