"""The laws that every target obeys, to be run on a class of one's own."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from vidmask.masking import RandomMasking
from vidmask.models.vit import VideoViT
from vidmask.targets.base import Target
from vidmask.testing.samples import (
    rows_of,
    sample_batch,
    sample_mask,
    small_encoder,
    with_altered_tokens,
)
from vidmask.tokens import ClipBatch

Perfect = Callable[[Shaped[Tensor, "b m ..."]], Float[Tensor, "b m p"]]


class TargetTrial:
    """A target with what it is tried on.

    Args:
        target: The target; it is made to follow the encoder and loaded.
        encoder: Gives the geometry; ``small_encoder()`` if None.
        perfect: Makes of answers the prediction that is right; the answers themselves if None.
        tolerance: How far a sum may be off by rounding, relative to the numbers.
    """

    def __init__(
        self,
        target: Target,
        encoder: VideoViT | None = None,
        perfect: Perfect | None = None,
        tolerance: float = 1e-5,
    ) -> None:
        self.target = target
        self.encoder = small_encoder() if encoder is None else encoder
        self.perfect = torch.clone if perfect is None else perfect
        self.tolerance = tolerance
        target.follow(self.encoder)
        target.prepare()
        target.load()
        self.tubelet, self.grid = self.encoder.tubelet, self.encoder.grid
        self.batch = sample_batch(2, self.encoder)
        self.mask = sample_mask(RandomMasking(0.75), self.batch, self.encoder)
        self.name = type(target).__name__

    def answers(
        self, batch: ClipBatch | None = None, indices: Int[Tensor, "b m"] | None = None
    ) -> Shaped[Tensor, "b m ..."]:
        """Return the answers, by default of the masked tokens of the batch."""
        batch = self.batch if batch is None else batch
        return self.target(batch, self.mask.masked if indices is None else indices, self.tubelet)

    def prediction(self) -> Float[Tensor, "b m p"]:
        """Return a prediction of noise, the same each time."""
        shape = (*self.mask.masked.shape, self.target.num_outputs(self.tubelet))
        return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def answers_of_chosen_tokens_are_those_of_all(trial: TargetTrial) -> None:
    """The answer for a token does not depend on which others are asked for, or in which order."""
    total = trial.grid.num_tokens
    everything = trial.answers(indices=torch.arange(total).expand(2, -1))
    chosen = torch.randperm(total, generator=torch.Generator().manual_seed(2))[: max(total // 4, 1)]
    found = trial.answers(indices=chosen.expand(2, -1))
    for clip in range(2):
        _equal(
            trial,
            found[clip],
            everything[clip][chosen],
            "answers of chosen tokens are not those of the same tokens among all",
        )


def answers_of_a_clip_are_its_own(trial: TargetTrial) -> None:
    """The answers for a clip do not depend on the batch that it stands in."""
    alone = trial.answers(rows_of(trial.batch, 1, 2), trial.mask.masked[1:])
    _equal(trial, trial.answers()[1:], alone, "the answers of a clip depend on the batch that it stands in")


def answers_are_the_same_each_time(trial: TargetTrial) -> None:
    """Answers are not random, leave the batch as it is, and no gradient flows into them."""
    clips, state = trial.batch.clips.clone(), torch.get_rng_state()
    first, second = trial.answers(), trial.answers()
    _law(torch.equal(first, second), trial, "answers differ from one call to the next")
    _law(torch.equal(clips, trial.batch.clips), trial, "the target changes the clips of the batch")
    _law(torch.equal(state, torch.get_rng_state()), trial, "the target draws from the global generator")
    _law(not first.requires_grad, trial, "a gradient would flow into the answers")


def a_perfect_prediction_has_no_loss(trial: TargetTrial) -> None:
    """What is right costs nothing, and what is wrong costs something."""
    # In evaluation, as a smoothed loss of training is not 0.
    trial.target.eval()
    answer = trial.answers()
    prediction = trial.perfect(answer)
    expected = (*trial.mask.masked.shape, trial.target.num_outputs(trial.tubelet))
    _law(
        tuple(prediction.shape) == expected,
        trial,
        f"the right prediction has the shape {tuple(prediction.shape)}, and num_outputs says {expected}",
    )
    right = trial.target.loss(prediction, answer)
    wrong = trial.target.loss(trial.prediction(), answer)
    _law(right.shape == (), trial, f"the loss has the shape {tuple(right.shape)} and is no single number")
    _law(abs(right.item()) <= 1e-6, trial, f"the right prediction has a loss of {right.item():g}")
    _law(wrong.item() > 1e-3, trial, f"a prediction of noise has a loss of {wrong.item():g}")


def every_prediction_counts(trial: TargetTrial) -> None:
    """The loss has a gradient at each masked token."""
    prediction = trial.prediction().requires_grad_()
    trial.target.loss(prediction, trial.answers()).backward()
    gradient = prediction.grad
    counted = 0 if gradient is None else int((gradient != 0).any(dim=2).sum())
    total = trial.mask.masked.numel()
    _law(counted == total, trial, f"the loss has a gradient at {counted} of {total} masked tokens")


def measures_are_those_announced(trial: TargetTrial) -> None:
    """``measures`` returns what ``measured`` names."""
    found = set(trial.target.measures(trial.prediction(), trial.answers()))
    _law(found == set(trial.target.measured), trial, f"measures {found}, and names {trial.target.measured}")


def trivial_answers_are_worse_than_right(trial: TargetTrial) -> None:
    """There is at least one trivial answer, and it has a loss; another measure is one that is measured."""
    found = trial.target.baselines(trial.batch, trial.mask, trial.grid, trial.tubelet)
    _law(bool(found), trial, "there is no trivial answer to hold the loss against")
    for name, value in found.items():
        _law(bool(value > 0), trial, f"the trivial answer {name} has {value.item():g}: as good as right")
        measure, slash, _ = name.partition("/")
        _law(not slash or measure in trial.target.measured, trial, f"{measure} of {name} is not measured")


def visible_pixels_are_no_part_of_the_answer(trial: TargetTrial) -> None:
    """Answers depend on the pixels of their own tokens alone. Of a local target only."""
    seen = with_altered_tokens(trial.batch.clips, trial.grid, trial.tubelet, trial.mask.visible)
    found = trial.answers(trial.batch._replace(clips=seen))
    _equal(trial, found, trial.answers(), "pixels of visible tokens change the answers of masked ones")


def hidden_pixels_are_part_of_the_answer(trial: TargetTrial) -> None:
    """Answers depend on the pixels of their own tokens: a quarter of them at least.

    Not all: some may stay the same by chance, as classes do, or have nothing to be compared with, as the
    change to the next tubelet has not in the last.
    """
    hidden = with_altered_tokens(trial.batch.clips, trial.grid, trial.tubelet, trial.mask.masked)
    found = trial.answers(trial.batch._replace(clips=hidden))
    others = (found != trial.answers()).flatten(2).any(dim=2)
    _law(
        bool(others.float().mean() >= 0.25),
        trial,
        f"other pixels in the masked tokens leave the answers of {int((~others).sum())} of {others.numel()} "
        "as they are",
    )


LAWS: tuple[Callable[[TargetTrial], None], ...] = (
    answers_of_chosen_tokens_are_those_of_all,
    answers_of_a_clip_are_its_own,
    answers_are_the_same_each_time,
    a_perfect_prediction_has_no_loss,
    every_prediction_counts,
    measures_are_those_announced,
    trivial_answers_are_worse_than_right,
    hidden_pixels_are_part_of_the_answer,
)
LOCAL_LAWS = (visible_pixels_are_no_part_of_the_answer,)


def check_target(
    target: Target,
    *,
    encoder: VideoViT | None = None,
    perfect: Perfect | None = None,
    local: bool = False,
) -> None:
    """Try every law on a target.

    Args:
        target: The target.
        encoder: Gives the geometry; 32 tokens of 2 × 4 × 4 pixels if None.
        perfect: Makes of answers the prediction that is right; the answers themselves if None.
        local: Whether the answer for a token depends on nothing but the token's own pixels.

    Raises:
        AssertionError: If a law is broken; it says which.
    """
    trial = TargetTrial(target, encoder, perfect)
    for law in (*LAWS, *(LOCAL_LAWS if local else ())):
        law(trial)


def _law(holds: bool, trial: TargetTrial, broken: str) -> None:
    if not holds:
        raise AssertionError(f"{trial.name}: {broken}")


def _equal(trial: TargetTrial, found: Tensor, expected: Tensor, broken: str) -> None:
    same = found.shape == expected.shape and torch.allclose(
        found.double(), expected.double(), rtol=trial.tolerance, atol=trial.tolerance
    )
    _law(same, trial, broken)
