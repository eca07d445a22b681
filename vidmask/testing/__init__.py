"""The laws that a mask generator, a target or an objective obeys, to be run on a class of one's own."""

from vidmask.testing.masks import check_mask_generator
from vidmask.testing.objectives import check_objective
from vidmask.testing.targets import check_target

__all__ = ["check_mask_generator", "check_objective", "check_target"]
