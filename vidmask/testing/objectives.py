"""The laws that every objective obeys, to be run on a class of one's own."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import nn

from vidmask.masking import MaskGenerator, RandomMasking
from vidmask.models.vit import VideoViT
from vidmask.objectives.base import Objective
from vidmask.testing.samples import (
    rows_of,
    sample_batch,
    sample_mask,
    seeded,
    small_encoder,
    with_altered_tokens,
)
from vidmask.tokens import ClipBatch, TokenMask

MakeObjective = Callable[[VideoViT], Objective]


class ObjectiveTrial:
    """What makes an objective, with what it is tried on.

    Args:
        make: Makes the objective from the encoder.
        make_encoder: Makes the encoder, the same each time; ``small_encoder`` if None.
        masking: Chooses visible and masked tokens; half of them at random if None.
        steps: Steps of the optimizer within which one batch must be learned.
        lr: Their learning rate.
        share: Share of the first loss that may be left then.
    """

    def __init__(
        self,
        make: MakeObjective,
        make_encoder: Callable[[], VideoViT] | None = None,
        masking: MaskGenerator | None = None,
        steps: int = 150,
        lr: float = 3e-3,
        share: float = 0.1,
    ) -> None:
        self.make = make
        self.make_encoder = small_encoder if make_encoder is None else make_encoder
        self.masking = RandomMasking(0.5) if masking is None else masking
        self.steps = steps
        self.lr = lr
        self.share = share
        self.name = type(self.new()).__name__

    def new(self) -> Objective:
        """Return the objective, the same each time, ready to be trained."""
        with seeded(1):
            # A copy: what makes it may put one and the same target into each.
            objective = deepcopy(self.make(self.make_encoder()))
        for head in objective.heads.values():
            head.target.prepare()
            head.target.load()
        return objective

    def batch(self, objective: Objective, *, smooth: bool = False) -> ClipBatch:
        """Return two clips."""
        return sample_batch(2, objective.encoder, smooth=smooth)

    def mask(self, objective: Objective, batch: ClipBatch) -> TokenMask:
        """Return their mask."""
        return sample_mask(self.masking, batch, objective.encoder)


def the_encoder_is_the_one_that_was_given(trial: ObjectiveTrial) -> None:
    """The objective holds the encoder that it was made from, once."""
    encoder = trial.make_encoder()
    objective = trial.make(encoder)
    _law(objective.encoder is encoder, trial, "its encoder is not the one that it was made from")
    weights = {id(weight) for weight in encoder.parameters()}
    times = sum(id(weight) in weights for _, weight in _all_parameters(objective))
    _law(
        times == len(weights),
        trial,
        f"{len(weights)} weights of the encoder stand in it {times} times: a checkpoint holds each once",
    )


def each_masked_token_is_predicted(trial: ObjectiveTrial) -> None:
    """Each head predicts as many numbers as its target wants, for each masked token."""
    objective = trial.new()
    batch = trial.batch(objective)
    mask = trial.mask(objective, batch)
    predictions = objective.predict(batch, mask)
    _law(
        set(predictions) == set(objective.heads),
        trial,
        f"predicts {sorted(predictions)}, and its heads are {sorted(objective.heads)}",
    )
    for name, prediction in predictions.items():
        outputs = objective.heads[name].target.num_outputs(objective.encoder.tubelet)
        expected = (*mask.masked.shape, outputs)
        _law(
            tuple(prediction.shape) == expected,
            trial,
            f"the prediction of {name} has the shape {tuple(prediction.shape)}, expected {expected}",
        )


def hidden_pixels_do_not_reach_the_predictions(trial: ObjectiveTrial) -> None:
    """What is hidden is not seen, and what is visible is."""
    objective = trial.new().eval()
    batch = trial.batch(objective)
    mask, encoder = trial.mask(objective, batch), objective.encoder
    before = objective.predict(batch, mask)
    total = torch.arange(encoder.grid.num_tokens)
    unseen = torch.stack([total[~torch.isin(total, row)] for row in mask.visible])
    for what, indices, reaches in (("hidden", unseen, False), ("visible", mask.visible, True)):
        clips = with_altered_tokens(batch.clips, encoder.grid, encoder.tubelet, indices)
        after = objective.predict(batch._replace(clips=clips), mask)
        for name, prediction in after.items():
            _law(
                torch.equal(prediction, before[name]) != reaches,
                trial,
                f"{what} pixels {'do not reach' if reaches else 'reach'} the prediction of {name}",
            )


def a_clip_is_predicted_by_itself(trial: ObjectiveTrial) -> None:
    """The prediction for a clip does not depend on the batch that it stands in."""
    objective = trial.new().eval()
    batch = trial.batch(objective)
    mask = trial.mask(objective, batch)
    together = objective.predict(batch, mask)
    alone = objective.predict(rows_of(batch, 1, 2), TokenMask(mask.visible[1:], mask.masked[1:]))
    for name, prediction in alone.items():
        _law(
            torch.allclose(prediction, together[name][1:], rtol=1e-4, atol=1e-5),
            trial,
            f"the prediction of {name} for a clip depends on the batch that it stands in",
        )


def everything_trainable_is_trained(trial: ObjectiveTrial) -> None:
    """Each trainable parameter gets a gradient: other ranks would wait for one that is left out.

    It may be zero at the very first step, as before a layer that starts at zero.
    """
    objective = trial.new()
    batch = trial.batch(objective)
    mask = trial.mask(objective, batch)
    _train(trial, objective, batch, mask, steps=2)
    objective.zero_grad()
    objective(batch, mask)["loss"].backward()
    idle = [
        name
        for name, weight in objective.named_parameters()
        if weight.requires_grad and (weight.grad is None or not weight.grad.abs().sum() > 0)
    ]
    _law(not idle, trial, f"{len(idle)} of its parameters get no gradient: {', '.join(idle[:3])}")


def each_masked_prediction_counts(trial: ObjectiveTrial) -> None:
    """The loss of each head has a gradient at every masked token."""
    objective = trial.new()
    batch = trial.batch(objective)
    mask = trial.mask(objective, batch)
    for name, value in objective.predict(batch, mask).items():
        prediction = value.detach().requires_grad_()
        objective.heads[name].measure(prediction, batch, mask)[0].backward()
        gradient = prediction.grad
        counted = 0 if gradient is None else int((gradient != 0).any(dim=2).sum())
        total = mask.masked.numel()
        _law(counted == total, trial, f"the loss of {name} looks at {counted} of {total} masked tokens")


def the_loss_is_the_weighted_sum_of_the_heads(trial: ObjectiveTrial) -> None:
    """``loss`` is what the heads' losses come to, each by its weight: where it has no other terms."""
    objective = trial.new().eval()
    batch = trial.batch(objective)
    for weight, head in enumerate(objective.heads.values(), start=2):
        head.weight = float(weight)
    losses = objective(batch, trial.mask(objective, batch))
    weighted = [head.weight * losses[name] for name, head in objective.heads.items()]
    expected = torch.stack(weighted).sum()
    _law(
        torch.allclose(losses["loss"], expected),
        trial,
        f"the loss is {losses['loss'].item():g}, and the weighted sum of its heads' {expected.item():g}",
    )


