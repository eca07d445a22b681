"""Probes during training, on clips made in memory whose class is written in their colours."""

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch.utils.data import DataLoader
from trainers import quiet_trainer

from vidmask.callbacks import OnlineProbe
from vidmask.masking import RandomMasking
from vidmask.models import TokenDecoder, VideoViT
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.pretraining import MaskedPretraining
from vidmask.randomness import sample_seed
from vidmask.targets import PixelTarget
from vidmask.tokens import ClipBatch


def coloured(num_clips: int, seed: int) -> ClipBatch:
    """Clips of noise in one of four colours; ``colour`` says which, ``coin`` says nothing."""
    chance = torch.Generator().manual_seed(seed)
    index = torch.arange(num_clips)
    colour = index % 4
    palette = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.9, 0.9, 0.1]])
    clips = palette[colour].view(-1, 3, 1, 1, 1) + 0.05 * torch.randn(num_clips, 3, 4, 8, 8, generator=chance)
    coin = torch.randint(2, (num_clips,), generator=chance)
    seeds = [sample_seed(seed, 0, i) for i in range(num_clips)]
    labels = {"colour": colour, "coin": coin}
    return ClipBatch(clips.clamp(0, 1), labels, index, index.double(), index * 0, seeds, [""] * num_clips, [])


class ColouredClips(LightningDataModule):
    """Three splits; counts how often each is read for probes."""

    def __init__(self, splits: tuple[str, ...] = ("train", "val", "test")) -> None:
        super().__init__()
        self.splits = splits
        self.reads: dict[str, int] = {"train": 0, "val": 0, "test": 0}
        self.classes = {"colour": ("red", "green", "blue", "yellow"), "coin": ("heads", "tails")}

    def num_train_batches(self, num_ranks: int = 1) -> int:
        return 2

    def train_dataloader(self) -> DataLoader:
        return DataLoader([coloured(8, 0), coloured(8, 1)], batch_size=None)

    def probe_loader(self, split: str, num_videos: int | None) -> DataLoader | None:
        if split not in self.splits:
            return None
        self.reads[split] += 1
        batches = [coloured(40, len(split) * 10 + i) for i in range(2)]
        batches = [batch._replace(clips=(batch.clips * 255).to(torch.uint8)) for batch in batches]
        return DataLoader(batches, batch_size=None)


@pytest.fixture
def module() -> MaskedPretraining:
    torch.manual_seed(0)
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    head = partial(Head, decoder=decoder, target=PixelTarget("none", "all"))
    encoder = VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2)
    return MaskedPretraining(encoder, partial(MaskedAutoencoder, head=head), RandomMasking(0.5), lr=1e-3)


def fitted(
    module: MaskedPretraining, data: ColouredClips, probe: OnlineProbe, folder: Path, epochs: int = 4
) -> Trainer:
    trainer = quiet_trainer(
        max_epochs=epochs,
        limit_val_batches=0,
        callbacks=[probe],
        default_root_dir=folder,
    )
    trainer.fit(module, datamodule=data)
    return trainer


def test_a_colour_is_read_from_the_features_and_a_coin_is_not(
    module: MaskedPretraining, tmp_path: Path
) -> None:
    probe = OnlineProbe(every_n_epochs=2)
    fitted(module, ColouredClips(), probe, tmp_path)
    assert probe.chance == {"colour": 0.25, "coin": 0.5}
    for scores in (probe.untrained, probe.latest, probe.trained_test, probe.untrained_test):
        assert scores["colour/linear_mean"] == 1.0
        assert scores["colour/knn_mean_std_max"] == 1.0
        assert abs(scores["coin/linear_mean"] - 0.5) < 0.25
        assert 1 <= scores["rankme"] <= 16


def test_the_test_split_is_read_once_for_each_of_the_two_encoders(
    module: MaskedPretraining, tmp_path: Path
) -> None:
    data = ColouredClips()
    fitted(module, data, OnlineProbe(every_n_epochs=1), tmp_path)
    # Untrained, after each of epochs 1 to 3, and at the end, which is the fourth epoch's too.
    assert data.reads == {"train": 5, "val": 5, "test": 2}


def test_probing_leaves_weights_and_training_as_they_were(module: MaskedPretraining, tmp_path: Path) -> None:
    probed_state = {}
    for every in (1, 100):
        torch.manual_seed(0)
        copy = MaskedPretraining(
            VideoViT(
                frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2, drop_path_rate=0.3
            ),
            module_objective(),
            RandomMasking(0.5),
            lr=1e-2,
        )
        fitted(copy, ColouredClips(), OnlineProbe(every_n_epochs=every), tmp_path)
        probed_state[every] = copy.state_dict()
    for name, value in probed_state[1].items():
        assert torch.equal(value, probed_state[100][name]), name


def module_objective() -> partial:
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    return partial(MaskedAutoencoder, head=partial(Head, decoder=decoder, target=PixelTarget("none", "all")))


def test_without_a_validation_split_nothing_is_scored(module: MaskedPretraining, tmp_path: Path) -> None:
    probe = OnlineProbe()
    fitted(module, ColouredClips(splits=("train",)), probe, tmp_path)
    assert probe.untrained == probe.latest == probe.trained_test == {}


def test_the_state_survives_a_checkpoint() -> None:
    probe, resumed = OnlineProbe(), OnlineProbe()
    probe.untrained, probe.seconds = {"colour/linear_mean": 0.5}, 3.0
    probe.trained_test, probe.without_encoder = {"coin/knn_mean": 0.25}, {"coin": 0.75}
    resumed.load_state_dict(probe.state_dict())
    assert resumed.untrained == probe.untrained
    assert resumed.trained_test == probe.trained_test
    assert resumed.without_encoder == probe.without_encoder
    assert resumed.seconds == 3.0


def test_frame_differences_are_scored_without_an_encoder(module: MaskedPretraining, tmp_path: Path) -> None:
    probe = OnlineProbe()
    fitted(module, ColouredClips(), probe, tmp_path)
    assert set(probe.without_encoder) == set(probe.without_encoder_test) == {"colour", "coin"}
    # Noise moves, and neither label with it: the colour is gone from a difference.
    assert probe.without_encoder["colour"] < 0.6


def test_an_interval_of_zero_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match="every_n_epochs must be at least 1, got 0"):
        OnlineProbe(every_n_epochs=0)
