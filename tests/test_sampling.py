"""The order of samples depends on (seed, epoch) alone, and a resumed run sees exactly those still due."""

import warnings
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils.data import Dataset
from trainers import quiet_trainer

from vidmask.data.sampling import ClipLoader, EpochSampler

NUM_SAMPLES, BATCH = 22, 4  # five batches, two samples left out


class Keys(Dataset):
    """Returns its keys, so that a batch tells what was sampled."""

    def __init__(self, length: int = NUM_SAMPLES) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: tuple[int, int]) -> Tensor:
        return torch.tensor(key)


def loader(num_workers: int = 0, batch_size: int = BATCH, rank: int = 0, num_ranks: int = 1) -> ClipLoader:
    keys = Keys()
    sampler = EpochSampler(
        keys, batch_size, shuffle=True, drop_last=True, num_replicas=num_ranks, rank=rank, seed=5
    )
    options = {"persistent_workers": True, "prefetch_factor": 3} if num_workers else {}
    return ClipLoader(
        keys, batch_size=batch_size, sampler=sampler, drop_last=True, num_workers=num_workers, **options
    )


def batches(source: ClipLoader, epoch: int) -> list[list[tuple[int, int]]]:
    source.sampler.set_epoch(epoch)
    return [[tuple(key) for key in batch.tolist()] for batch in source]


