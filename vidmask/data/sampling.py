"""Which sample comes when: an order that every rank and every resumed run agrees on."""

from collections.abc import Iterator, Sized
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from vidmask.randomness import generator, sample_seed


class EpochSampler(DistributedSampler):
    """Yield the keys ``(pass, index)`` that are one rank's share of an epoch, one for each video to open.

    The order is a function of (seed, pass). Rank r of n takes every n-th key from the r-th, so that one
    batch of every rank together is one batch of a single rank that is n times as large. It is a
    ``DistributedSampler`` because Lightning leaves those alone.

    An epoch has as many clips as there are videos, as MAE-ST counts epochs: with R clips of each video that
    is opened (``repeats``), R epochs are one pass over the videos, and each epoch opens its own R-th part of
    them. The steps of an epoch and the schedule of a run are then the same whatever R is.

    ::

        repeats 2:   epoch      0         1         2         3
                     pass       0         0         1         1
                     opened   a c e     b d f     f b a     e c d      two clips of each

    Args:
        dataset: What is indexed.
        batch_size: Clips of one rank in a batch; ``start_batch`` counts batches of this size.
        shuffle: Whether each pass has its own order (training). If not, the order is that of the data set
            and the epoch of every key is 0, so that an evaluation draws the same clips each time.
        drop_last: Whether the videos that fill no batch on every rank are left out. If not, the first
            videos are repeated until every rank has the same number.
        num_replicas: Ranks.
        rank: This one.
        seed: The run's seed.
        repeats: Clips of each video that is opened.

    Raises:
        ValueError: If ``repeats`` does not divide the batch.

    Source: MAE-ST (arXiv 2205.09113), section 3: "effective epochs" with repeated sampling.
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
        repeats: int = 1,
    ) -> None:
        super().__init__(dataset, num_replicas, rank, shuffle=shuffle, seed=seed, drop_last=drop_last)
        if batch_size % repeats:
            raise ValueError(
                f"batch_size counts clips, so repeats must divide it, got a batch_size of {batch_size} and "
                f"repeats {repeats}"
            )
        self.videos_per_batch = batch_size // repeats
        self.repeats = repeats
        self.start_batch = 0
        length = len(dataset) if isinstance(dataset, Sized) else 0
        if drop_last:
            self.num_samples = length // (batch_size * num_replicas) * self.videos_per_batch
        else:
            self.num_samples = -(-length // num_replicas)
        self.total_size = self.num_samples * num_replicas
        self._length = length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        run_through, part = divmod(self.epoch, self.repeats) if self.shuffle else (0, 0)
        if self.shuffle:
            chance = generator(sample_seed(self.seed, run_through, -1), "order")
            order = torch.randperm(self._length, generator=chance)
        else:
            order = torch.arange(self._length)
        places = torch.arange(self.rank, self.total_size, self.num_replicas) + part * self.total_size
        due = order[places % max(self._length, 1)][self.start_batch * self.videos_per_batch :]
        return ((run_through, index) for index in due.tolist())


class ClipLoader(DataLoader):
    """A loader of training batches that a checkpoint can stop in mid-epoch and a resumed run goes on with.

    Its state is the epoch and the batches delivered in it. Lightning saves the state with its loops and
    loads it before the first batch; what was delivered is not decoded again. The length stays that of the
    whole epoch. Its ``batch_size`` is that of ``DataLoader``: the videos opened for a batch.

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
        repeats, ranks = (getattr(self.sampler, name, 1) for name in ("repeats", "num_replicas"))
        return (self.batch_size or 1) * repeats * ranks
