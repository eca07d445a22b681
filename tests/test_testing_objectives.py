"""The laws of objectives: each is broken on purpose once, and caught."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from vidmask.models import LatentDecoder, LatentRegressor, TokenDecoder, VideoViT
from vidmask.objectives import MAM2, Head, MaskedAutoencoder, Objective
from vidmask.targets import PixelTarget
from vidmask.testing import objectives as laws
from vidmask.testing.objectives import ObjectiveTrial, check_objective
from vidmask.testing.samples import small_encoder

HEAD = partial(
    Head,
    decoder=partial(TokenDecoder, embed_dim=32, depth=1, num_heads=4),
    target=PixelTarget("none", "all"),
)
LATENT_HEAD = partial(
    Head, decoder=partial(LatentDecoder, depth=1, num_heads=4), target=PixelTarget("none", "all")
)


class TwoEncoders(MaskedAutoencoder):
    def __init__(self, encoder: VideoViT) -> None:
        super().__init__(encoder, HEAD)
        self.again = encoder


class EncoderOfItsOwn(MaskedAutoencoder):
    def __init__(self, encoder: VideoViT) -> None:
        super().__init__(small_encoder(), HEAD)


class HalfPredicted(MaskedAutoencoder):
    def predict(self, batch, mask):
        return {name: value[:, ::2] for name, value in super().predict(batch, mask).items()}


class Nameless(MaskedAutoencoder):
    def predict(self, batch, mask):
        (value,) = super().predict(batch, mask).values()
        return {"other": value}


class Peeking(MaskedAutoencoder):
    def predict(self, batch, mask):
        means = batch.clips.mean(dim=(1, 2, 3, 4)).view(-1, 1, 1)
        return {name: value + means for name, value in super().predict(batch, mask).items()}


class Blind(MaskedAutoencoder):
    def predict(self, batch, mask):
        black = batch._replace(clips=torch.zeros_like(batch.clips))
        return super().predict(black, mask)


class Mixing(MaskedAutoencoder):
    def predict(self, batch, mask):
        return {name: value + value.mean() for name, value in super().predict(batch, mask).items()}


class WithIdleWeights(MaskedAutoencoder):
    def __init__(self, encoder: VideoViT) -> None:
        super().__init__(encoder, HEAD)
        self.idle = nn.Linear(2, 2)


class LooksAtFew(PixelTarget):
    def __init__(self) -> None:
        super().__init__("none", "all")

    def loss(self, prediction, answer):
        return super().loss(prediction[:, :3], answer[:, :3])


class Doubled(MaskedAutoencoder):
    def forward(self, batch, mask):
        losses = super().forward(batch, mask)
        return losses | {"loss": 2 * losses["loss"]}


class Forgetful(MaskedAutoencoder):
    """Counts its steps where no checkpoint sees it."""

    steps = 0

    def after_step(self) -> None:
        self.steps += 1

    def forward(self, batch, mask):
        losses = super().forward(batch, mask)
        return losses | {"loss": losses["loss"] * (1 + self.steps)}


class Stubborn(MaskedAutoencoder):
    def __init__(self, encoder: VideoViT) -> None:
        super().__init__(encoder, HEAD)
        self.noise = 1.0

    def forward(self, batch, mask):
        losses = super().forward(batch, mask)
        return losses | {"loss": losses["loss"] * 1e-4 + 1}


def of(kind: type[MaskedAutoencoder]) -> Callable[[VideoViT], Objective]:
    return lambda encoder: kind(encoder, HEAD)


FAULTS: dict[str, tuple[Callable[[ObjectiveTrial], None], Callable[[VideoViT], Objective], str]] = {
    "the encoder twice": (laws.the_encoder_is_the_one_that_was_given, TwoEncoders, "stand in it"),
    "another encoder": (
        laws.the_encoder_is_the_one_that_was_given,
        EncoderOfItsOwn,
        "is not the one that it was made from",
    ),
    "half of the tokens": (laws.each_masked_token_is_predicted, of(HalfPredicted), "has the shape"),
    "a head that is none": (laws.each_masked_token_is_predicted, of(Nameless), r"predicts \['other'\]"),
    "hidden pixels are seen": (
        laws.hidden_pixels_do_not_reach_the_predictions,
        of(Peeking),
        "hidden pixels reach the prediction",
    ),
    "visible pixels are not seen": (
        laws.hidden_pixels_do_not_reach_the_predictions,
        of(Blind),
        "visible pixels do not reach",
    ),
    "clips are mixed": (laws.a_clip_is_predicted_by_itself, of(Mixing), "depends on the batch"),
    "weights without use": (
        laws.everything_trainable_is_trained,
        WithIdleWeights,
        "2 of its parameters get no gradient: idle.weight, idle.bias",
    ),
    "few tokens count": (
        laws.each_masked_prediction_counts,
        lambda encoder: MaskedAutoencoder(encoder, partial(HEAD, target=LooksAtFew())),
        "looks at 6 of 32 masked tokens",
    ),
    "the sum is another": (
        laws.the_loss_is_the_weighted_sum_of_the_heads,
        of(Doubled),
        "and the weighted sum of its heads'",
    ),
    "something is not saved": (laws.its_state_is_all_there_is_to_it, of(Forgetful), "when loaded"),
    "nothing is learned": (laws.one_batch_can_be_learned, Stubborn, "after 150 steps on one batch"),
}


@pytest.mark.parametrize(("law", "make", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_a_law_that_is_broken_is_told(law: Callable, make: Callable, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        law(ObjectiveTrial(make))


def test_each_law_is_broken_here() -> None:
    assert {law for law, _, _ in FAULTS.values()} == {*laws.LAWS, *laws.SUM_LAWS}


def test_the_check_tries_all_laws() -> None:
    check_objective(of(MaskedAutoencoder))
    for _, make, _ in FAULTS.values():
        with pytest.raises(AssertionError):
            check_objective(make)


def test_terms_beside_the_heads_have_to_be_said() -> None:
    def aligned(encoder: VideoViT) -> Objective:
        regressor = partial(LatentRegressor, depth=1, num_heads=4)
        return MAM2(encoder, LATENT_HEAD, None, regressor, align=2.0)

    check_objective(aligned, terms_beside_heads=True)
    with pytest.raises(AssertionError, match="MAM2: the loss is"):
        check_objective(aligned)
