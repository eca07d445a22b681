"""A sweep's runs on this machine: so many at a time, each on devices of its own."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vidmask.sweeps.definition import SweepDefinition
from vidmask.sweeps.execution import carry_out
from vidmask.sweeps.planning import PlannedRun
from vidmask.sweeps.processes import Processes
from vidmask.sweeps.records import RunRecord

SECONDS_BETWEEN_LOOKS = 1.0


@dataclass
class LocalRunner:
    """Carries out runs in processes on this machine.

    Args:
        jobs: How many run at a time.
        devices: Numbers of the GPUs that they share; none where they train on the CPU, whose cores they share
            then.

    Raises:
        ValueError: If there are fewer devices than a run trains on.
    """

    jobs: int = 1
    devices: Sequence[str] = ()
    processes: Processes = field(default_factory=Processes)

    def __post_init__(self) -> None:
        self._free = list(self.devices)
        self._changed = threading.Condition()

    def run(
        self,
        planned: Sequence[PlannedRun],
        folder: Path,
        definition: SweepDefinition,
        look: Callable[[], None],
    ) -> None:
        """Carry out runs; that one fails, or crashes, ends none of the others.

        Args:
            planned: The runs.
            folder: The sweep's folder.
            definition: The sweep.
            look: Called about every second, and after each run, while runs are under way.

        Raises:
            KeyboardInterrupt: After everything that ran has been ended and written down.
        """
        for run in planned:
            if self.devices and isinstance(run.config["trainer"].get("devices"), list):
                raise ValueError(
                    f"{run.cell}: trainer.devices names devices, and the sweep deals them out: give how many"
                )
            if self.devices and run.num_devices > len(self.devices):
                raise ValueError(
                    f"{run.cell} trains on {run.num_devices} devices, and the sweep has {len(self.devices)}: "
                    "give more --devices, or fewer trainer.devices"
                )
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="sweep")
        futures = [pool.submit(self._carry_out, run, folder, definition) for run in planned]
        try:
            _wait_for(futures, look)
        except BaseException:
            for future in futures:
                future.cancel()
            self.processes.stop()
            with self._changed:
                self._changed.notify_all()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            look()

    def _carry_out(self, run: PlannedRun, folder: Path, definition: SweepDefinition) -> RunRecord | None:
        with self._devices(run.num_devices) as environment:
            if environment is None:
                return None
            return carry_out(run, folder / run.key, definition, environment, self.processes)

    @contextmanager
    def _devices(self, number: int) -> Iterator[Mapping[str, str] | None]:
        """Lend devices that no other run has, or None where the sweep is being stopped meanwhile."""
        if not self.devices:
            # Threads of several trainings on the same cores wait for each other.
            threads = {"OMP_NUM_THREADS": str(threads_of(self.jobs))} if self.jobs > 1 else {}
            yield {"CUDA_VISIBLE_DEVICES": "", **threads}
            return
        with self._changed:
            self._changed.wait_for(lambda: len(self._free) >= number or self.processes.stopped)
            if self.processes.stopped:
                yield None
                return
            lent, self._free = self._free[:number], self._free[number:]
        try:
            yield {"CUDA_VISIBLE_DEVICES": ",".join(lent)}
        finally:
            with self._changed:
                self._free += lent
                self._changed.notify_all()


def threads_of(jobs: int) -> int:
    """Return how many threads each of so many trainings on the CPU gets."""
    return max((os.cpu_count() or 1) // jobs, 1)


def _wait_for(futures: Sequence[Future], look: Callable[[], None]) -> None:
    left = set(futures)
    while left:
        done, left = wait(left, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
        for future in done:
            # What goes wrong in a run is in its record; this is what went wrong in the sweep.
            future.result()
        look()
