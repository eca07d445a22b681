"""The optimizers that classifiers are trained with."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from timm.optim.lars import Lars
from torch.optim import Optimizer

OptimizerName = Literal["adamw", "sgd", "lars"]


def make_optimizer(
    name: OptimizerName,
    groups: Sequence[dict[str, Any]],
    *,
    lr: float,
    betas: tuple[float, float],
    fused: bool,
) -> Optimizer:
    """Return an optimizer of groups of parameters.

    Args:
        name: ``adamw``, ``sgd`` (momentum 0.9) or ``lars`` (momentum 0.9; MAE's linear probe).
        groups: The parameters, with a learning rate and a weight decay of their own.
        lr: Learning rate of a group that has none.
        betas: AdamW's.
        fused: Whether AdamW steps in one kernel.
    """
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=fused)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9)
    # Matrices have its trust ratio whether decayed or not, as in MAE's code; norms and biases never.
    for group in groups:
        group["always_adapt"] = all(value.ndim > 1 for value in group["params"])
    options: dict[str, Any] = {"momentum": 0.9}
    return Lars(groups, lr=lr, **options)
