"""The one source of chance: every random choice about a sample is a function of what the sample is.

A sample is (seed, epoch, index of the video, view). Where a clip starts, its box, its flip and its mask
all derive from these four numbers and the name of the choice, never from a rank, a worker or an
optimizer step. So two ranks with half the batch draw what one rank would, gradient accumulation does not
repeat masks, and resuming is an offset in the sampler.
"""

import hashlib
import os
import struct
from typing import Any

import torch


def sample_seed(seed: int, epoch: int, index: int, view: int = 0) -> int:
    """Return the seed of one sample: 63 bits, equal on every machine and in every process."""
    return _digest(struct.pack("<4q", seed, epoch, index, view))


def generator(seed: int, choice: str) -> torch.Generator:
    """Return a host generator for one named choice (``"start"``, ``"box"``, ``"flip"``, ``"mask"``).

    Args:
        seed: The sample's seed.
        choice: Name of the choice. Choices with different names are independent, so that adding one
            does not move the others.
    """
    return torch.Generator().manual_seed(_digest(struct.pack("<q", seed) + choice.encode()))


def step_seed(seed: int, rank: int, epoch: int, batch: int) -> int:
    """Return the seed for the randomness inside the model (drop path, dropout) at one step of one rank."""
    return _digest(struct.pack("<4q", seed, rank, epoch, batch) + b"model")


def seed_step(module: Any, batch: int) -> None:
    """Seed what is random in a model by the run's seed, its rank and epoch and a batch; see ``step_seed``.

    Args:
        module: The LightningModule in training.
        batch: Place of the batch in the epoch.
    """
    seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
    torch.manual_seed(step_seed(seed, module.global_rank, module.current_epoch, batch))


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") >> 1
