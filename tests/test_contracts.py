"""The laws that every mask, target and objective obeys. A new part is one line in a table."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from random_tokenizer import RandomTokenizer
from torch import Tensor

from vidmask.masking import MaskGenerator, RandomMasking, TubeMasking
from vidmask.models import LatentDecoder, LatentRegressor, TokenDecoder, VideoViT
from vidmask.objectives import MAM2, Head, MaskedAutoencoder, Objective
from vidmask.randomness import generator
from vidmask.targets import PixelTarget, RGBDifferenceTarget, Target, VQGANCodeTarget
from vidmask.tokens import ClipBatch, TokenMask

MASKS: dict[str, Callable[[], MaskGenerator]] = {"random": RandomMasking, "tube": TubeMasking}
TARGETS: dict[str, Callable[[], Target]] = {
    "pixels, defaults": PixelTarget,
    "raw pixels": partial(PixelTarget, normalisation="none", frames="all"),
    "VideoMAE's pixels": partial(PixelTarget, normalisation="videomae", frames="all"),
    "first frames": partial(PixelTarget, normalisation="mae_st", frames="first"),
    "RGB difference": RGBDifferenceTarget,
    "normalised RGB difference": partial(RGBDifferenceTarget, normalisation="tubelet"),
}
# What is said of a token depends on its neighbours' pixels too.
WIDER_TARGETS: dict[str, Callable[[], Target]] = {
    "RGB difference to the next frame": partial(RGBDifferenceTarget, span="next"),
    "RGB difference between tubelets": partial(RGBDifferenceTarget, span="between"),
    "codes": lambda: VQGANCodeTarget(RandomTokenizer()),
    "codes of both frames": lambda: VQGANCodeTarget(RandomTokenizer(), "both"),
}
OBJECTIVES: dict[str, Callable[[VideoViT, Target], Objective]] = {
    "masked autoencoder": lambda encoder, target: MaskedAutoencoder(
        encoder,
        partial(Head, decoder=partial(TokenDecoder, embed_dim=32, depth=2, num_heads=4), target=target),
    ),
    "MAM2": lambda encoder, target: MAM2(
        encoder,
        *[partial(Head, decoder=partial(LatentDecoder, depth=1, num_heads=4), target=target)] * 2,
        partial(LatentRegressor, depth=2, num_heads=4),
    ),
}
EVERY_MASK = pytest.mark.parametrize("make_masking", MASKS.values(), ids=MASKS.keys())
EVERY_TARGET = pytest.mark.parametrize(
    "make_target", (TARGETS | WIDER_TARGETS).values(), ids=(TARGETS | WIDER_TARGETS).keys()
)
EVERY_LOCAL_TARGET = pytest.mark.parametrize("make_target", TARGETS.values(), ids=TARGETS.keys())
EVERY_OBJECTIVE = pytest.mark.parametrize("make_objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())


def small_encoder(**options: object) -> VideoViT:
    torch.manual_seed(0)
    settings = {"frames": 4, "size": 16, "tubelet": (2, 4, 4), "embed_dim": 32, "depth": 2, "num_heads": 4}
    return VideoViT(**(settings | options))


def batch_of(num_clips: int, seed: int = 0, *, smooth: bool = False) -> ClipBatch:
    clips = torch.rand(num_clips, 3, 4, 16, 16, generator=torch.Generator().manual_seed(seed))
    if smooth:
        clips = torch.nn.functional.interpolate(clips[..., ::8, ::8], size=(4, 16, 16), mode="trilinear")
    index = torch.arange(num_clips)
    return ClipBatch(clips, {}, index, index.double(), index, list(range(num_clips)), [""] * num_clips, [])


def mask_of(masking: MaskGenerator, batch: ClipBatch, encoder: VideoViT) -> TokenMask:
    return masking(batch.clips, encoder.grid, [generator(seed, "mask") for seed in batch.seeds])


def perfect(target: Target, answer: Tensor) -> Tensor:
    """Return the prediction that is right."""
    if isinstance(target, VQGANCodeTarget):
        return 1000 * torch.nn.functional.one_hot(answer, target.num_codes).float().flatten(2)
    return answer.clone()


def altered(clips: Tensor, encoder: VideoViT, indices: Tensor) -> Tensor:
    """Replace the pixels of the given tokens by others, found by a loop."""
    grid, tubelet, clips = encoder.grid, encoder.tubelet, clips.clone()
    for clip, row_of_indices in enumerate(indices.tolist()):
        for index in row_of_indices:
            time, row, column = (
                index // (grid.rows * grid.columns),
                index // grid.columns % grid.rows,
                index % grid.columns,
            )
            clips[
                clip,
                :,
                time * tubelet.frames : (time + 1) * tubelet.frames,
                row * tubelet.rows : (row + 1) * tubelet.rows,
                column * tubelet.columns : (column + 1) * tubelet.columns,
            ] = 0.123
    return clips


@EVERY_MASK
def test_masks_are_ascending_disjoint_and_within_the_grid(make_masking: Callable[[], MaskGenerator]) -> None:
    encoder, batch = small_encoder(), batch_of(5)
    mask = mask_of(make_masking(), batch, encoder)
    for visible, masked in zip(mask.visible, mask.masked, strict=True):
        assert (visible.diff() > 0).all()
        assert (masked.diff() > 0).all()
        assert sorted([*visible.tolist(), *masked.tolist()]) == list(range(encoder.grid.num_tokens))


@EVERY_MASK
def test_the_mask_of_a_sample_does_not_depend_on_its_batch(make_masking: Callable[[], MaskGenerator]) -> None:
    encoder, batch, masking = small_encoder(), batch_of(3), make_masking()
    together = mask_of(masking, batch, encoder)
    alone = masking(batch.clips[2:], encoder.grid, [generator(2, "mask")])
    assert torch.equal(together.visible[2:], alone.visible)
    assert torch.equal(together.masked[2:], alone.masked)


@EVERY_TARGET
def test_answers_of_chosen_tokens_are_those_of_all_tokens(make_target: Callable[[], Target]) -> None:
    target, batch, encoder = make_target(), batch_of(2), small_encoder()
    indices = torch.tensor([[31, 0, 5], [2, 3, 30]])
    everything = target(batch, torch.arange(32).expand(2, -1), encoder.tubelet)
    chosen = target(batch, indices, encoder.tubelet)
    assert perfect(target, chosen).shape == (2, 3, target.num_outputs(encoder.tubelet))
    for clip in range(2):
        torch.testing.assert_close(chosen[clip], everything[clip][indices[clip]])


@EVERY_TARGET
def test_a_perfect_prediction_has_no_loss_and_trivial_ones_have_some(
    make_target: Callable[[], Target],
) -> None:
    target, batch, encoder = make_target(), batch_of(2), small_encoder()
    mask = mask_of(RandomMasking(0.75), batch, encoder)
    answer = target(batch, mask.masked, encoder.tubelet)
    assert target.loss(perfect(target, answer), answer) == 0
    baselines = target.baselines(batch, mask, encoder.grid, encoder.tubelet)
    assert baselines
    assert all(value > 0 for value in baselines.values())
    measures = target.measures(perfect(target, answer), answer)
    assert set(measures) == set(target.measured)
    # What is said of a trivial answer is said of the loss, or of something that is measured.
    assert {name.split("/")[0] for name in baselines if "/" in name} <= set(target.measured)


@EVERY_OBJECTIVE
@EVERY_MASK
def test_hidden_pixels_do_not_reach_the_latents(
    make_objective: Callable[[VideoViT, Target], Objective], make_masking: Callable[[], MaskGenerator]
) -> None:
    objective, batch = make_objective(small_encoder(), PixelTarget()), batch_of(2)
    mask = mask_of(make_masking(), batch, objective.encoder)
    changed = altered(batch.clips, objective.encoder, mask.masked)
    assert not torch.equal(changed, batch.clips)
    assert torch.equal(
        objective.encoder(batch.clips, mask.visible).tokens, objective.encoder(changed, mask.visible).tokens
    )
    changed = altered(batch.clips, objective.encoder, mask.visible[:, :1])
    assert not torch.equal(
        objective.encoder(batch.clips, mask.visible).tokens, objective.encoder(changed, mask.visible).tokens
    )


@EVERY_OBJECTIVE
def test_hidden_pixels_do_not_reach_the_predictions(
    make_objective: Callable[[VideoViT, Target], Objective],
) -> None:
    objective, batch = make_objective(small_encoder(), PixelTarget()), batch_of(2)
    mask = mask_of(RandomMasking(0.5), batch, objective.encoder)
    changed = batch._replace(clips=altered(batch.clips, objective.encoder, mask.masked))
    before, after = objective.predict(batch, mask), objective.predict(changed, mask)
    assert all(torch.equal(before[name], after[name]) for name in before)
    visible = batch._replace(clips=altered(batch.clips, objective.encoder, mask.visible[:, :1]))
    after = objective.predict(visible, mask)
    assert not any(torch.equal(before[name], after[name]) for name in before)


@EVERY_OBJECTIVE
@EVERY_LOCAL_TARGET
def test_visible_pixels_are_no_part_of_the_answer(
    make_objective: Callable[[VideoViT, Target], Objective], make_target: Callable[[], Target]
) -> None:
    objective, batch = make_objective(small_encoder(), make_target()), batch_of(2)
    mask = mask_of(RandomMasking(0.75), batch, objective.encoder)
    predictions = {name: torch.rand_like(value) for name, value in objective.predict(batch, mask).items()}
    changed = batch._replace(clips=altered(batch.clips, objective.encoder, mask.visible))
    for name, head in objective.heads.items():
        before, after = (head.measure(predictions[name], given, mask)[0] for given in (batch, changed))
        assert before == after


@EVERY_OBJECTIVE
@EVERY_TARGET
def test_every_parameter_gets_a_gradient_and_every_masked_prediction_counts(
    make_objective: Callable[[VideoViT, Target], Objective], make_target: Callable[[], Target]
) -> None:
    objective, batch = make_objective(small_encoder(), make_target()), batch_of(2)
    mask = mask_of(RandomMasking(0.75), batch, objective.encoder)
    objective(batch, mask)["loss"].backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    for name, value in objective.predict(batch, mask).items():
        prediction = value.detach().requires_grad_()
        loss, _ = objective.heads[name].measure(prediction, batch, mask)
        loss.backward()
        assert prediction.grad is not None
        assert prediction.shape[1] == mask.masked.shape[1]
        assert (prediction.grad != 0).any(dim=2).all()


@EVERY_OBJECTIVE
def test_the_loss_is_the_weighted_sum_of_its_heads(
    make_objective: Callable[[VideoViT, Target], Objective],
) -> None:
    objective, batch = make_objective(small_encoder(), PixelTarget()), batch_of(2)
    mask = mask_of(RandomMasking(0.75), batch, objective.encoder)
    for weight, head in enumerate(objective.heads.values(), start=2):
        head.weight = float(weight)
    losses = objective(batch, mask)
    expected = sum(head.weight * losses[name] for name, head in objective.heads.items())
    torch.testing.assert_close(losses["loss"], expected)


@EVERY_OBJECTIVE
@EVERY_TARGET
def test_one_batch_can_be_overfitted(
    make_objective: Callable[[VideoViT, Target], Objective], make_target: Callable[[], Target]
) -> None:
    objective, batch = make_objective(small_encoder(), make_target()), batch_of(2, smooth=True)
    mask = mask_of(RandomMasking(0.5), batch, objective.encoder)
    first = objective(batch, mask)["loss"].item()
    optimizer = torch.optim.AdamW(objective.parameters(), lr=3e-3, weight_decay=0.0)
    for _ in range(150):
        optimizer.zero_grad()
        objective(batch, mask)["loss"].backward()
        optimizer.step()
    assert objective(batch, mask)["loss"].item() < 0.1 * first
