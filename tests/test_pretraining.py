"""The Lightning module, on clips made in memory."""

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from vidmask.masking import MaskGenerator, RandomMasking, TubeMasking
from vidmask.models import TokenDecoder, VideoViT
from vidmask.objectives import Head, MaskedAutoencoder, Objective
from vidmask.pretraining import MaskedPretraining
from vidmask.randomness import sample_seed
from vidmask.targets import PixelTarget
from vidmask.tokens import ClipBatch

STORED_LOSSES = [
    1.7734132842601262,
    1.6979177840562614,
    1.6614620409939225,
    1.7070000770172102,
    1.7263397469892858,
]


def batch(first: int = 0, size: int = 2, fill: float | None = None) -> ClipBatch:
    clips = torch.rand(size, 3, 4, 8, 8, generator=torch.Generator().manual_seed(first))
    if fill is not None:
        clips = torch.full_like(clips, fill)
    index = torch.arange(first, first + size)
    seeds = [sample_seed(0, 0, i) for i in index.tolist()]
    return ClipBatch(clips, {}, index, index.double(), index * 0, seeds, [f"video{i}.mp4" for i in index], [])


class Clips(LightningDataModule):
    """Three batches an epoch, the same ones each epoch."""

    def __init__(self, batches: list[ClipBatch] | None = None) -> None:
        super().__init__()
        self.batches = [batch(0), batch(2), batch(4)] if batches is None else batches

    def num_train_batches(self, num_ranks: int = 1) -> int:
        return len(self.batches)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.batches, batch_size=None)

    val_dataloader = train_dataloader


def parts(masking: MaskGenerator | None = None) -> dict[str, object]:
    torch.manual_seed(0)
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    head = partial(Head, decoder=decoder, target=PixelTarget("none", "all"))
    return {
        "encoder": VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2),
        "objective": partial(MaskedAutoencoder, head=head),
        "masking": masking or RandomMasking(0.5),
    }


def trainer(folder: Path, **options: object) -> Trainer:
    settings = {
        "accelerator": "cpu",
        "max_epochs": 2,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": folder,
    }
    return Trainer(**(settings | options))


def test_the_learning_rate_follows_the_schedule_at_every_step(tmp_path: Path) -> None:
    seen: list[float] = []

    class Watched(MaskedPretraining):
        def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
            seen.append(optimizer.param_groups[0]["lr"])

    trainer(tmp_path).fit(Watched(**parts(), lr=1.0, warmup=1 / 3, min_lr=0.2), Clips())
    # Six steps: two of warm-up from 0, then half a cosine over four.
    cosine = [0.2 + 0.8 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * i / 4)).item()) for i in range(4)]
    assert seen == pytest.approx([0.0, 0.5, *cosine])


def test_accumulation_shortens_the_schedule(tmp_path: Path) -> None:
    module = MaskedPretraining(**parts(), lr=1.0, warmup=0.5)
    trainer(tmp_path, accumulate_grad_batches=2).fit(module, Clips())
    assert module.trainer.global_step == 4
    assert module.lr_schedulers().get_last_lr()[0] == pytest.approx(0.0, abs=1e-9)


def test_a_run_of_unknown_length_is_refused(tmp_path: Path) -> None:
    module = MaskedPretraining(**parts())
    with pytest.raises(ValueError, match=r"set trainer\.max_steps"):
        trainer(tmp_path).fit(module, DataLoader(Clips().batches, batch_size=None))


def test_a_loss_that_is_not_finite_stops_the_run_and_names_step_and_files(tmp_path: Path) -> None:
    module = MaskedPretraining(**parts())
    data = Clips([batch(0), batch(2, fill=float("nan")), batch(4)])
    with pytest.raises(FloatingPointError, match=r"loss nan.* at step 1 .*video2.mp4, video3.mp4"):
        trainer(tmp_path).fit(module, data)
    assert all(torch.isfinite(value).all() for value in module.parameters())


def test_a_gradient_that_is_not_finite_stops_the_run_before_the_step(tmp_path: Path) -> None:
    class Exploding(MaskedPretraining):
        def training_step(self, batch: ClipBatch, batch_idx: int) -> torch.Tensor:
            loss = super().training_step(batch, batch_idx)
            # The root of zero: a finite value whose derivative is not.
            return loss + ((loss - loss).sqrt() if batch_idx == 1 else 0)

    module = Exploding(**parts())
    with pytest.raises(FloatingPointError, match=r"loss \d\.\d+, norm of its gradient nan at step 1"):
        trainer(tmp_path, gradient_clip_val=1.0).fit(module, Clips())
    assert all(torch.isfinite(value).all() for value in module.parameters())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_gradients_are_clipped_in_every_precision(tmp_path: Path, precision: str) -> None:
    fitting = trainer(tmp_path, precision=precision, gradient_clip_val=1.0)
    fitting.fit(MaskedPretraining(**parts(), lr=1e-3), Clips())
    assert fitting.global_step == 6


def test_limited_batches_shorten_the_schedule(tmp_path: Path) -> None:
    module = MaskedPretraining(**parts(), lr=1.0, warmup=0.5)
    fitting = trainer(tmp_path, limit_train_batches=2)
    fitting.fit(module, Clips())
    assert fitting.global_step == 4
    assert module.lr_schedulers().get_last_lr()[0] == pytest.approx(0.0, abs=1e-9)


def test_each_sample_has_a_mask_of_its_own_that_does_not_depend_on_the_batch() -> None:
    module = MaskedPretraining(**parts())
    together, alone = module.mask(batch(0, size=4)), module.mask(batch(2))
    assert torch.equal(together.visible[2:], alone.visible)
    assert not torch.equal(together.visible[0], together.visible[1])


