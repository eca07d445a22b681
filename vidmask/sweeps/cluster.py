"""A sweep's runs on the machines of a Ray cluster: each is a task that moves on when its machine is lost."""

import os
import platform
import signal
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidmask.data.writers import write_text
from vidmask.sweeps.definition import SweepDefinition
from vidmask.sweeps.endings import first_line
from vidmask.sweeps.execution import begun, carry_out
from vidmask.sweeps.planning import PlannedRun
from vidmask.sweeps.processes import GRACE_SECONDS, Processes
from vidmask.sweeps.records import write_record

MARK = ".cluster"
"""File by which a machine shows that it sees the sweep's folder, and no other of that name."""

MAX_LOSSES = 5
"""How often a run moves on to another machine before it counts as failed: it may be what brings them down."""

SECONDS_BETWEEN_LOOKS = 1.0

SHARED = "it must lie on a file system that all machines of the cluster share, under the same path"


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Belong to a Ray cluster.

    Args:
        address: ``auto``, or ``host:port`` of the cluster that this machine is one of.

    Raises:
        ValueError: If Ray is not installed, or there is no such cluster.
    """
    ray = _ray()
    if "://" in address:
        raise ValueError(
            f"--ray takes auto, or host:port of a cluster of which this machine is one, got {address}"
        )
    try:
        if address != "auto":
            # Ray itself tries for minutes.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"no Ray cluster at {address} of which this machine is one ({first_line(error)}): "
            "ray start --head begins one, ray start --address=HOST:PORT adds a machine"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class RayRunner:
    """Carries out runs on the cluster that this process is connected to.

    A run that was on a machine that is lost goes on from its newest checkpoint on another.

    Args:
        jobs: How many run at a time; as many as there is room for if None.
        cpus_per_run: CPUs that each takes, and threads that it computes with.
        on_gpus: Whether each takes as many GPUs as it trains on, if the cluster has any.
    """

    jobs: int | None = None
    cpus_per_run: int = 1
    on_gpus: bool = True

    def room(self, planned: Sequence[PlannedRun]) -> int:
        """Return how many runs the cluster has room for at a time; where they differ, of the largest.

        Raises:
            ValueError: If a machine that is large enough for one is not there.
        """
        machines, rooms = self._machines(), []
        for run in planned:
            cpus, gpus = self.cpus_per_run, self._gpus(run)
            rooms.append(sum(_fit(each, cpus, gpus) for each in machines))
            if not rooms[-1]:
                raise ValueError(
                    f"{run.cell} takes {cpus} CPUs and {gpus} GPUs, and no machine of the cluster has so "
                    "many: give fewer --cpus-per-run or trainer.devices, or machines that have them"
                )
        return min([*rooms, self.jobs or len(planned)])

    def describe(self, planned: Sequence[PlannedRun]) -> str:
        """Return in words what the cluster has, and what a run takes of it."""
        machines = self._machines()
        cpus, gpus = (int(sum(each.get(kind, 0) for each in machines)) for kind in ("CPU", "GPU"))
        most = max((self._gpus(run) for run in planned), default=0)
        return (
            f"a Ray cluster of {len(machines)} machines with {cpus} CPUs and {gpus} GPUs; "
            f"a run takes {self.cpus_per_run} CPUs and {most} GPUs"
        )

    def run(
        self,
        planned: Sequence[PlannedRun],
        folder: Path,
        definition: SweepDefinition,
        look: Callable[[], None],
    ) -> None:
        """Carry out runs; that one fails, or crashes, or loses its machine, ends none of the others.

        Args:
            planned: The runs.
            folder: The sweep's folder; all machines see it under its absolute path.
            definition: The sweep.
            look: Called about every second, and after each run, while runs are under way.

        Raises:
            KeyboardInterrupt: After everything that ran has been ended and written down.
            ValueError: If a machine does not see the folder, or none is large enough.
        """
        ray, folder = _ray(), folder.resolve()
        self.room(planned)
        mark = uuid.uuid4().hex
        write_text(folder / MARK, mark)
        left = deque((run, 0) for run in planned)
        under_way: dict[Any, tuple[PlannedRun, int]] = {}
        try:
            while left or under_way:
                while left and (self.jobs is None or len(under_way) < self.jobs):
                    run, losses = left.popleft()
                    under_way[self._begin(run, folder, definition, mark)] = run, losses
                done, _ = ray.wait(list(under_way), timeout=SECONDS_BETWEEN_LOOKS)
                for task in done:
                    run, losses = under_way.pop(task)
                    lost = _loss(task)
                    if lost is None:
                        continue
                    if losses < MAX_LOSSES:
                        left.appendleft((run, losses + 1))
                    else:
                        _give_up(run, folder / run.key, definition, lost)
                look()
        except BaseException:
            for task in under_way:
                ray.cancel(task)
            if under_way:
                ray.wait(list(under_way), num_returns=len(under_way), timeout=2 * GRACE_SECONDS)
            raise
        finally:
            (folder / MARK).unlink(missing_ok=True)
            look()

    def _begin(self, run: PlannedRun, folder: Path, definition: SweepDefinition, mark: str) -> Any:
        gpus = self._gpus(run)
        environment = {name: value for name, value in os.environ.items() if name.startswith("VIDMASK_")}
        environment["OMP_NUM_THREADS"] = str(self.cpus_per_run)
        if gpus == 0:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        # A run that moves on is begun anew from here: Ray itself would do so without a bound on those of it
        # that it has ended for want of memory.
        task = (
            _ray()
            .remote(_carry_out_here)
            .options(
                name=f"{definition.name} {run.key}", num_cpus=self.cpus_per_run, num_gpus=gpus, max_retries=0
            )
        )
        return task.remote(run, folder, definition, Path.cwd(), mark, environment)

    def _gpus(self, run: PlannedRun) -> int:
        has_some = any(each.get("GPU", 0) for each in self._machines())
        return run.num_devices if self.on_gpus and has_some else 0

    @staticmethod
    def _machines() -> list[Mapping[str, float]]:
        """Return what each machine that is there has."""
        return [node["Resources"] for node in _ray().nodes() if node["Alive"] and "CPU" in node["Resources"]]


def _fit(machine: Mapping[str, float], cpus: int, gpus: int) -> int:
    """Return how many runs a machine has room for."""
    fit = machine.get("CPU", 0) // cpus
    return int(min(fit, machine.get("GPU", 0) // gpus) if gpus else fit)


def _ray() -> Any:
    """Return Ray, which prints nothing between the lines of the sweep.

    Raises:
        ValueError: If it is not installed.
    """
    # What it says of machines that are lost can be turned off by this alone, and is read with the import.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "^")
    try:
        import ray
    except ModuleNotFoundError:
        raise ValueError("--ray needs Ray: pip install 'vidmask[ray]'") from None
    return ray


class _ChildProcesses(Processes):
    """Runs commands below a worker of Ray."""

    def run(self, *args: Any, **kwargs: Any) -> int:
        """Carry out a command, and return its exit code unless this process is being ended, too.

        A worker that ends kills its children a moment before: no failure of theirs is to be written down.
        """
        returncode = super().run(*args, **kwargs)
        if returncode == -signal.SIGKILL:
            time.sleep(2)
        return returncode


def _carry_out_here(
    run: PlannedRun,
    folder: Path,
    definition: SweepDefinition,
    directory: Path,
    mark: str,
    environment: Mapping[str, str],
) -> None:
    """Carry out a run in a worker of Ray.

    Raises:
        ValueError: If this machine does not see what it needs.
    """
    seen = folder / MARK
    if not seen.is_file() or seen.read_text(encoding="utf-8") != mark:
        raise ValueError(f"the machine {platform.node()} does not see the sweep's folder {folder}: {SHARED}")
    if not directory.is_dir():
        raise ValueError(
            f"the machine {platform.node()} does not see the working directory {directory}: {SHARED}"
        )
    # For settings with relative paths. The worker serves this sweep alone.
    os.chdir(directory)
    processes = _ChildProcesses()
    with ThreadPoolExecutor(1) as pool:
        carried_out = pool.submit(carry_out, run, folder / run.key, definition, environment, processes)
        try:
            # Ray cancels a task by an exception in its main thread, which must not be deep in a system call.
            while not carried_out.done():
                wait([carried_out], 0.2)
        except BaseException:
            processes.stop()
            raise
        carried_out.result()


def _loss(task: Any) -> str | None:
    """Return why a task has not come to its end, or None if it has.

    Raises:
        ValueError: If a machine does not see what it needs.
    """
    ray = _ray()
    try:
        ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ValueError):
            raise error.cause from None
        # A machine whose disk is full, or is not there any more, is as good as lost.
        if not isinstance(error.cause, OSError | ray.exceptions.TaskCancelledError):
            raise
        return first_line(error.cause)
    except ray.exceptions.RayError as error:
        return first_line(error)
    return None


def _give_up(run: PlannedRun, folder: Path, definition: SweepDefinition, lost: str) -> None:
    """Write down that a run has lost one machine after the other."""
    record = begun(run, folder, definition)
    record.status, record.reason = "failed", f"its machine was lost {MAX_LOSSES + 1} times: {lost}"
    write_record(folder, record)
