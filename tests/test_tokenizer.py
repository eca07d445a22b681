"""Training of a small VQGAN."""

from pathlib import Path

import pytest
import torch
from test_callbacks_online_probe import ColouredClips, coloured
from torch.utils.data import DataLoader
from trainers import quiet_trainer, two_rank_trainer

from vidmask.models.vqgan import VQGAN
from vidmask.tokenizer import TokenizerTraining, patch_means, perplexity


class Clips(ColouredClips):
    """Coloured clips that are validated too."""

    def val_dataloader(self) -> DataLoader:
        return DataLoader([coloured(8, 5)], batch_size=None)


class ClipsOfEachRank(Clips):
    """Four batches of two clips, others on each rank."""

    def train_dataloader(self) -> DataLoader:
        first = 10 * self.trainer.global_rank
        return DataLoader([coloured(2, first + index) for index in range(4)], batch_size=None)


def module(**options: object) -> TokenizerTraining:
    torch.manual_seed(0)
    vqgan = VQGAN(8, 4, 32, (1, 1, 1), 1, (), 8, 8)
    return TokenizerTraining(vqgan, **({"frames": 4, "size": 8, "frames_per_clip": 2, "lr": 3e-3} | options))


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_training_lowers_the_error_and_uses_codes(tmp_path: Path) -> None:
    trained = module(revive_every=10)
    trainer = quiet_trainer(max_epochs=40, default_root_dir=tmp_path)
    (before,) = trainer.validate(trained, Clips(), verbose=False)
    trainer.fit(trained, datamodule=Clips())
    after = trainer.callback_metrics
    assert after["val/pixels"] < 0.7 * before["val/pixels"]
    assert 2 < after["val/perplexity"] <= 8
    assert after["val/usage"] >= 0.5


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_the_discriminator_is_asked_late_and_learns_apart(tmp_path: Path) -> None:
    trained = module(
        discriminator_weight=0.1, discriminator_start=0.5, discriminator_width=8, discriminator_layers=1
    )
    weights = {name: value.clone() for name, value in trained.discriminator.named_parameters()}
    seen = []
    trained.on_train_batch_end = lambda *args: seen.append(
        (
            "train/deception" in trained.trainer.callback_metrics,
            torch.equal(weights["main.0.weight"], trained.discriminator.main[0].weight),
        )
    )
    quiet_trainer(max_epochs=2, default_root_dir=tmp_path, limit_val_batches=0).fit(
        trained, datamodule=Clips()
    )
    assert seen == [(False, True), (False, True), (True, False), (True, False)]


def test_the_discriminator_s_own_loss_does_not_reach_the_vqgan() -> None:
    trained = module(discriminator_weight=1.0, discriminator_start=0.0, discriminator_layers=1)
    trained.trainer = quiet_trainer(max_steps=1)
    images = trained.images(coloured(2, 0))
    losses, _ = trained._losses(images, trained.vqgan.latents(images))
    losses["discriminator"].backward(retain_graph=True)
    assert all(weight.grad is None for weight in trained.vqgan.parameters())
    assert all(weight.grad is not None for weight in trained.discriminator.parameters())
    trained.discriminator.zero_grad()
    losses["deception"].backward()
    assert all(weight.grad is None for weight in trained.discriminator.parameters())
    assert trained.vqgan.decoder.conv_out.weight.grad.abs().sum() > 0


def test_the_loss_weighs_its_terms() -> None:
    weights = {"codebook_weight": 3.0, "discriminator_weight": 5.0}
    trained = module(**weights, discriminator_start=0.0, discriminator_layers=1)
    trained.trainer = quiet_trainer(max_steps=1)
    images = trained.images(coloured(2, 0))
    with torch.no_grad():
        losses, _ = trained._losses(images, trained.vqgan.latents(images))
        answers = trained.vqgan.decode_latents(trained.vqgan.quantise(trained.vqgan.latents(images))[0])
    expected = losses["pixels"] + 3 * losses["codebook"] + 5 * losses["deception"] + losses["discriminator"]
    torch.testing.assert_close(losses["loss"], expected)
    torch.testing.assert_close(losses["pixels"], (2 * answers - 2 * images).abs().mean())


