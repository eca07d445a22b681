"""What callbacks look at and when: the run's parts, and the same clips each time, without augmentation."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable
from weakref import WeakKeyDictionary

from lightning.fabric.utilities.apply_func import move_data_to_device
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from vidmask.data.sources import Split
from vidmask.data.sources.files import named
from vidmask.data.transforms import to_float
from vidmask.pretraining import MaskedPretraining
from vidmask.tokens import ClipBatch

_LOG = logging.getLogger(__name__)

# Of each run, the videos that its probes are known to lack.
_TOLD: WeakKeyDictionary[Trainer, set[str]] = WeakKeyDictionary()

Kind = TypeVar("Kind", bound=Callback)


@runtime_checkable
class ProbeData(Protocol):
    """What a data module offers to be probed; ``VideoDataModule`` does."""

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Return the class names of each label."""
        ...

    def probe_loader(self, split: Split, num_videos: int | None) -> DataLoader | None:
        """Return a loader of fixed clips, uint8, or None if there is no such split."""
        ...


def data_of(trainer: Trainer) -> ProbeData:
    """Return the run's data module.

    Raises:
        ValueError: If it has none that can be probed.
    """
    data = getattr(trainer, "datamodule", None)
    if not isinstance(data, ProbeData):
        raise ValueError(
            "probes and pictures read fixed clips, which a data module such as VideoDataModule offers by "
            f"probe_loader; this run has {'none' if data is None else type(data).__name__}"
        )
    return data


def callbacks_of(trainer: Trainer, kind: type[Kind]) -> list[Kind]:
    """Return the run's callbacks of one kind."""
    callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
    return [callback for callback in callbacks if isinstance(callback, kind)]


def pretraining_of(module: LightningModule) -> MaskedPretraining:
    """Return the module as what these callbacks watch.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(module, MaskedPretraining):
        raise ValueError(f"this callback watches a MaskedPretraining, got a {type(module).__name__}")
    return module


def fixed_clips(
    trainer: Trainer, module: LightningModule, split: Split, num_videos: int | None
) -> Iterator[ClipBatch] | None:
    """Return batches of centre clips on the module's device, or None if there is no such split.

    Videos that are skipped, as they cannot be decoded, are told once a run; a batch of none but them is left
    out.

    Args:
        trainer: The run's trainer.
        module: The module whose device is used.
        split: Split whose videos are read.
        num_videos: How many of them, a fixed random part; all if None.
    """
    loader = data_of(trainer).probe_loader(split, num_videos)
    if loader is None:
        return None
    # Not by the strategy, whose hooks would flip clips as in training.
    read = _told_of_skipped(loader, split, _TOLD.setdefault(trainer, set()))
    moved = (move_data_to_device(batch, module.device) for batch in read if len(batch.clips))
    return (batch._replace(clips=to_float(batch.clips)) for batch in moved)


def _told_of_skipped(batches: Iterable[ClipBatch], split: Split, told: set[str]) -> Iterator[ClipBatch]:
    skipped: list[str] = []
    for batch in batches:
        skipped += [path for path, _ in batch.skipped if path not in told]
        yield batch
    if skipped:
        told.update(skipped)
        _LOG.warning("left out of probes, as not to be decoded: %s of %s", named(skipped, "video"), split)


@contextmanager
def evaluating(module: LightningModule) -> Iterator[None]:
    """Put the module into evaluation mode, and back into the mode it was in."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


def checked_interval(every_n_epochs: int) -> int:
    """Return the interval.

    Raises:
        ValueError: If it is below 1.
    """
    if every_n_epochs < 1:
        raise ValueError(f"every_n_epochs must be at least 1, got {every_n_epochs}")
    return every_n_epochs


def is_due(trainer: Trainer, every_n_epochs: int) -> bool:
    """Return whether the epoch that ends now is one of every so many, and not the run's last.

    What is looked at in the end is looked at once, when training has ended.
    """
    epochs_done = trainer.current_epoch + 1
    return epochs_done % every_n_epochs == 0 and epochs_done != trainer.max_epochs
