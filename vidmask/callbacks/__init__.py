"""What watches a run: probes, pictures, skipped samples and the closing table."""

from vidmask.callbacks.online_probe import OnlineProbe
from vidmask.callbacks.reconstructions import ReconstructionLogger
from vidmask.callbacks.skipped import SkippedSamples
from vidmask.callbacks.summary import RunSummary

__all__ = ["OnlineProbe", "ReconstructionLogger", "RunSummary", "SkippedSamples"]
