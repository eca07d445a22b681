"""Training of a classifier on the shared encoder: fine-tuning and probes, and what is asked of a clip."""

from vidmask.classification.mixing import Mixing
from vidmask.classification.module import VideoClassification
from vidmask.classification.questions import ArrowOfTime, ClipOrder, Question, VideoClass

__all__ = ["ArrowOfTime", "ClipOrder", "Mixing", "Question", "VideoClass", "VideoClassification"]
