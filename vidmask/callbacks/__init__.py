"""What watches a run: probes, pictures and the closing table."""

from vidmask.callbacks.online_probe import OnlineProbe
from vidmask.callbacks.reconstructions import ReconstructionLogger
from vidmask.callbacks.summary import RunSummary

__all__ = ["OnlineProbe", "ReconstructionLogger", "RunSummary"]
