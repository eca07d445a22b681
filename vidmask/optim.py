"""Parameter groups and learning-rate schedule of the papers."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
    groups = {True: ([], weight_decay), False: ([], 0.0)}
    for value, decayed in _with_decay(module, no_decay).values():
        groups[decayed][0].append(value)
    return [{"params": values, "weight_decay": decay} for values, decay in groups.values()]


def layer_decay_groups(
    module: nn.Module,
    layer_of: Callable[[str], int],
    *,
    lr: float,
    layer_decay: float,
    weight_decay: float,
    no_decay: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Split parameters by layer, with a learning rate that decays towards the input, and by weight decay.

    The learning rate of layer i is ``lr * layer_decay ** (last - i)``, where the last layer is that of the
    heads.

    Args:
        module: The module whose trainable parameters are split.
        layer_of: The layer of a parameter by its name, from 0 at the input.
        lr: Learning rate of the last layer.
        layer_decay: Factor from a layer to the one before it; 1 for one rate everywhere.
        weight_decay: Weight decay, but of biases, norms and ``no_decay``.
        no_decay: Endings of further parameter names without weight decay.

    Raises:
        ValueError: If an ending fits no parameter, or ``layer_decay`` is not in (0, 1].

    Source: BEiT (arXiv 2106.08254), appendix; fine-tuning code of MAE-ST and VideoMAE.
    """
    if not 0 < layer_decay <= 1:
        raise ValueError(f"layer_decay must lie in (0, 1], got {layer_decay}")
    last = max(layer_of(name) for name, _ in module.named_parameters())
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, (value, decayed) in _with_decay(module, no_decay).items():
        layer = layer_of(name)
        group = groups.setdefault(
            (layer, decayed),
            {
                "params": [],
                "lr": lr * layer_decay ** (last - layer),
                "weight_decay": weight_decay if decayed else 0.0,
            },
        )
        group["params"].append(value)
    return [groups[key] for key in sorted(groups)]


def _with_decay(module: nn.Module, no_decay: Sequence[str]) -> dict[str, tuple[nn.Parameter, bool]]:
    """Return the trainable parameters by name, each with whether it is decayed."""
    everything = [name for name, _ in module.named_parameters()]
    for ending in no_decay:
        if not any(name.endswith(ending) for name in everything):
            raise ValueError(f"no_decay names {ending!r}, but no parameter's name ends so")
    return {
        name: (value, value.ndim > 1 and not name.endswith((".bias", *no_decay)))
        for name, value in module.named_parameters()
        if value.requires_grad
    }


def no_loss(module: nn.Module) -> Float[Tensor, ""]:
    """Return the loss of a batch that has no clips: zero, with a gradient of zero for every trained weight.

    So other ranks need not wait for one that would leave the step out.
    """
    nothing = 0.0 * sum(weight.sum() for weight in module.parameters() if weight.requires_grad)
    assert isinstance(nothing, Tensor)
    return nothing


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


class BatchUnderWay(NamedTuple):
    """The batch that the next optimizer step is due to, so that what spoils it can be traced to its files.

    Attributes:
        loss: Its loss; None before the first batch.
        batch_idx: Its place in the epoch.
        paths: The files of its clips.
    """

    loss: Float[Tensor, ""] | None = None
    batch_idx: int = 0
    paths: Sequence[str] = ()

    def check(self, module: Any) -> None:
        """Refuse a step that would spoil the weights; see ``check_finite``."""
        assert self.loss is not None, "no batch came before this step"
        where = f"step {module.global_step} (epoch {module.current_epoch}, batch {self.batch_idx}"
        check_finite(module, self.loss, f"{where}; files: {', '.join(self.paths)})")


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


def clips_per_step(trainer: Any) -> int:
    """Return the clips behind an optimizer step: those of a batch, of all ranks, of all that are accumulated.

    Args:
        trainer: The run's trainer.

    Raises:
        ValueError: If its data module does not tell the size of a batch.
    """
    size = getattr(getattr(trainer, "datamodule", None), "batch_size", None)
    if size is None:
        raise ValueError(
            "the size of a batch is not known, by which the learning rate is scaled: give a VideoDataModule, "
            "or set lr_per to null"
        )
    return size * trainer.world_size * trainer.accumulate_grad_batches
