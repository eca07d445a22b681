"""MAM2: a regressor and two heads."""

from functools import partial

import pytest
import torch
from random_tokenizer import RandomTokenizer

from vidmask.masking import RandomMasking
from vidmask.models import LatentDecoder, LatentRegressor, TokenDecoder, VideoViT
from vidmask.objectives import MAM2, Head
from vidmask.targets import RGBDifferenceTarget, VQGANCodeTarget
from vidmask.testing.samples import sample_batch, sample_mask, small_encoder

DECODER = partial(LatentDecoder, embed_dim=16, depth=1, num_heads=2)
REGRESSOR = partial(LatentRegressor, depth=2, num_heads=4)


def appearance(decoder: object = DECODER, weight: float = 1.0) -> object:
    return partial(Head, decoder=decoder, target=VQGANCodeTarget(RandomTokenizer()), weight=weight)


def motion(decoder: object = DECODER, weight: float = 1.0) -> object:
    return partial(Head, decoder=decoder, target=RGBDifferenceTarget(), weight=weight)


def mam2(encoder: VideoViT | None = None, **options: object) -> MAM2:
    parts = {"appearance": appearance(), "motion": motion(), "regressor": REGRESSOR}
    return MAM2(encoder or small_encoder(), **(parts | options))


VARIANTS = {
    "as it is": {},
    "no appearance": {"appearance": None},
    "no motion": {"motion": None},
    "no regressor": {"regressor": None},
    "one decoder": {"shared_decoder": True},
    "decoders that read all": {"decoders_read": "all"},
    "aligned": {"align": 2.0},
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_each_variant_trains_all_its_parts(options: dict) -> None:
    objective, batch = mam2(**options), sample_batch(2, small_encoder())
    mask = sample_mask(RandomMasking(0.5), batch, objective.encoder)
    losses = objective(batch, mask)
    heads = {name for name in ("appearance", "motion") if options.get(name, 0) is not None}
    logged = {"appearance": {"appearance", "appearance_accuracy"}, "motion": {"motion"}}
    expected = {"loss"}.union(*(logged[name] for name in heads), ["align"] if "align" in options else [])
    assert set(losses) == expected
    losses["loss"].backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    predictions = objective.predict(batch, mask)
    assert {name: tuple(value.shape) for name, value in predictions.items()} == {
        name: (2, 16, {"appearance": 16, "motion": 48}[name]) for name in heads
    }


@pytest.mark.parametrize(("first", "second"), [(3.0, 0.5), (1.0, 0.0)])
def test_the_loss_is_what_the_weights_make_of_both(first: float, second: float) -> None:
    batch = sample_batch(2, small_encoder())
    objective = mam2(appearance=appearance(weight=first), motion=motion(weight=second))
    losses = objective(batch, sample_mask(RandomMasking(0.5), batch, objective.encoder))
    torch.testing.assert_close(losses["loss"], first * losses["appearance"] + second * losses["motion"])


def test_decoders_behind_a_regressor_read_the_masked_latents_alone() -> None:
    objective, batch = mam2(), sample_batch(2, small_encoder())
    mask = sample_mask(RandomMasking(0.5), batch, objective.encoder)
    latents = objective.encoder(batch.clips, mask.visible)
    assert objective._masked_latents(latents, mask).visible is None
    for options in ({"decoders_read": "all"}, {"regressor": None}):
        given = mam2(**options)._masked_latents(latents, mask)
        assert torch.equal(given.visible, latents.tokens)


def test_without_a_regressor_one_token_stands_for_every_masked_one() -> None:
    objective, batch = mam2(regressor=None), sample_batch(2, small_encoder())
    mask = sample_mask(RandomMasking(0.5), batch, objective.encoder)
    given = objective._masked_latents(objective.encoder(batch.clips, mask.visible), mask)
    assert len(given.masked.flatten(0, 1).unique(dim=0)) == 1
    assert not any("regressor" in name for name in objective.state_dict())


def test_a_shared_decoder_is_held_once_and_serves_both_heads() -> None:
    objective, batch = mam2(shared_decoder=True), sample_batch(2, small_encoder())
    assert not any(name.startswith("parts.motion.decoder") for name in objective.state_dict())
    mask = sample_mask(RandomMasking(0.5), batch, objective.encoder)
    before = objective.predict(batch, mask)
    with torch.no_grad():
        next(objective.heads["appearance"].decoder.blocks.parameters()).add_(1.0)
    after = objective.predict(batch, mask)
    assert not torch.equal(before["motion"], after["motion"])


def test_separate_decoders_do_not_touch_each_other() -> None:
    objective, batch = mam2(), sample_batch(2, small_encoder())
    mask = sample_mask(RandomMasking(0.5), batch, objective.encoder)
    before = objective.predict(batch, mask)
    with torch.no_grad():
        for parameter in objective.heads["appearance"].parameters():
            parameter.add_(1.0)
    after = objective.predict(batch, mask)
    assert torch.equal(before["motion"], after["motion"])
    assert not torch.equal(before["appearance"], after["appearance"])


def test_the_alignment_target_is_the_encoder_s_own_latents_and_trains_nothing() -> None:
    objective, batch = (
        mam2(align=2.0, appearance=None, motion=motion(weight=0.0)),
        sample_batch(2, small_encoder()),
    )
    mask = sample_mask(RandomMasking(0.5), batch, objective.encoder)
    losses = objective(batch, mask)
    with torch.no_grad():
        latents = objective.encoder(batch.clips, mask.visible)
        regressed = objective.regressor(latents, mask)
        true = objective.encoder(batch.clips, mask.masked).tokens
    torch.testing.assert_close(losses["align"], (regressed - true).square().mean())
    torch.testing.assert_close(losses["loss"], 2 * losses["align"])
    # Pixels of masked tokens reach the loss through the target alone, which passes no gradient on.
    clips = batch.clips.clone().requires_grad_()
    objective(batch._replace(clips=clips), mask)["loss"].backward()
    hidden = torch.ones(2, 32, dtype=torch.bool).scatter(1, mask.visible, False).view(2, 2, 4, 4)
    hidden = hidden.repeat_interleave(2, 1).repeat_interleave(4, 2).repeat_interleave(4, 3).unsqueeze(1)
    assert (clips.grad.masked_select(hidden) == 0).all()
    assert (clips.grad.masked_select(~hidden) != 0).any()


REFUSED = {
    "no head": ({"appearance": None, "motion": None}, "MAM2 needs a head"),
    "a negative align": ({"align": -1.0}, "align is a weight of 0 or more, got -1"),
    "align without regressor": ({"align": 1.0, "regressor": None}, "without a regressor set align to 0"),
    "another kind of decoder": (
        {"motion": motion(partial(TokenDecoder, embed_dim=16, depth=1, num_heads=2))},
        "its decoder is a LatentDecoder, got a TokenDecoder",
    ),
    "nothing that sees the clip": (
        {"regressor": None, "motion": motion(partial(LatentDecoder, depth=0))},
        "the motion head .* would see nothing of the clip",
    ),
    "decoders that read all and have no block": (
        {"decoders_read": "all", "motion": motion(partial(LatentDecoder, depth=0))},
        "the motion head's decoder has no block to read with",
    ),
    "a shared decoder of two depths": (
        {
            "shared_decoder": True,
            "motion": motion(partial(LatentDecoder, embed_dim=16, depth=3, num_heads=2)),
        },
        "appearance and motion, which have depth 1 and 3$",
    ),
    "a shared decoder of one head": ({"shared_decoder": True, "motion": None}, "shared_decoder needs both"),
    "a shared decoder of two widths": (
        {"shared_decoder": True, "motion": motion(partial(LatentDecoder, embed_dim=8, depth=1, num_heads=2))},
        "appearance and motion, which have embed_dim 16 and 8$",
    ),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_go_together_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mam2(**options)