def test_validation_logs_the_loss_beside_trivial_answers(tmp_path: Path) -> None:
    fitting = trainer(tmp_path, max_epochs=1)
    fitting.fit(MaskedPretraining(**parts()), Clips())
    logged = fitting.callback_metrics
    assert {"train/loss", "val/loss", "val/reconstruction", "val/reconstruction/patch_mean"} <= set(logged)
    assert logged["val/reconstruction/copy_nearest"] > logged["val/reconstruction/patch_mean"] > 0


def test_targets_get_their_files_for_training_and_not_for_features(tmp_path: Path) -> None:
    module, asked = MaskedPretraining(**parts()), []
    target = module.objective.heads["reconstruction"].target
    target.prepare, target.load = lambda: asked.append("prepare"), lambda: asked.append("load")
    trainer(tmp_path).predict(module, DataLoader(Clips().batches, batch_size=None))
    assert asked == []
    trainer(tmp_path, max_epochs=1).fit(module, Clips())
    assert asked == ["prepare", "load"]


def test_a_module_built_from_python_saves_and_reloads_with_its_parts_given_again(tmp_path: Path) -> None:
    module = MaskedPretraining(**parts(), lr=0.25)
    fitting = trainer(tmp_path, max_epochs=1)
    fitting.fit(module, Clips())
    fitting.save_checkpoint(tmp_path / "run.ckpt")
    loaded = MaskedPretraining.load_from_checkpoint(tmp_path / "run.ckpt", weights_only=True, **parts())
    assert loaded.lr == 0.25
    # What no weight's shape shows is kept for a run that starts from its encoder.
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)
    assert checkpoint["encoder"]["init_args"] == module.encoder.arguments
    for name, value in module.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_the_objective_acts_after_each_optimizer_step_and_only_then(tmp_path: Path) -> None:
    steps: list[int] = []

    class Counting(MaskedAutoencoder):
        def after_step(self) -> None:
            steps.append(1)

    given = parts()
    given["objective"] = partial(Counting, **given["objective"].keywords)
    trainer(tmp_path, accumulate_grad_batches=2).fit(MaskedPretraining(**given), Clips())
    assert len(steps) == 4


def test_what_is_random_in_the_model_is_repeated_at_the_same_step(tmp_path: Path) -> None:
    drawn: dict[int, list[float]] = {0: [], 1: []}

    class Drawing(MaskedPretraining):
        run = 0

        def training_step(self, batch: ClipBatch, batch_idx: int) -> torch.Tensor:
            drawn[self.run].append(torch.rand(()).item())
            return super().training_step(batch, batch_idx)

    for run in (0, 1):
        torch.manual_seed(run)
        module = Drawing(**parts())
        module.run = run
        trainer(tmp_path).fit(module, Clips())
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 6


def test_predict_gives_the_latents_of_each_clip_and_none_of_an_empty_batch(tmp_path: Path) -> None:
    module = MaskedPretraining(**parts()).eval()
    found, expected = module.predict_step(batch(0), 0), module.encoder(batch(0).clips)
    torch.testing.assert_close(found.tokens, expected.tokens)
    torch.testing.assert_close(found.cls, expected.cls)
    nothing = module.predict_step(batch(0)._replace(clips=torch.empty(0, 3, 0, 0, 0)), 1, 2)
    assert nothing.tokens.shape == (0, *expected.tokens.shape[1:])
    assert nothing.cls.shape == (0, 16)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lr": 0.0}, "lr must be above 0"),
        ({"warmup": 1.0}, "warmup is a share"),
        ({"lr": 0.1, "min_lr": 0.2}, "min_lr must lie between 0 and lr=0.1, got 0.2"),
    ],
)
def test_numbers_outside_their_range_are_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MaskedPretraining(**parts(), **options)


def test_a_ratio_that_leaves_no_token_is_refused_before_any_data() -> None:
    with pytest.raises(ValueError, match="4 of 4 places"):
        MaskedPretraining(**parts(TubeMasking(0.001)))


def test_five_steps_give_the_losses_stored(tmp_path: Path) -> None:
    """A change that should not alter results gives these losses; relative 1e-6, float64, one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    losses: list[float] = []

    class Watched(MaskedPretraining):
        def on_train_batch_end(
            self, outputs: dict[str, torch.Tensor], batch: ClipBatch, batch_idx: int
        ) -> None:
            losses.append(outputs["loss"].item())

    data = Clips([batch(i)._replace(clips=batch(i).clips.double()) for i in range(0, 10, 2)])
    module = Watched(**parts(), lr=1e-2, warmup=0.2)
    # What PyTorch's own initialisations draw from a seed differs between its releases.
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.2 * torch.rand(parameter.shape, generator=chance) - 0.1)
    fitting = trainer(tmp_path, max_epochs=1, precision="64-true", gradient_clip_val=0.1, limit_val_batches=0)
    fitting.fit(module, data)
    torch.set_num_threads(threads)
    assert losses == pytest.approx(STORED_LOSSES, rel=1e-6)


def test_any_objective_can_be_trained(tmp_path: Path) -> None:
    class Brightness(Objective):
        """Nothing of ours inside: the mean of the latents, pulled to zero."""

        def __init__(self, encoder: VideoViT) -> None:
            super().__init__()
            self.encoder = encoder

        @property
        def heads(self) -> dict[str, Head]:
            return {}

        def forward(self, batch: ClipBatch, mask: object) -> dict[str, torch.Tensor]:
            return {"loss": self.encoder(batch.clips, mask.visible).tokens.square().mean()}

    given = parts() | {"objective": Brightness}
    fitting = trainer(tmp_path)
    fitting.fit(MaskedPretraining(**given), Clips())
    assert fitting.global_step == 6
