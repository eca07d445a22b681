"""How many of the training videos may be lost before a run stops."""

from collections import deque
from collections.abc import Iterable

WINDOW = 1000
"""Clips over which the share is taken while the videos have not all been seen."""


class TooManySkippedError(ValueError):
    """More training videos cannot be decoded than a run may lose.

    Attributes:
        skipped: Path and reason of each clip that the batch lacks with which it became too many.
    """

    def __init__(self, message: str, skipped: list[tuple[str, str]]) -> None:
        super().__init__(message)
        self.skipped = skipped

    def __reduce__(self) -> tuple[type, tuple[str, list[tuple[str, str]]]]:
        """Keep both arguments where the error is handed from one process to another."""
        return type(self), (str(self), self.skipped)


class SkipLimit:
    """Stop when more than a share of the training videos cannot be decoded.

    Two things are watched: the different files skipped, against the number of videos; and the clips skipped
    among the last 1,000, so that a drive that goes away stops a run on a million videos at once. Each process
    watches what it decodes itself, and the first to stop ends the others.

    Args:
        share: Greatest share that may be skipped, from 0 (none) to 1 (all).
        num_videos: Training videos.

    Raises:
        ValueError: If the share is out of range.
    """

    def __init__(self, share: int | float, num_videos: int) -> None:
        self.share = check_share(share)
        self.num_videos = num_videos
        self.paths: set[str] = set()
        self._lost: deque[bool] = deque(maxlen=WINDOW)

    def count(self, num_clips: int, skipped: Iterable[tuple[str, str]]) -> None:
        """Take note of a batch.

        Args:
            num_clips: Clips that it has.
            skipped: Path and reason of each clip that it lacks.

        Raises:
            TooManySkippedError: If that is too many.
        """
        # Pinning a batch makes lists of its tuples.
        skipped = [(path, reason) for path, reason in skipped]
        self.paths.update(path for path, _ in skipped)
        self._lost.extend([True] * len(skipped) + [False] * num_clips)
        if not skipped:
            return
        if len(self.paths) > self.share * self.num_videos:
            self._stop(f"{len(self.paths)} of {self.num_videos} training videos", skipped)
        if len(self._lost) == WINDOW and sum(self._lost) > self.share * WINDOW:
            self._stop(f"{sum(self._lost)} of the last {WINDOW} clips", skipped)

    def _stop(self, what: str, skipped: list[tuple[str, str]]) -> None:
        raise TooManySkippedError(
            f"{what} cannot be decoded, more than the share of {self.share:g} that data.max_skipped_share "
            f"allows; the last: {' '.join(skipped[-1][1].split())}",
            skipped,
        )


def check_share(share: int | float) -> int | float:
    """Return a share.

    Raises:
        ValueError: If it is none.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"max_skipped_share must be a share from 0 to 1, got {share}")
    return share