def test_the_vqgan_deceives_by_what_the_discriminator_takes_for_true(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = module(discriminator_weight=1.0, discriminator_start=0.0, discriminator_layers=1)
    trained.trainer = quiet_trainer(max_steps=1)
    images = trained.images(coloured(2, 0))
    # A judge that takes what is bright for true.
    monkeypatch.setattr("vidmask.tokenizer._frozen", lambda judge, images: images)
    losses, _ = trained._losses(images, trained.vqgan.latents(images))
    answers = trained.vqgan.decode_latents(trained.vqgan.quantise(trained.vqgan.latents(images))[0])
    torch.testing.assert_close(losses["deception"], -(answers * 2 - 1).mean())


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_uses_are_those_since_codes_last_started_anew() -> None:
    trained = module(revive_every=2)
    trainer = quiet_trainer(max_epochs=2, limit_val_batches=0)
    trainer.fit(trained, datamodule=Clips())
    # Two steps of eight clips, two frames of each, 2×2 codes a frame.
    assert trained.uses.sum() == 2 * 8 * 2 * 4


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    trained = module()
    with torch.no_grad():
        trained.vqgan.decoder.conv_out.bias.fill_(torch.nan)
    trainer = quiet_trainer(max_epochs=1, limit_val_batches=0, default_root_dir=tmp_path)
    with pytest.raises(FloatingPointError, match=r"loss nan.* at step 0 \(epoch 0\)"):
        trainer.fit(trained, datamodule=Clips())


def test_frames_are_drawn_from_the_sample_s_own_seed() -> None:
    trained, batch = module(), coloured(4, 0)
    together = trained.images(batch)
    alone = trained.images(batch._replace(clips=batch.clips[2:3], seeds=batch.seeds[2:3]))
    assert torch.equal(together[4:6], alone)
    frames = batch.clips[2].transpose(0, 1)
    found = [[torch.equal(image, frame) for frame in frames].index(True) for image in together[4:6]]
    assert len(set(found)) == 2


def test_unused_codes_start_anew_at_patches_and_used_ones_stay() -> None:
    trained = module()
    trained.trainer = quiet_trainer()
    latents = torch.randn(2, 4, 2, 2)
    before = trained.vqgan.codebook.detach().clone()
    unused = torch.tensor([True, False] * 4)
    trained.revive(latents, unused, torch.Generator().manual_seed(0))
    patches = latents.movedim(1, -1).flatten(0, -2)
    for code, row in enumerate(trained.vqgan.codebook):
        if unused[code]:
            assert any(torch.equal(row, patch) for patch in patches)
        else:
            assert torch.equal(row, before[code])


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize("accumulated", [1, 2])
def test_unused_codes_start_anew_once_every_so_many_steps(
    accumulated: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, steps = module(revive_every=2), []
    monkeypatch.setattr(trained, "revive", lambda *args: steps.append(trained.global_step))
    trainer = quiet_trainer(max_epochs=2, accumulate_grad_batches=accumulated, limit_val_batches=0)
    trainer.fit(trained, datamodule=Clips())
    assert steps == [step for step in range(trainer.global_step) if step % 2 == 0]


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_two_ranks_count_all_codes_and_wait_for_the_discriminator_together(tmp_path: Path) -> None:
    late = {"discriminator_start": 0.5, "discriminator_width": 8, "discriminator_layers": 1}
    trained = module(revive_every=100, discriminator_weight=0.1, **late)
    weights = trained.discriminator.main[0].weight.clone()
    trainer = two_rank_trainer(tmp_path)
    trainer.fit(trained, datamodule=ClipsOfEachRank())
    # Two ranks with four batches of two clips, two frames of each, 2×2 codes a frame.
    assert trained.uses.sum() == 2 * 4 * 2 * 2 * 4
    assert not torch.equal(trained.discriminator.main[0].weight, weights)


def test_perplexity_counts_the_codes_in_use() -> None:
    assert perplexity(torch.tensor([[[0, 1], [2, 3]]]), 8).item() == pytest.approx(4)
    assert perplexity(torch.zeros(1, 2, 2, dtype=torch.int64), 8).item() == pytest.approx(1)


def test_patch_means_equal_a_loop() -> None:
    images = torch.rand(1, 3, 4, 4)
    means = patch_means(images, 2)
    for row in range(4):
        for column in range(4):
            top, left = row // 2 * 2, column // 2 * 2
            expected = images[0, :, top : top + 2, left : left + 2].mean(dim=(1, 2))
            torch.testing.assert_close(means[0, :, row, column], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames_per_clip": 5}, "frames_per_clip must lie between 1 and frames=4, got 5"),
        ({"lr": 0.0}, "lr must be above 0, got 0"),
        ({"discriminator_weight": -1.0}, "discriminator_weight must be 0 or more, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module(**options)


def test_a_gumbel_codebook_is_not_trained() -> None:
    with pytest.raises(ValueError, match="set gumbel to false"):
        TokenizerTraining(VQGAN(8, 4, 32, (1, 1), 1, (), 8, 8, gumbel=True))
