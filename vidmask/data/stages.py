"""Where the time of a clip goes: a clock for each stage, which costs nothing where nobody asks."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal, TypeVar

Stage = Literal["open", "seek", "decode", "convert", "crop", "collate", "transfer"]

Item = TypeVar("Item")

STAGES: tuple[Stage, ...] = ("open", "seek", "decode", "convert", "crop", "collate", "transfer")
"""The stages in the order in which a clip passes them.

``open`` reads the header, ``seek`` finds the key frame and reads packets, ``decode`` makes pictures of them,
``convert`` makes the wanted ones RGB, ``crop`` cuts and resizes, ``collate`` stacks a batch, and ``transfer``
brings it to the training process and its device.
"""


class StageClock:
    """Add up the seconds spent in each stage.

    Stages nest: what an inner one takes does not count for the outer one.

    Attributes:
        seconds: Seconds of each stage.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._stack: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Count the time inside the block for a stage."""
        self._charge()
        self._stack.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def each(self, name: Stage, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items, and count for a stage the time that each takes to come."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def _charge(self) -> None:
        now = perf_counter()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._since
        self._since = now


class NoClock(StageClock):
    """A clock that does not run."""

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Do nothing but run the block."""
        yield

    def each(self, name: Stage, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items."""
        return iter(items)


NO_CLOCK = NoClock()
