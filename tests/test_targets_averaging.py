"""A teacher that is an average of the encoder in training."""

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors.torch import load_file
from test_pretraining import Clips, batch, trainer

from vidmask.masking import RandomMasking
from vidmask.models import TokenDecoder, VideoViT
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.optim import parameter_groups
from vidmask.pretraining import MaskedPretraining
from vidmask.targets import AverageTeacher, TeacherTarget
from vidmask.testing.objectives import check_objective
from vidmask.testing.samples import sample_batch, small_encoder, with_altered_tokens
from vidmask.tokens import TokenMask, Tubelet

ENCODER = {"frames": 4, "size": 8, "tubelet": (2, 4, 4), "embed_dim": 16, "depth": 2, "num_heads": 2}


def made(encoder: VideoViT | None = None, **settings: object) -> MaskedAutoencoder:
    """An objective whose target is an average of its encoder."""
    decoder = partial(TokenDecoder, embed_dim=32, depth=1, num_heads=4)
    target = TeacherTarget(AverageTeacher(**settings))
    return MaskedAutoencoder(encoder or small_encoder(), partial(Head, decoder=decoder, target=target))


def teacher_of(objective: MaskedAutoencoder) -> AverageTeacher:
    teacher = objective.head.target.teacher
    assert isinstance(teacher, AverageTeacher)
    return teacher


def masked_half() -> TokenMask:
    everything = torch.arange(32).expand(2, -1)
    return TokenMask(everything[:, ::2], everything[:, 1::2])


def pretraining(**settings: object) -> MaskedPretraining:
    torch.manual_seed(0)
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    teacher = AverageTeacher(**({"momentum": 0.5, "end_momentum": 1.0, "ramp_steps": 5} | settings))
    head = partial(Head, decoder=decoder, target=TeacherTarget(teacher))
    encoder = VideoViT(**ENCODER, drop_path_rate=0.2)
    return MaskedPretraining(encoder, partial(MaskedAutoencoder, head=head), RandomMasking(0.5), lr=0.01)


