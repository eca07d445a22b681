"""Features of a teacher as the target."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from vidmask.checkpoints import save_encoder
from vidmask.models import VideoViT
from vidmask.targets import AverageTeacher, FrozenTeacher, TeacherTarget
from vidmask.targets.teacher import Teacher
from vidmask.testing.samples import sample_batch, small_encoder, with_altered_tokens
from vidmask.testing.targets import check_target
from vidmask.tokens import TokenMask, Tubelet

TUBELET = Tubelet(2, 4, 4)
ALL = torch.arange(32).expand(2, -1)


def saved(path: Path, **settings: object) -> Path:
    """A file of an encoder, as a run leaves it."""
    encoder = small_encoder(**settings)
    spec = {"class_path": "vidmask.models.vit.VideoViT", "init_args": encoder.arguments}
    save_encoder(path, encoder, spec)
    return path


def following(encoder: VideoViT | None = None, **settings: object) -> TeacherTarget:
    """A target whose teacher is a copy of the encoder."""
    target = TeacherTarget(AverageTeacher(), **settings)
    target.follow(small_encoder() if encoder is None else encoder)
    return target


def standardised(values: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return [(value - mean) / (variance + 1e-5) ** 0.5 for value in values]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("loss", ["l1", "smooth_l1", "mse"])
@pytest.mark.parametrize("class_token", [True, False])
def test_the_laws_of_targets_hold(layers: int, loss: str, class_token: bool) -> None:
    encoder = small_encoder(class_token=class_token)
    check_target(TeacherTarget(AverageTeacher(), layers, loss=loss), encoder=encoder)
    check_target(TeacherTarget(AverageTeacher(), layers, normalise=False, loss=loss), encoder=encoder)


def test_the_laws_of_targets_hold_of_a_frozen_teacher(tmp_path: Path) -> None:
    check_target(TeacherTarget(FrozenTeacher(saved(tmp_path / "a.safetensors", embed_dim=16))))


def test_the_answer_is_what_the_dense_teacher_says_of_the_tokens_asked_for() -> None:
    encoder, indices = small_encoder(), torch.tensor([[3, 30], [0, 7]])
    batch = sample_batch(2, encoder)
    raw = following(encoder, normalise=False)(batch, indices, TUBELET)
    normalised = following(encoder)(batch, indices, TUBELET)
    with torch.no_grad():
        tokens = encoder(batch.clips).tokens
    for clip in range(2):
        for place in range(2):
            expected = tokens[clip, indices[clip, place]]
            torch.testing.assert_close(raw[clip, place], expected)
            by_hand = torch.tensor(standardised(expected.tolist()))
            torch.testing.assert_close(normalised[clip, place], by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("class_token", [True, False])
def test_several_layers_are_the_mean_of_normalised_outputs_of_the_last_blocks(class_token: bool) -> None:
    encoder = small_encoder(depth=3, class_token=class_token)
    batch = sample_batch(2, encoder)
    outputs: list[Tensor] = []
    with torch.no_grad():
        tokens = encoder.patch_embed.proj((batch.clips - 0.45) / 0.225).flatten(2).transpose(1, 2)
        tokens = tokens + encoder.positions(None)
        if class_token:
            cls = (encoder.cls_token + encoder.cls_position).expand(2, -1, -1)
            tokens = torch.cat([cls, tokens], dim=1)
        for block in encoder.blocks:
            tokens = block(tokens)
            outputs.append(tokens[:, 1:] if class_token else tokens)
    answer = following(encoder, layers=2, normalise=False)(batch, ALL, TUBELET)
    for token in (0, 31):
        parts = [standardised(output[1, token].tolist()) for output in outputs[1:]]
        by_hand = torch.tensor([sum(values) / 2 for values in zip(*parts, strict=True)])
        torch.testing.assert_close(answer[1, token], by_hand, rtol=1e-3, atol=1e-4)
    again = following(encoder, layers=2)(batch, ALL, TUBELET)
    torch.testing.assert_close(again.mean(dim=-1), torch.zeros(2, 32), rtol=0, atol=1e-5)
    torch.testing.assert_close(again.var(dim=-1, correction=0), torch.ones(2, 32), rtol=0, atol=1e-3)


def test_no_hook_is_left_in_the_teacher() -> None:
    target = following(layers=2)
    target(sample_batch(2, small_encoder()), ALL, TUBELET)
    assert not any(part._forward_hooks for part in target.modules())


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("l1", (0.25 + 3.0) / 2), ("smooth_l1", (0.25**2 / (2 * 0.5) + 3.0 - 0.25) / 2), ("mse", 9.0625 / 2)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_is_the_mean_distance_in_float32(loss: str, expected: float, dtype: torch.dtype) -> None:
    target = following(loss=loss, beta=0.5)
    prediction = torch.tensor([[[1.25, -2.0]]], dtype=dtype)
    found = target.loss(prediction, torch.tensor([[[1.0, 1.0]]]))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected)


def test_teacher_std_falls_to_zero_where_all_tokens_are_said_to_be_the_same() -> None:
    target = following()
    answer = torch.tensor([[[0.0, 1.0], [2.0, 1.0]], [[4.0, 1.0], [6.0, 1.0]]])
    # Over the tokens 0, 2, 4, 6 a standard deviation of √5, and of none in the second place.
    assert target.measures(answer, answer)["teacher_std"].item() == pytest.approx(5**0.5 / 2)
    same = torch.ones(2, 3, 8)
    assert target.measures(same, same)["teacher_std"] == 0
    healthy = target(sample_batch(2, small_encoder()), ALL, TUBELET)
    assert target.measures(healthy, healthy)["teacher_std"] > 0.1
    with torch.no_grad():
        target.teacher.encoder(torch.device("cpu")).norm.weight.zero_()
    collapsed = target(sample_batch(2, small_encoder()), ALL, TUBELET)
    assert target.measures(collapsed, collapsed)["teacher_std"] < 1e-6


def test_trivial_answers_are_the_mean_feature_and_the_nearest_visible_token() -> None:
    target, encoder = following(), small_encoder()
    batch = sample_batch(2, encoder)
    mask = TokenMask(ALL[:, 16:], ALL[:, :16])
    encoded = []
    target.teacher.average.register_forward_hook(lambda *_: encoded.append(1))
    found = target.baselines(batch, mask, encoder.grid, TUBELET)
    assert len(encoded) == 1
    answer, seen = target(batch, mask.masked, TUBELET), target(batch, mask.visible, TUBELET)
    # The same place in the other of the two slices in time.
    assert found["copy_nearest"].item() == pytest.approx((seen - answer).abs().mean().item(), rel=1e-5)
    away = answer - answer.flatten(0, 1).mean(dim=0)
    assert found["mean_feature"].item() == pytest.approx(away.abs().mean().item(), rel=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_teacher_sees_hidden_and_visible_pixels_alike(layers: int) -> None:
    encoder = small_encoder()
    target, batch = following(encoder, layers=layers), sample_batch(2, encoder)
    mask = TokenMask(ALL[:, ::2], ALL[:, 1::2])
    before = target(batch, mask.masked, TUBELET)
    for indices in (mask.visible[:, :1], mask.masked[:, :1]):
        clips = with_altered_tokens(batch.clips, encoder.grid, TUBELET, indices)
        assert not torch.equal(target(batch._replace(clips=clips), mask.masked, TUBELET), before)


@pytest.mark.parametrize("layers", [1, 2])
def test_answers_carry_no_gradient_and_are_float32_in_mixed_precision(layers: int) -> None:
    target, batch = following(layers=layers), sample_batch(2, small_encoder())
    precise = target(batch, ALL, TUBELET)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = target(batch, ALL, TUBELET)
    assert mixed.dtype == precise.dtype == torch.float32
    assert not mixed.requires_grad
    torch.testing.assert_close(mixed, precise, rtol=0, atol=0.1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 32}, r"clips of 4×32×32 as 2×8×8 tokens, and the encoder clips of 4×16×16 as 2×4×4 tokens"),
        ({"frames": 8}, r"clips of 8×16×16 as 4×4×4 tokens, and the encoder"),
        ({"tubelet": (2, 8, 8)}, r"as 2×2×2 tokens, and the encoder .* teacher of the same frames, size and"),
        ({"size": 32, "tubelet": (2, 8, 8)}, r"clips of 4×32×32 as 2×4×4 tokens, and the encoder"),
    ],
)
def test_a_teacher_of_another_geometry_is_refused(
    settings: dict[str, object], said: str, tmp_path: Path
) -> None:
    target = TeacherTarget(FrozenTeacher(saved(tmp_path / "a.safetensors", **settings)))
    with pytest.raises(ValueError, match=said) as raised:
        target.follow(small_encoder())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layers": 0}, "layers is how many of the teacher's blocks are used, 1 or more, got 0"),
        ({"beta": 0.0}, "beta of the smooth L1 loss must be above 0, got 0.0"),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TeacherTarget(AverageTeacher(), **settings)


def test_more_layers_than_the_teacher_has_are_refused() -> None:
    with pytest.raises(ValueError, match="layers is 3, but the teacher has 2 blocks"):
        following(layers=3)


def test_more_layers_than_the_teacher_has_are_refused_without_a_head_too(tmp_path: Path) -> None:
    target = TeacherTarget(FrozenTeacher(saved(tmp_path / "a.safetensors")), layers=3)
    with pytest.raises(ValueError, match="layers is 3, but the teacher has 2 blocks"):
        target(sample_batch(2, small_encoder()), ALL, TUBELET)


def test_a_target_whose_teacher_has_not_followed_an_encoder_is_refused() -> None:
    target = TeacherTarget(AverageTeacher())
    for use in (
        lambda: target.num_outputs(TUBELET),
        lambda: target(sample_batch(2, small_encoder()), ALL, TUBELET),
        lambda: target.after_step(small_encoder()),
    ):
        with pytest.raises(ValueError, match="AverageTeacher has nothing to average yet: make its head"):
            use()


def test_a_teacher_of_one_s_own_is_one_class() -> None:
    class Same(Teacher):
        def outline(self) -> VideoViT:
            return small_encoder(embed_dim=16)

        def encoder(self, device: torch.device) -> VideoViT:
            return self.outline().eval().to(device)

    target = TeacherTarget(Same())
    check_target(target)
    assert target.num_outputs(TUBELET) == 16


def test_the_picture_paints_tokens_alike_by_their_features_and_predictions_by_the_same_axes() -> None:
    target = following(normalise=False)
    # Two kinds of tokens, that differ along one direction.
    kinds = torch.arange(32).remainder(2).view(1, 32, 1)
    direction = torch.zeros(32)
    direction[5] = 2.0
    answers = (kinds * direction).expand(2, -1, -1).contiguous()
    grid = small_encoder().grid
    picture = target.picture(answers, answers, grid, TUBELET)
    assert picture.shape == (2, 3, 2, 16, 16)
    # A half of each: one standard deviation to either side.
    columns = picture[0, 0, 0, 0, ::4]
    torch.testing.assert_close(columns, torch.tensor([1 / 3, 2 / 3] * 2), atol=1e-5, rtol=0)
    assert torch.equal(picture[:, :, :, :, :4], picture[:, :, :, :, :1].expand(-1, -1, -1, -1, 4))
    mean = answers.mean(dim=(0, 1)).expand_as(answers)
    torch.testing.assert_close(
        target.picture(mean, answers, grid, TUBELET), torch.full((2, 3, 2, 16, 16), 0.5), atol=1e-4, rtol=0
    )
    assert 0 <= picture.min() <= picture.max() <= 1
