"""Every mask, target and objective, and the laws that each obeys. A new part is one line in a table."""

import tempfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from random_tokenizer import RandomTokenizer
from torch import Tensor

from vidmask.checkpoints import save_encoder
from vidmask.masking import (
    BlockMasking,
    FrameMasking,
    MaskGenerator,
    MotionGuidedMasking,
    MultiBlockMasking,
    RandomMasking,
    RunningCellMasking,
    TubeMasking,
)
from vidmask.models import ClassicalFlow, LatentDecoder, LatentRegressor, TokenDecoder, VideoViT
from vidmask.objectives import MAM2, Head, MaskedAutoencoder, Objective
from vidmask.targets import (
    AverageTeacher,
    FrozenTeacher,
    HOGTarget,
    OpticalFlowTarget,
    PixelTarget,
    RGBDifferenceTarget,
    Target,
    TeacherTarget,
    VQGANCodeTarget,
)
from vidmask.testing import check_mask_generator, check_objective, check_target
from vidmask.testing import objectives as laws
from vidmask.testing.objectives import ObjectiveTrial
from vidmask.testing.samples import sample_batch, sample_mask, small_encoder
from vidmask.tokens import TokenGrid, Tubelet


@cache
def saved_encoder() -> Path:
    """A wider encoder in a file, for clips of the one that is trained."""
    path = Path(tempfile.mkdtemp()) / "encoder.safetensors"
    encoder = small_encoder(embed_dim=48)
    save_encoder(path, encoder, {"class_path": "vidmask.VideoViT", "init_args": encoder.arguments})
    return path


MASKS: dict[str, Callable[[], MaskGenerator]] = {
    "random": RandomMasking,
    "tube": TubeMasking,
    "frame": partial(FrameMasking, 0.5),
    "block": BlockMasking,
    "multi-block": MultiBlockMasking,
    "running cell in tubes": lambda: RunningCellMasking(TubeMasking()),
    "running cell in random tokens": lambda: RunningCellMasking(RandomMasking(0.75), share=0.3),
    "running cell in what moves": lambda: RunningCellMasking(MotionGuidedMasking()),
    "motion-guided": MotionGuidedMasking,
    "motion-guided tubes, by softmax": partial(MotionGuidedMasking, sampling="softmax", tube=True),
    "what stands still": partial(MotionGuidedMasking, temperature=0.5, hide="still"),
}
# The answer for a token depends on nothing but its own pixels.
LOCAL_TARGETS: dict[str, Callable[[], Target]] = {
    "pixels, defaults": PixelTarget,
    "raw pixels": partial(PixelTarget, normalisation="none", frames="all"),
    "VideoMAE's pixels": partial(PixelTarget, normalisation="videomae", frames="all"),
    "first frames": partial(PixelTarget, normalisation="mae_st", frames="first"),
    "RGB difference": RGBDifferenceTarget,
    "normalised RGB difference": partial(RGBDifferenceTarget, normalisation="tubelet"),
}
# It depends on its neighbours' too.
WIDER_TARGETS: dict[str, Callable[[], Target]] = {
    "RGB difference to the next frame": partial(RGBDifferenceTarget, span="next"),
    "RGB difference between tubelets": partial(RGBDifferenceTarget, span="between"),
    "HOG": partial(HOGTarget, cell=4),
    "HOG of all frames": partial(HOGTarget, cell=2, gradient="central", frames="all", normalisation="none"),
    "optical flow": lambda: OpticalFlowTarget(ClassicalFlow()),
    "optical flow to the next frame": lambda: OpticalFlowTarget(ClassicalFlow("farneback"), 2, span="next"),
    "optical flow between tubelets": lambda: OpticalFlowTarget(ClassicalFlow(), span="between"),
    "features of an average": lambda: TeacherTarget(AverageTeacher(1.0), loss="mse"),
    "features of a frozen encoder": lambda: TeacherTarget(FrozenTeacher(saved_encoder()), loss="smooth_l1"),
    "features of two blocks' average": lambda: TeacherTarget(AverageTeacher(1.0), layers=2, loss="l1"),
    "codes": lambda: VQGANCodeTarget(RandomTokenizer()),
    "codes of both frames": lambda: VQGANCodeTarget(RandomTokenizer(), "both"),
}
TARGETS = LOCAL_TARGETS | WIDER_TARGETS

Make = Callable[[VideoViT], Objective]


def token_head(target: Target, **options: Any) -> Callable[[VideoViT], Head]:
    decoder = partial(TokenDecoder, embed_dim=32, depth=2, num_heads=4)
    return partial(Head, decoder=decoder, target=target, **options)


def latent_head(target: Target, **options: Any) -> Callable[[VideoViT], Head]:
    return partial(Head, decoder=partial(LatentDecoder, depth=1, num_heads=4), target=target, **options)