class StopAfter(Callback):
    """Leave a run after some epochs, whose schedule is that of more."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch + 1 == self.epochs:
            trainer.should_stop = True


def test_it_starts_as_a_copy_that_shares_nothing() -> None:
    objective = made()
    average = teacher_of(objective).average
    theirs = dict(objective.encoder.named_parameters())
    for name, value in average.named_parameters():
        assert torch.equal(value, theirs[name]), name
        assert value.data_ptr() != theirs[name].data_ptr()
        assert not value.requires_grad


@pytest.mark.parametrize(
    ("settings", "momenta"),
    [
        ({"momentum": 0.5}, [0.5, 0.5, 0.5]),
        ({"momentum": 0.5, "end_momentum": 1.0, "ramp_steps": 2}, [0.5, 0.75, 1.0]),
        ({"momentum": 0.8, "end_momentum": 0.9, "ramp_steps": 1}, [0.8, 0.9, 0.9]),
    ],
)
def test_it_moves_by_the_formula(settings: dict[str, float], momenta: list[float]) -> None:
    class WithCount(VideoViT):
        def __init__(self) -> None:
            super().__init__(**ENCODER)
            self.register_buffer("scale", torch.tensor(1.0))
            self.register_buffer("count", torch.tensor(0))

    encoder, teacher = WithCount(), AverageTeacher(**settings)
    teacher.follow(encoder)
    bias = encoder.norm.bias[0].item()
    scale = 1.0
    for step, momentum in enumerate(momenta, start=1):
        with torch.no_grad():
            encoder.norm.bias.fill_(10.0 * step)
            encoder.scale.fill_(2.0 * step)
            encoder.count.fill_(step)
        teacher.after_step(encoder)
        bias = momentum * bias + (1 - momentum) * 10.0 * step
        scale = momentum * scale + (1 - momentum) * 2.0 * step
        assert teacher.average.norm.bias.tolist() == pytest.approx([bias] * 16)
        assert teacher.average.scale.item() == pytest.approx(scale)
        assert teacher.average.count.item() == step
        assert teacher.updates.item() == step
        assert torch.equal(teacher.average.mean, encoder.mean)


def test_a_momentum_of_one_leaves_it_as_it_is_to_the_bit() -> None:
    objective = made(momentum=1.0)
    before = {name: value.clone() for name, value in teacher_of(objective).average.state_dict().items()}
    with torch.no_grad():
        for value in objective.encoder.parameters():
            value += torch.randn_like(value)
    objective.after_step()
    after = teacher_of(objective).average.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_optimizer_and_the_loss_leave_it_alone() -> None:
    objective = made(momentum=0.9)
    average = teacher_of(objective).average
    before = {name: value.clone() for name, value in average.named_parameters()}
    trained = {id(value) for group in parameter_groups(objective, 0.05) for value in group["params"]}
    assert not trained & {id(value) for value in average.parameters()}
    assert trained == {id(value) for value in objective.parameters() if value.requires_grad}
    # An optimizer that is given everything skips it too: it has no gradient.
    optimizer = torch.optim.AdamW(objective.parameters(), lr=0.1)
    objective(sample_batch(2, objective.encoder), masked_half())["loss"].backward()
    optimizer.step()
    assert all(value.grad is None for value in average.parameters())
    assert all(torch.equal(value, before[name]) for name, value in average.named_parameters())
    assert not torch.equal(objective.encoder.norm.bias, average.norm.bias)


def test_it_is_in_evaluation_mode_whatever_the_model_is_in() -> None:
    objective = made(small_encoder(drop_path_rate=0.9))
    batch_of_two, indices = sample_batch(2, objective.encoder), torch.arange(32).expand(2, -1)
    answers = []
    for mode in (True, False, True):
        objective.train(mode)
        assert not any(part.training for part in teacher_of(objective).average.modules())
        answers.append(objective.head.target(batch_of_two, indices, Tubelet(2, 4, 4)))
    assert objective.encoder.training
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2])


def test_hidden_pixels_reach_the_teacher_and_not_the_latents() -> None:
    objective = made().eval()
    two, mask, encoder = sample_batch(2, objective.encoder), masked_half(), objective.encoder
    clips = with_altered_tokens(two.clips, encoder.grid, encoder.tubelet, mask.masked)
    target = objective.head.target
    assert not torch.equal(
        target(two, mask.masked, encoder.tubelet),
        target(two._replace(clips=clips), mask.masked, encoder.tubelet),
    )
    assert torch.equal(encoder(two.clips, mask.visible).tokens, encoder(clips, mask.visible).tokens)


def test_the_state_dict_holds_all_of_it() -> None:
    one, other = made(momentum=0.5), made(small_encoder(), momentum=0.5)
    with torch.no_grad():
        for value in one.encoder.parameters():
            value += torch.randn_like(value)
    one.after_step()
    one.after_step()
    other.load_state_dict(one.state_dict())
    assert teacher_of(other).updates.item() == 2
    state = teacher_of(other).average.state_dict()
    assert all(
        torch.equal(value, state[name]) for name, value in teacher_of(one).average.state_dict().items()
    )
    names = {name.removeprefix("head.target.teacher.") for name in one.state_dict()}
    assert {"updates", "average.norm.bias", "average.blocks.1.attn.qkv.weight"} <= names
    once = {name for name in one.state_dict() if name.startswith("encoder.")}
    assert len(once) == len(one.encoder.state_dict())


def test_the_laws_of_objectives_hold_and_one_batch_is_learned_from_a_teacher_that_stands_still() -> None:
    decoder = partial(TokenDecoder, embed_dim=32, depth=1, num_heads=4)
    check_objective(
        lambda encoder: MaskedAutoencoder(
            encoder,
            partial(Head, decoder=decoder, target=TeacherTarget(AverageTeacher(momentum=1.0), loss="mse")),
        )
    )


@pytest.mark.parametrize("accumulate", [1, 2])
def test_it_moves_once_a_step_of_the_optimizer(accumulate: int, tmp_path: Path) -> None:
    module = pretraining(ramp_steps=100)
    trainer(tmp_path, max_epochs=2, accumulate_grad_batches=accumulate).fit(module, Clips())
    # Three batches an epoch, of which the last steps by itself.
    assert teacher_of(module.objective).updates.item() == {1: 6, 2: 4}[accumulate]
    student, average = module.encoder.norm.bias, teacher_of(module.objective).average.norm.bias
    assert not torch.equal(student, average)
    assert average.abs().sum() > 0


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_run_that_is_resumed_goes_on_as_one_that_was_not_stopped(precision: str, tmp_path: Path) -> None:
    def run(module: MaskedPretraining, epochs: int, checkpoint: Path | None = None) -> MaskedPretraining:
        fitting = trainer(tmp_path, max_epochs=4, precision=precision, callbacks=[StopAfter(epochs)])
        fitting.fit(module, Clips(), ckpt_path=checkpoint, weights_only=True)
        if epochs < 4:
            fitting.save_checkpoint(tmp_path / "half.ckpt")
        return module

    whole = run(pretraining(), 4)
    run(pretraining(), 2)
    torch.manual_seed(1)
    anew = pretraining()
    with torch.no_grad():
        for value in anew.parameters():
            value.zero_()
    resumed = run(anew, 4, tmp_path / "half.ckpt")
    assert teacher_of(resumed.objective).updates.item() == 12
    state = resumed.state_dict()
    for name, value in whole.state_dict().items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, state[name]), name


def test_a_batch_without_clips_still_moves_it(tmp_path: Path) -> None:
    module = pretraining(momentum=0.5, end_momentum=None, ramp_steps=None)
    trainer(tmp_path, max_epochs=1).fit(module, Clips([batch(0), batch(0, size=0), batch(2)]))
    assert teacher_of(module.objective).updates.item() == 3


def test_validation_logs_its_measures_and_trivial_answers(tmp_path: Path) -> None:
    fitting = trainer(tmp_path, max_epochs=1)
    fitting.fit(pretraining(), Clips())
    logged = fitting.logged_metrics
    for name in (
        "val/reconstruction_teacher_std",
        "val/reconstruction/mean_feature",
        "val/reconstruction/copy_nearest",
    ):
        assert logged[name] > 0, name


def test_what_is_exported_is_the_encoder_and_not_the_average(tmp_path: Path) -> None:
    module = pretraining()
    with torch.no_grad():
        module.encoder.norm.bias.fill_(3.0)
    spec = {"class_path": "vidmask.models.vit.VideoViT", "init_args": module.encoder.arguments}
    module.export(tmp_path, {"init_args": {"encoder": spec}})
    weights = load_file(tmp_path / "encoder.safetensors")
    assert set(weights) == set(module.encoder.state_dict())
    assert torch.equal(weights["norm.bias"], torch.full((16,), 3.0))


def test_it_is_made_on_the_meta_device_too() -> None:
    with torch.device("meta"):
        objective = made()
    assert all(value.is_meta for value in objective.parameters())


def test_half_precision_in_which_it_would_stand_still_is_refused() -> None:
    objective = made().bfloat16()
    with pytest.raises(ValueError, match="an average moves by less than half precision can hold: train with"):
        objective.after_step()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"momentum": 1.5}, r"momentum of the average must lie in \[0, 1\], got 1.5"),
        ({"momentum": -0.1}, r"momentum of the average must lie in \[0, 1\], got -0.1"),
        (
            {"end_momentum": 2.0, "ramp_steps": 5},
            r"end_momentum of the average must lie in \[0, 1\], got 2.0",
        ),
        ({"end_momentum": 1.0, "ramp_steps": 0}, "ramp_steps is a number of updates, 1 or more, got 0"),
        (
            {"end_momentum": 1.0},
            "end_momentum and ramp_steps go together: got end_momentum 1.0 and ramp_step",
        ),
        (
            {"ramp_steps": 5},
            "end_momentum and ramp_steps go together: got end_momentum None and ramp_steps 5",
        ),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AverageTeacher(**settings)