def its_state_is_all_there_is_to_it(trial: ObjectiveTrial) -> None:
    """One made anew gives the same loss with the state of a trained one."""
    trained, anew = trial.new(), trial.new()
    batch = trial.batch(trained)
    mask = trial.mask(trained, batch)
    _train(trial, trained, batch, mask, steps=2)
    anew.load_state_dict(trained.state_dict())
    before, after = (objective.eval()(batch, mask)["loss"] for objective in (trained, anew))
    _law(
        torch.equal(before, after),
        trial,
        f"the loss is {before.item():g} when trained and {after.item():g} when loaded from its state",
    )


def one_batch_can_be_learned(trial: ObjectiveTrial) -> None:
    """Trained on one batch again and again, the loss falls to a share of what it was."""
    objective = trial.new()
    batch = trial.batch(objective, smooth=True)
    mask = trial.mask(objective, batch)
    first = objective(batch, mask)["loss"].item()
    _train(trial, objective, batch, mask, trial.steps)
    last = objective(batch, mask)["loss"].item()
    _law(
        last < trial.share * first,
        trial,
        f"after {trial.steps} steps on one batch the loss is {last:g}, from {first:g}: more than "
        f"{trial.share:g} of it",
    )


LAWS: tuple[Callable[[ObjectiveTrial], None], ...] = (
    the_encoder_is_the_one_that_was_given,
    each_masked_token_is_predicted,
    hidden_pixels_do_not_reach_the_predictions,
    a_clip_is_predicted_by_itself,
    everything_trainable_is_trained,
    each_masked_prediction_counts,
    its_state_is_all_there_is_to_it,
    one_batch_can_be_learned,
)
SUM_LAWS = (the_loss_is_the_weighted_sum_of_the_heads,)


def check_objective(
    make: MakeObjective,
    *,
    make_encoder: Callable[[], VideoViT] | None = None,
    masking: MaskGenerator | None = None,
    steps: int = 150,
    terms_beside_heads: bool = False,
) -> None:
    """Try every law on an objective.

    Args:
        make: Makes the objective from the encoder.
        make_encoder: Makes the encoder, the same each time; a small one of 32 tokens if None.
        masking: Chooses visible and masked tokens; half of them at random if None.
        steps: Steps of the optimizer within which one batch must be learned.
        terms_beside_heads: Whether the loss has terms beside its heads', such as an alignment.

    Raises:
        AssertionError: If a law is broken; it says which.
    """
    trial = ObjectiveTrial(make, make_encoder, masking, steps)
    for law in (*LAWS, *(() if terms_beside_heads else SUM_LAWS)):
        law(trial)


def _train(
    trial: ObjectiveTrial, objective: Objective, batch: ClipBatch, mask: TokenMask, steps: int
) -> None:
    weights = [weight for weight in objective.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=trial.lr, weight_decay=0.0)
    for _ in range(steps):
        optimizer.zero_grad()
        objective(batch, mask)["loss"].backward()
        optimizer.step()
        objective.after_step()


def _all_parameters(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(module.named_parameters(remove_duplicate=False))


def _law(holds: bool, trial: ObjectiveTrial, broken: str) -> None:
    if not holds:
        raise AssertionError(f"{trial.name}: {broken}")
