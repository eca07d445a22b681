"""Which sample comes when: an order that every rank and every resumed run agrees on."""

from collections.abc import Iterator, Sized
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from vidmask.randomness import generator, sample_seed


class EpochSampler(DistributedSampler):
    """Yield the keys ``(epoch, index)`` that are one rank's share of an epoch.

    The order is a function of (seed, epoch). Rank r of n takes every n-th key from the r-th, so that one
    batch of every rank together is one batch of a single rank that is n times as large. It is a
    ``DistributedSampler`` because Lightning leaves those alone.

    Args:
        dataset: What is indexed.
        batch_size: Samples of one rank in a batch, the unit of ``start_batch``.
        shuffle: Whether each epoch has its own order (training). If not, the order is that of the data set
            and the epoch of every key is 0, so that an evaluation draws the same clips each time.
        drop_last: Whether the samples that fill no batch on every rank are left out. If not, the first
            samples are repeated until every rank has the same number.
        num_replicas: Ranks.
        rank: This one.
        seed: The run's seed.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        shuffle: bool,
        drop_last: bool,
        num_replicas: int = 1,
        rank: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(dataset, num_replicas, rank, shuffle=shuffle, seed=seed, drop_last=drop_last)
        self.batch_size = batch_size
        self.start_batch = 0
        length = len(dataset) if isinstance(dataset, Sized) else 0
        if drop_last:
            self.num_samples = length // (batch_size * num_replicas) * batch_size
        else:
            self.num_samples = -(-length // num_replicas)
        self.total_size = self.num_samples * num_replicas
        self._length = length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.epoch if self.shuffle else 0
        if self.shuffle:
            chance = generator(sample_seed(self.seed, epoch, -1), "order")
            order = torch.randperm(self._length, generator=chance).tolist()
        else:
            order = list(range(self._length))
        order = [
            order[place % self._length] for place in range(self.rank, self.total_size, self.num_replicas)
        ]
        return iter([(epoch, index) for index in order[self.start_batch * self.batch_size :]])


class ClipLoader(DataLoader):
    """A loader of training batches that a checkpoint can stop in mid-epoch and a resumed run goes on with.

    Its state is the epoch and the batches delivered in it. Lightning saves the state with its loops and
    loads it before the first batch; what was delivered is not decoded again. The length stays that of the
    whole epoch.

    Args:
        dataset: What is loaded.
        **options: Those of ``DataLoader``.
    """

    def __init__(self, dataset: Dataset, **options: Any) -> None:
        super().__init__(dataset, **options)
        self._epoch = 0
        self._delivered = 0
        self._resumed: dict[str, int] | None = None

    def __iter__(self) -> Iterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        # The body of a generator runs at the first batch. Lightning makes the iterator before it tells the
        # sampler the epoch, which would be too late for workers that fetch ahead.
        self._epoch = getattr(self.sampler, "epoch", 0)
        resumed, self._resumed = self._resumed, None
        due = resumed if resumed is not None and resumed["epoch"] == self._epoch else {"batches": 0}
        self._delivered = due["batches"]
        if isinstance(self.sampler, EpochSampler):
            self.sampler.start_batch = self._delivered
            batches = super().__iter__()
        else:
            batches = islice(super().__iter__(), self._delivered, None)
        for batch in batches:
            self._delivered += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return where the loader stands: the epoch, the batches delivered in it, and the size of a batch."""
        if self._resumed is not None:
            return self._resumed
        return {"epoch": self._epoch, "batches": self._delivered, "batch_size": self._global_batch_size()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where a state stands.

        Raises:
            ValueError: If the state stands inside an epoch and batches have another size now.
        """
        size = self._global_batch_size()
        if state["batch_size"] != size and 0 < state["batches"] * state["batch_size"] < len(self) * size:
            raise ValueError(
                f"the checkpoint stands inside an epoch of batches of {state['batch_size']} clips over all "
                f"ranks, now a batch has {size}: resume with the same batch size times ranks, or from a "
                "checkpoint at the end of an epoch"
            )
        self._resumed = dict(state)

    def _global_batch_size(self) -> int:
        return (self.batch_size or 1) * getattr(self.sampler, "num_replicas", 1)
