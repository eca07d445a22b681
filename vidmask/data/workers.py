"""How many processes decode for a rank, and how a ``DataLoader`` is told."""

from typing import Any

import torch

from vidmask.data.processes import processors

# The most processes, and the processors that a rank keeps for itself.
MOST_WORKERS = 8
BUSY_PROCESSORS = 2


def num_workers_of(ranks_here: int) -> int:
    """Return the processes of a rank where nobody says: one for each processor of its share but two."""
    return min(MOST_WORKERS, max(0, processors() // ranks_here - BUSY_PROCESSORS))


def worker_options(num_workers: int, prefetch_factor: int, *, pin: bool, persistent: bool) -> dict[str, Any]:
    """Return the arguments of a ``DataLoader``.

    Args:
        num_workers: Processes that decode; 0 for none but this.
        prefetch_factor: Batches that each of them holds ready.
        pin: Whether batches are put into pinned memory, where there is an accelerator.
        persistent: Whether the processes live on between epochs.
    """
    options = {"num_workers": num_workers, "pin_memory": pin and torch.accelerator.is_available()}
    # Without processes a DataLoader accepts neither.
    ahead = {"prefetch_factor": prefetch_factor, "persistent_workers": persistent}
    return options | (ahead if num_workers else {})