REGRESSOR = partial(LatentRegressor, depth=2, num_heads=4)
OBJECTIVES: dict[str, Callable[[Callable[[], Target]], Make]] = {
    "masked autoencoder": lambda target: lambda encoder: MaskedAutoencoder(encoder, token_head(target())),
    "masked autoencoder of two heads": lambda target: (
        lambda encoder: MaskedAutoencoder(
            encoder,
            heads={"one": token_head(target()), "pixels": token_head(PixelTarget("none"), weight=0.5)},
        )
    ),
    "MAM2": lambda target: (
        lambda encoder: MAM2(
            encoder, latent_head(target()), latent_head(RGBDifferenceTarget(), weight=0.1), REGRESSOR
        )
    ),
    "MAM2 with one decoder for both": lambda target: (
        lambda encoder: MAM2(
            encoder,
            latent_head(target()),
            latent_head(RGBDifferenceTarget(), weight=0.1),
            REGRESSOR,
            shared_decoder=True,
        )
    ),
    "MAM2 without a regressor": lambda target: (
        lambda encoder: MAM2(encoder, None, latent_head(target()), None)
    ),
    "MAM2 with a third head": lambda target: (
        lambda encoder: MAM2(
            encoder,
            latent_head(PixelTarget("none")),
            None,
            REGRESSOR,
            heads={"more": latent_head(target())},
        )
    ),
}


GRIDS = [TokenGrid(4, 4, 4), TokenGrid(8, 14, 14), TokenGrid(3, 5, 7), TokenGrid(2, 1, 8)]


def every(table: Mapping[str, Any], name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, table.values(), ids=table.keys())


def perfect(target: Target) -> Callable[[Tensor], Tensor]:
    """Return what makes the right prediction of answers."""
    if isinstance(target, VQGANCodeTarget):
        num_codes = target.num_codes
        return lambda answer: 1000 * torch.nn.functional.one_hot(answer, num_codes).float().flatten(2)
    return torch.clone


@every(MASKS, "make_masking")
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_mask_obeys_the_laws(make_masking: Callable[[], MaskGenerator], grid: TokenGrid) -> None:
    check_mask_generator(make_masking(), grid=grid, tubelet=Tubelet(2, 4, 4))


@every(TARGETS, "make_target")
def test_a_target_obeys_the_laws(make_target: Callable[[], Target]) -> None:
    target = make_target()
    local = make_target in LOCAL_TARGETS.values()
    check_target(target, perfect=perfect(target), local=local)


@every(OBJECTIVES, "with_target")
def test_an_objective_obeys_the_laws(with_target: Callable[[Callable[[], Target]], Make]) -> None:
    check_objective(with_target(partial(PixelTarget, "none", "all")))


@every(MASKS, "make_masking")
@every(OBJECTIVES, "with_target")
def test_each_mask_trains_each_objective(
    with_target: Callable[[Callable[[], Target]], Make], make_masking: Callable[[], MaskGenerator]
) -> None:
    trial = ObjectiveTrial(with_target(PixelTarget), masking=make_masking())
    laws.hidden_pixels_do_not_reach_the_predictions(trial)
    train_two_steps(trial)


@every(TARGETS, "make_target")
@every(OBJECTIVES, "with_target")
def test_each_target_trains_each_objective(
    with_target: Callable[[Callable[[], Target]], Make], make_target: Callable[[], Target]
) -> None:
    trial = ObjectiveTrial(with_target(make_target))
    laws.each_masked_token_is_predicted(trial)
    laws.everything_trainable_is_trained(trial)
    train_two_steps(trial)


@every(TARGETS, "make_target")
def test_each_target_can_be_learned_of_one_batch(make_target: Callable[[], Target]) -> None:
    laws.one_batch_can_be_learned(ObjectiveTrial(OBJECTIVES["masked autoencoder"](make_target), share=0.15))


@every(MASKS, "make_masking")
def test_one_batch_can_be_learned_under_each_mask(make_masking: Callable[[], MaskGenerator]) -> None:
    with_target = OBJECTIVES["masked autoencoder"](partial(PixelTarget, "none", "all"))
    laws.one_batch_can_be_learned(ObjectiveTrial(with_target, masking=make_masking(), share=0.15))


def train_two_steps(trial: ObjectiveTrial) -> None:
    """Train, and see that every loss is a number and every part of the model moves."""
    objective = trial.new()
    batch = trial.batch(objective)
    mask = trial.mask(objective, batch)
    before = {name: value.clone() for name, value in objective.named_parameters() if value.requires_grad}
    # Without decay, which moves what has no gradient.
    optimizer = torch.optim.AdamW(
        [value for value in objective.parameters() if value.requires_grad], weight_decay=0.0
    )
    for _ in range(2):
        optimizer.zero_grad()
        losses = objective(batch, mask)
        assert all(torch.isfinite(value) for value in losses.values()), losses
        losses["loss"].backward()
        optimizer.step()
        objective.after_step()
    after = dict(objective.named_parameters())
    assert [name for name, value in before.items() if torch.equal(value, after[name])] == []


