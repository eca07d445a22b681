"""One page about what runs have found, with nothing outside it."""

from vidmask.report.page import write_report

__all__ = ["write_report"]
