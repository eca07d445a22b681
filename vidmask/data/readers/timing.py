"""Which frames a clip takes, given the times at which the video's frames are shown.

Times are integers, in the ticks of the video's own clock, ascending. The frame on screen at an instant is
the last one shown at or before it; before the first frame it is the first, and past the end the last.

Each rule has ``first``, the instant at which the clip starts; ``until(times)``, the instant up to which all
times must be known (None if the times known so far cannot tell); and ``pick(times)``, the times taken.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction

Seconds = int | float | Fraction


@dataclass(frozen=True)
class EveryFrame:
    """Take ``count`` frames, every ``stride``-th from the one on screen at ``first``.

    ::

        times   0 1 2 3 4 5 6 7 8 9        first 2, count 3, stride 3
        clip        x     x     x
    """

    first: int
    count: int
    stride: int

    def until(self, times: list[int]) -> int | None:
        """Return the time of the last frame taken, once it is among ``times``."""
        last = on_screen(times, self.first) + (self.count - 1) * self.stride
        # With B-frames the frame on screen may come after later ones: only past ``first`` it is known.
        return max(times[last], self.first) if last < len(times) else None

    def pick(self, times: list[int]) -> list[int]:
        """Return the times of the frames taken."""
        start = on_screen(times, self.first)
        return [times[min(start + step * self.stride, len(times) - 1)] for step in range(self.count)]


@dataclass(frozen=True)
class Instants:
    """Take the frame on screen at each of the given instants, ascending."""

    instants: tuple[int, ...]

    @property
    def first(self) -> int:
        """Return the first instant."""
        return self.instants[0]

    def until(self, times: list[int]) -> int:
        """Return the last instant."""
        return self.instants[-1]

    def pick(self, times: list[int]) -> list[int]:
        """Return the times of the frames taken."""
        return [times[on_screen(times, instant)] for instant in self.instants]


@dataclass(frozen=True)
class Span:
    """Take every frame whose time lies in ``[first, end)``."""

    first: int
    end: int

    def until(self, times: list[int]) -> int:
        """Return the last instant in the span."""
        return self.end - 1

    def pick(self, times: list[int]) -> list[int]:
        """Return the times of the frames taken, none where the span holds none."""
        return times[bisect_left(times, self.first) : bisect_left(times, self.end)]


FrameChoice = EveryFrame | Instants | Span


def on_screen(times: list[int], instant: int) -> int:
    """Return the index of the frame on screen at an instant."""
    return max(bisect_right(times, instant) - 1, 0)
