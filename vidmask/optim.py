"""Parameter groups and learning-rate schedule of the papers."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def parameter_groups(
    module: nn.Module, weight_decay: float, no_decay: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Split parameters into those with weight decay and those without.

    Biases and everything with one axis (the norms) go without. Class tokens, mask tokens and position
    embeddings are decayed, as in MAE-ST's code; VideoMAE's code exempts them, which ``no_decay`` says.

    Args:
        module: The module whose trainable parameters are split.
        weight_decay: Decay of the first group.
        no_decay: Endings of further parameter names that go without, such as ``mask_token``.

    Raises:
        ValueError: If an ending fits no parameter.
    """
    parameters = [(name, value) for name, value in module.named_parameters() if value.requires_grad]
    for ending in no_decay:
        if not any(name.endswith(ending) for name, _ in parameters):
            raise ValueError(f"no_decay names {ending!r}, but no parameter's name ends so")
    exempt = [value.ndim <= 1 or name.endswith((".bias", *no_decay)) for name, value in parameters]
    return [
        {
            "params": [v for (_, v), free in zip(parameters, exempt, strict=True) if not free],
            "weight_decay": weight_decay,
        },
        {"params": [v for (_, v), free in zip(parameters, exempt, strict=True) if free], "weight_decay": 0.0},
    ]


def check_finite(module: Any, loss: Float[Tensor, ""], where: str) -> None:
    """Refuse a step that would spoil the weights.

    Args:
        module: The module in training. Its gradients are those of all ranks together, so that all stop.
        loss: The loss.
        where: Where in the run this is, for the message.

    Raises:
        FloatingPointError: If the loss or the norm of the gradient is not finite.
    """
    # Half precision is scaled up and overflows now and then, which its own scaler looks after.
    scaled = module.trainer.precision == "16-mixed"
    gradients = [value.grad for value in module.parameters() if value.grad is not None and not scaled]
    norm = torch.nn.utils.get_total_norm(gradients)
    if not torch.isfinite(norm + loss):
        raise FloatingPointError(
            f"loss {loss.item()}, norm of its gradient {norm.item()} at {where}: the run stops before this "
            "step, and no checkpoint was touched"
        )


def schedule(optimizer: Optimizer, trainer: Any, warmup: float, floor: float = 0.0) -> LambdaLR:
    """Let an optimizer's learning rate follow ``warmup_cosine`` over a whole run, step by step.

    Args:
        optimizer: The optimizer, at its peak learning rate.
        trainer: The run's trainer, whose length the schedule spans.
        warmup: Share of the steps over which the learning rate rises from 0.
        floor: Share of the peak at the end.

    Raises:
        ValueError: If the length of the run is not known.
    """
    num_steps = num_optimizer_steps(trainer)
    if num_steps is None:
        raise ValueError(
            "the length of the run is not known, which the learning-rate schedule needs: "
            "set trainer.max_steps, or trainer.max_epochs together with a VideoDataModule"
        )
    num_warmup_steps = round(warmup * num_steps)
    return LambdaLR(optimizer, lambda step: warmup_cosine(step, num_steps, num_warmup_steps, floor))


def num_optimizer_steps(trainer: Any) -> int | None:
    """Return the optimizer steps of a whole run, or None where they cannot be known.

    They follow from ``max_steps``, and from ``max_epochs`` where the data module tells its batches by
    ``num_train_batches``. ``trainer.estimated_stepping_batches`` is left alone: touching it makes Lightning
    drop a loader's state on resume.

    Args:
        trainer: The run's trainer.
    """
    limits = [trainer.max_steps] if trainer.max_steps > 0 else []
    data: Any = getattr(trainer, "datamodule", None)
    if trainer.max_epochs is not None and trainer.max_epochs > 0 and hasattr(data, "num_train_batches"):
        num_batches = data.num_train_batches(trainer.world_size)
        limit = trainer.limit_train_batches
        if isinstance(limit, int):
            num_batches = min(num_batches, limit)
        elif limit is not None:
            num_batches = int(num_batches * limit)
        limits.append(trainer.max_epochs * -(-num_batches // trainer.accumulate_grad_batches))
    return min(limits, default=None)


def warmup_cosine(step: int, num_steps: int, num_warmup_steps: int, floor: float = 0.0) -> float:
    """Return the learning rate at a step, as a share of its peak.

    It rises linearly from 0 over the warm-up and falls by half a cosine to ``floor`` at ``num_steps``.

    Args:
        step: Optimizer steps done.
        num_steps: Optimizer steps of the run.
        num_warmup_steps: Steps of the warm-up among them.
        floor: Share of the peak at the end.

    Source: MAE-ST's and VideoMAE's code (per step, warm-up from 0).
    """
    if step < num_warmup_steps:
        return step / num_warmup_steps
    progress = min((step - num_warmup_steps) / max(num_steps - num_warmup_steps, 1), 1.0)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))
