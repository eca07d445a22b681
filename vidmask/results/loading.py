"""Read runs and sweeps from disk."""

import os

from pandas import DataFrame

from vidmask.results.tables import Results


def load(*paths: str | os.PathLike[str]) -> Results:
    """Read runs and sweeps.

    A sweep without checkpoints and encoders is enough. Of a run of no sweep, the axes are the settings that
    differ from those of the other runs of its recipe; its multiply-adds are not known.

    Args:
        paths: Each a run's folder (``runs/quickstart/mae_st/latest``), a sweep's
            (``runs/sweeps/mae_st_mask``), that of one run of a sweep, or a folder that holds any of these at
            any depth. What is given twice counts once.

    Raises:
        ValueError: If a path is or holds nothing of that, a file is damaged, or two folders are copies of one
            run.
    """
    raise NotImplementedError


def frame(*paths: str | os.PathLike[str]) -> DataFrame:
    """Read runs and sweeps into one table: a row for each score at the end of a finished run.

    Args:
        paths: As of ``load``.

    Returns:
        The columns of ``Results.runs`` and, for each score, those of ``Results.scores``.
    """
    return load(*paths).frame()