class Recorder(LightningModule):
    """Trains one number and writes down every key that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[int, int]] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.seen += [tuple(key) for key in batch.tolist()]
        return self.weight * batch.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None: ...

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(
    folder: Path,
    *,
    num_workers: int = 0,
    epochs: int = 4,
    checkpoint: ModelCheckpoint | None = None,
    ckpt_path: Path | None = None,
    validate: bool = False,
    **options: object,
) -> list[tuple[int, int]]:
    module = Recorder()
    trainer = quiet_trainer(
        default_root_dir=folder,
        max_epochs=epochs,
        callbacks=[checkpoint] if checkpoint else [],
        enable_checkpointing=checkpoint is not None,
        num_sanity_val_steps=0,
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(
            module, loader(num_workers), loader(num_workers) if validate else None, ckpt_path=ckpt_path
        )
    return module.seen


def test_the_epochs_differ_and_each_holds_a_sample_once() -> None:
    first, second = ([key for batch in batches(loader(), epoch) for key in batch] for epoch in (0, 1))
    assert {epoch for epoch, _ in first} == {0}
    assert {epoch for epoch, _ in second} == {1}
    assert len({index for _, index in first}) == len(first) == 20
    assert [index for _, index in first] != [index for _, index in second]


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    source = loader()
    later = batches(source, 7)
    batches(source, 2)
    assert batches(source, 7) == later == batches(loader(), 7)


@pytest.mark.parametrize("num_ranks", [2, 4])
def test_a_batch_of_all_ranks_is_the_batch_of_one_rank(num_ranks: int) -> None:
    whole = batches(loader(), 3)
    shares = [
        batches(loader(batch_size=BATCH // num_ranks, rank=rank, num_ranks=num_ranks), 3)
        for rank in range(num_ranks)
    ]
    assert len(whole) == 5
    for place, batch in enumerate(whole):
        assert sorted(key for share in shares for key in share[place]) == sorted(batch)


def test_every_rank_has_the_same_number_in_evaluation() -> None:
    keys = [
        list(EpochSampler(Keys(7), 2, shuffle=False, drop_last=False, num_replicas=2, rank=rank))
        for rank in (0, 1)
    ]
    assert keys == [[(0, 0), (0, 2), (0, 4), (0, 6)], [(0, 1), (0, 3), (0, 5), (0, 0)]]


def test_evaluation_is_the_same_in_every_epoch() -> None:
    sampler = EpochSampler(Keys(3), 2, shuffle=False, drop_last=False)
    sampler.set_epoch(4)
    assert list(sampler) == [(0, 0), (0, 1), (0, 2)]
    assert len(sampler) == 3


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loaded_state_goes_on_where_it_was_saved(num_workers: int) -> None:
    whole = batches(loader(), 1)
    source = loader(num_workers)
    source.sampler.set_epoch(1)
    running = iter(source)
    for _ in range(3):
        next(running)
    state = source.state_dict()
    assert state == {"epoch": 1, "batches": 3, "batch_size": 4}
    resumed = loader(num_workers)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert len(resumed) == 5
    assert batches(resumed, 1) == whole[3:]
    assert batches(resumed, 2) == batches(loader(), 2)


def test_a_state_of_a_finished_epoch_starts_the_next_one_whole() -> None:
    source = loader()
    source.load_state_dict({"epoch": 1, "batches": 5, "batch_size": 4})
    assert batches(source, 2) == batches(loader(), 2)


def test_another_batch_size_in_mid_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batches of 8 clips over all ranks, now a batch has 4"):
        loader().load_state_dict({"epoch": 1, "batches": 2, "batch_size": 8})
    loader(batch_size=2, num_ranks=2).load_state_dict({"epoch": 1, "batches": 2, "batch_size": 4})


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("step", [1, 3, 5, 7, 10, 12])
def test_stop_and_resume_sees_what_an_uninterrupted_run_sees(
    tmp_path: Path, step: int, num_workers: int
) -> None:
    whole = fit(tmp_path, num_workers=num_workers)
    assert len(whole) == 4 * 20
    checkpoint = ModelCheckpoint(tmp_path, every_n_train_steps=step, save_top_k=-1, filename="{step}")
    before = fit(tmp_path, num_workers=num_workers, checkpoint=checkpoint, max_steps=step)
    saved = tmp_path / f"step={step}.ckpt"
    after = fit(tmp_path, num_workers=num_workers, ckpt_path=saved)
    assert len(before) == 4 * step
    assert before + after == whole


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_checkpoint_at_the_end_of_an_epoch_resumes_with_the_next(tmp_path: Path, num_workers: int) -> None:
    whole = fit(tmp_path, num_workers=num_workers)
    checkpoint = ModelCheckpoint(
        tmp_path, every_n_epochs=1, save_on_train_epoch_end=True, save_top_k=-1, filename="{epoch}"
    )
    before = fit(tmp_path, num_workers=num_workers, epochs=2, checkpoint=checkpoint)
    after = fit(tmp_path, num_workers=num_workers, ckpt_path=tmp_path / "epoch=1.ckpt")
    assert before + after == whole


@pytest.mark.parametrize("step", [2, 5, 8, 10])
def test_resuming_a_run_limited_by_steps_with_validation(tmp_path: Path, step: int) -> None:
    options = {"validate": True, "val_check_interval": 2, "max_steps": 17, "epochs": -1}
    whole = fit(tmp_path, **options)
    checkpoint = ModelCheckpoint(tmp_path, every_n_train_steps=step, save_top_k=-1, filename="{step}")
    before = fit(tmp_path, checkpoint=checkpoint, **(options | {"max_steps": step}))
    after = fit(tmp_path, ckpt_path=tmp_path / f"step={step}.ckpt", **options)
    assert before + after == whole


@pytest.mark.parametrize("repeats", [2, 4])
def test_as_many_epochs_as_repeats_are_one_pass_over_the_videos(repeats: int) -> None:
    sampler = EpochSampler(Keys(20), 4, shuffle=True, drop_last=True, repeats=repeats)
    passes = []
    for start in (0, repeats):
        keys = []
        for epoch in range(start, start + repeats):
            sampler.set_epoch(epoch)
            keys += list(sampler)
        assert {run_through for run_through, _ in keys} == {start // repeats}
        assert len(keys) == len({index for _, index in keys}) == repeats * (20 // repeats)
        passes.append([index for _, index in keys])
    assert passes[0] != passes[1]
    # Each epoch has its 5 batches of 4 clips, whatever the repeats.
    assert len(sampler) * repeats == 20


def test_ranks_share_the_videos_of_an_epoch_with_repeats() -> None:
    def keys(rank: int, num_ranks: int) -> list[tuple[int, int]]:
        sampler = EpochSampler(
            Keys(21), 4, shuffle=True, drop_last=True, num_replicas=num_ranks, rank=rank, repeats=2
        )
        sampler.set_epoch(3)
        return list(sampler)

    first, second = keys(0, 2), keys(1, 2)
    assert len(first) == len(second) == 4
    assert not set(first) & set(second)


def test_repeats_divide_a_batch() -> None:
    with pytest.raises(ValueError, match="repeats must divide it, got a batch_size of 6 and repeats 4"):
        EpochSampler(Keys(20), 6, shuffle=True, drop_last=True, repeats=4)
