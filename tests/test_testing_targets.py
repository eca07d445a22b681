"""The laws of targets: each is broken on purpose once, and caught."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from vidmask.targets import PixelTarget, RGBDifferenceTarget, Target
from vidmask.testing import targets as laws
from vidmask.testing.samples import small_encoder
from vidmask.testing.targets import TargetTrial, check_target


class Faulty(PixelTarget):
    """Raw pixels, with one method replaced."""

    def __init__(self, **faults: Callable[..., Any]) -> None:
        super().__init__("none", "all")
        self.faults = faults

    def __getattribute__(self, name: str) -> Any:
        if name in ("forward", "loss", "measures", "baselines", "measured"):
            faults = super().__getattribute__("__dict__").get("faults", {})
            if name in faults:
                fault = faults[name]
                return fault(self) if name == "measured" else lambda *args: fault(self, *args)
        return super().__getattribute__(name)


def of_pixels(target: Target, *args: Any) -> torch.Tensor:
    return PixelTarget.forward(target, *args)


def in_order(target, batch, indices, tubelet):
    return of_pixels(target, batch, indices.sort(dim=1).values, tubelet)


def of_the_batch(target, batch, indices, tubelet):
    return of_pixels(target, batch, indices, tubelet) - batch.clips.mean()


def random(target, batch, indices, tubelet):
    answers = of_pixels(target, batch, indices, tubelet)
    return answers + torch.rand_like(answers)


def learned(target, batch, indices, tubelet):
    return of_pixels(target, batch, indices, tubelet) * torch.ones((), requires_grad=True)


def spoiling(target, batch, indices, tubelet):
    answers = of_pixels(target, batch, indices, tubelet)
    batch.clips.mul_(0.5)
    return answers


def drawing(target, batch, indices, tubelet):
    torch.rand(1)
    return of_pixels(target, batch, indices, tubelet)


def blind(target, batch, indices, tubelet):
    return torch.zeros_like(of_pixels(target, batch, indices, tubelet)) + indices.unsqueeze(-1)


def blind_but_for_one(target, batch, indices, tubelet):
    answers = blind(target, batch, indices, tubelet)
    answers[:, 0] = of_pixels(target, batch, indices[:, :1], tubelet)[:, 0]
    return answers


def with_context(target, batch, indices, tubelet):
    clip_means = batch.clips.mean(dim=(1, 2, 3, 4))
    return of_pixels(target, batch, indices, tubelet) - clip_means.view(-1, 1, 1)


FAULTS: dict[str, tuple[Callable[[TargetTrial], None], Target, str]] = {
    "the order of the tokens is lost": (
        laws.answers_of_chosen_tokens_are_those_of_all,
        Faulty(forward=in_order),
        "answers of chosen tokens are not those",
    ),
    "the mean of the batch is taken off": (
        laws.answers_of_a_clip_are_its_own,
        Faulty(forward=of_the_batch),
        "depend on the batch",
    ),
    "answers are random": (
        laws.answers_are_the_same_each_time,
        Faulty(forward=random),
        "answers differ from one call to the next",
    ),
    "a gradient flows into the answers": (
        laws.answers_are_the_same_each_time,
        Faulty(forward=learned),
        "a gradient would flow into the answers",
    ),
    "clips are changed": (
        laws.answers_are_the_same_each_time,
        Faulty(forward=spoiling),
        "changes the clips|differ from one call",
    ),
    "the global generator is drawn from": (
        laws.answers_are_the_same_each_time,
        Faulty(forward=drawing),
        "draws from the global generator",
    ),
    "the answer has another size than is said": (
        laws.a_perfect_prediction_has_no_loss,
        Faulty(forward=lambda target, *args: of_pixels(target, *args)[..., :-1]),
        r"num_outputs says \(2, 24, 96\)",
    ),
    "the loss is no number": (
        laws.a_perfect_prediction_has_no_loss,
        Faulty(loss=lambda _, prediction, answer: (prediction - answer).square().mean(dim=2)),
        "is no single number",
    ),
    "what is right costs": (
        laws.a_perfect_prediction_has_no_loss,
        Faulty(loss=lambda _, prediction, answer: (prediction - answer - 1).square().mean()),
        "the right prediction has a loss of 1",
    ),
    "what is wrong costs nothing": (
        laws.a_perfect_prediction_has_no_loss,
        Faulty(loss=lambda _, prediction, answer: 0 * (prediction - answer).mean()),
        "a prediction of noise has a loss of",
    ),
    "only the first tokens count": (
        laws.every_prediction_counts,
        Faulty(loss=lambda _, prediction, answer: (prediction - answer)[:, :2].square().mean()),
        "the loss has a gradient at 4 of 48 masked tokens",
    ),
    "a measure is not announced": (
        laws.measures_are_those_announced,
        Faulty(measures=lambda *_: {"accuracy": torch.ones(())}),
        "measures {'accuracy'}",
    ),
    "no trivial answer": (
        laws.trivial_answers_are_worse_than_right,
        Faulty(baselines=lambda *_: {}),
        "there is no trivial answer",
    ),
    "a trivial answer that is right": (
        laws.trivial_answers_are_worse_than_right,
        Faulty(baselines=lambda *_: {"truth": torch.zeros(())}),
        "the trivial answer truth has 0",
    ),
    "a trivial answer by a measure that is none": (
        laws.trivial_answers_are_worse_than_right,
        Faulty(baselines=lambda *_: {"accuracy/most": torch.ones(())}),
        "accuracy of accuracy/most is not measured",
    ),
    "the whole clip is in the answer": (
        laws.visible_pixels_are_no_part_of_the_answer,
        Faulty(forward=with_context),
        "pixels of visible tokens change the answers",
    ),
    "the answer is not of the pixels": (
        laws.hidden_pixels_are_part_of_the_answer,
        Faulty(forward=blind),
        "leave the answers of 48 of 48 as they are",
    ),
    "one token's answer alone is of the pixels": (
        laws.hidden_pixels_are_part_of_the_answer,
        Faulty(forward=blind_but_for_one),
        "leave the answers of 46 of 48 as they are",
    ),
}


@pytest.mark.parametrize(("law", "target", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_a_law_that_is_broken_is_told(law: Callable, target: Target, told: str) -> None:
    with pytest.raises(AssertionError, match=f"Faulty: .*({told})"):
        law(TargetTrial(target))
    law(TargetTrial(PixelTarget("none", "all")))


def test_each_law_is_broken_here() -> None:
    assert {law for law, _, _ in FAULTS.values()} == {*laws.LAWS, *laws.LOCAL_LAWS}


def test_the_check_tries_all_laws_and_the_local_one_where_it_is_asked_for() -> None:
    check_target(PixelTarget(), local=True)
    check_target(Faulty(forward=with_context))
    for law, target, _ in FAULTS.values():
        if law in laws.LAWS:
            with pytest.raises(AssertionError):
                check_target(target)
    with pytest.raises(AssertionError, match="pixels of visible tokens"):
        check_target(RGBDifferenceTarget(span="next"), local=True)


def test_another_geometry_can_be_tried() -> None:
    check_target(PixelTarget(), encoder=small_encoder(frames=6, size=12, tubelet=(3, 6, 6)), local=True)