SENSELESS: dict[str, tuple[Callable[[], object], str]] = {
    "a masked autoencoder whose decoder reads regressed latents": (
        lambda: MaskedAutoencoder(small_encoder(), latent_head(PixelTarget())),
        "the reconstruction head of MaskedAutoencoder decodes visible latents: its decoder is a TokenDecoder",
    ),
    "the same among several heads": (
        lambda: MaskedAutoencoder(small_encoder(), heads={"a": latent_head(PixelTarget())}),
        "the a head of MaskedAutoencoder decodes visible latents",
    ),
    "a masked autoencoder whose decoder sees nothing of the clip": (
        lambda: MaskedAutoencoder(
            small_encoder(), partial(Head, decoder=partial(TokenDecoder, depth=0), target=PixelTarget())
        ),
        "the reconstruction head's decoder has no block to read the visible latents with",
    ),
    "the difference between tubelets of a clip that has one in time": (
        lambda: token_head(RGBDifferenceTarget(span="between"))(small_encoder(frames=2)),
        "RGBDifferenceTarget between tubelets needs two in time, and a clip of 2 frames has one of 2",
    ),
    "the flow between tubelets of a clip that has one in time": (
        lambda: token_head(OpticalFlowTarget(ClassicalFlow(), span="between"))(small_encoder(frames=2)),
        "OpticalFlowTarget between tubelets needs two in time",
    ),
    "MAM2 whose decoder reads visible latents": (
        lambda: MAM2(small_encoder(), token_head(PixelTarget()), None, REGRESSOR),
        "the appearance head of MAM2 decodes regressed latents: its decoder is a LatentDecoder",
    ),
    "cells of gradients that do not fill a tubelet": (
        lambda: token_head(HOGTarget())(small_encoder()),
        "cell of 8 px does not divide a tubelet",
    ),
    "cells of flow that do not fill a tubelet": (
        lambda: token_head(OpticalFlowTarget(ClassicalFlow(), cell=3))(small_encoder()),
        "cell",
    ),
    "the difference within a tubelet of one frame": (
        lambda: token_head(RGBDifferenceTarget())(small_encoder(tubelet=(1, 4, 4))),
        "a tubelet of one frame holds no difference",
    ),
    "codes of both frames of a tubelet of one": (
        lambda: token_head(VQGANCodeTarget(RandomTokenizer(), "both"))(small_encoder(tubelet=(1, 4, 4))),
        "a tubelet of one frame has no second one to code",
    ),
    "features of more blocks than there are": (
        lambda: token_head(TeacherTarget(AverageTeacher(), layers=3))(small_encoder()),
        "layers",
    ),
    "no head": (lambda: MaskedAutoencoder(small_encoder()), "takes either head or heads"),
    "head and heads": (
        lambda: MaskedAutoencoder(
            small_encoder(), token_head(PixelTarget()), {"a": token_head(PixelTarget())}
        ),
        "takes either head or heads",
    ),
    "a head that is named like the sum": (
        lambda: MaskedAutoencoder(small_encoder(), heads={"loss": token_head(PixelTarget())}),
        "none of loss, align, mask, sheet; got 'loss'",
    ),
    "a head that is named like a part of torch": (
        lambda: MaskedAutoencoder(small_encoder(), heads={"type": token_head(PixelTarget())}),
        "a head cannot be named 'type'",
    ),
    "a loss that is to grow": (
        lambda: token_head(PixelTarget(), weight=-1.0)(small_encoder()),
        "weight of a head must be 0 or more, got -1.0",
    ),
    "a head whose name no chart could show": (
        lambda: MaskedAutoencoder(small_encoder(), heads={"a/b": token_head(PixelTarget())}),
        "a head's name is made of letters, digits and _",
    ),
    "MAM2's own head among further ones": (
        lambda: MAM2(small_encoder(), None, None, REGRESSOR, heads={"motion": latent_head(PixelTarget())}),
        "give motion as such, not in heads",
    ),
    "all slices of time hidden": (
        lambda: masks_of(FrameMasking(0.9), VideoViT(2, 16, (2, 4, 4), 24, 1, 2)),
        "no ratio can hide a part of 1 slices of time",
    ),
}


def masks_of(masking: MaskGenerator, encoder: VideoViT) -> object:
    return sample_mask(masking, sample_batch(1, encoder), encoder)


@pytest.mark.parametrize(("make", "told"), SENSELESS.values(), ids=SENSELESS.keys())
def test_what_makes_no_sense_is_refused_with_the_reason(make: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_further_heads_of_mam2_keep_their_decoder_beside_a_shared_one() -> None:
    heads = [latent_head(PixelTarget()), latent_head(RGBDifferenceTarget())]
    torch.manual_seed(0)
    objective = MAM2(
        small_encoder(),
        *heads,
        REGRESSOR,
        shared_decoder=True,
        heads={"raw": latent_head(PixelTarget("none"))},
    )
    assert list(objective.heads) == ["appearance", "motion", "raw"]
    owners = {name.split(".")[1] for name, _ in objective.named_parameters() if ".decoder." in name}
    assert owners == {"appearance", "raw"}
    batch = sample_batch(2, objective.encoder)
    mask = sample_mask(RandomMasking(0.5), batch, objective.encoder)
    losses = objective(batch, mask)
    assert losses.keys() == {"loss", "appearance", "motion", "raw"}
    losses["raw"].backward()
    assert objective.parts["raw"].decoder.norm.weight.grad is not None
    assert objective.parts["appearance"].decoder.norm.weight.grad is None
