"""What is predicted for each masked token."""

from vidmask.targets.averaging import AverageTeacher
from vidmask.targets.base import Target
from vidmask.targets.codes import VQGANCodeTarget
from vidmask.targets.flow import OpticalFlowTarget
from vidmask.targets.frozen import FrozenTeacher
from vidmask.targets.hog import HOGTarget
from vidmask.targets.motion import RGBDifferenceTarget
from vidmask.targets.pixels import PixelTarget
from vidmask.targets.teacher import Teacher, TeacherTarget

__all__ = [
    "AverageTeacher",
    "FrozenTeacher",
    "HOGTarget",
    "OpticalFlowTarget",
    "PixelTarget",
    "RGBDifferenceTarget",
    "Target",
    "Teacher",
    "TeacherTarget",
    "VQGANCodeTarget",
]
