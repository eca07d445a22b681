"""The optimizers of classifiers; what they do in training stands in test_classification_module.py."""

from typing import Any

import pytest
import torch
from timm.optim.lars import Lars
from torch import nn

from vidmask.classification.optimizers import make_optimizer


def groups() -> list[dict[str, Any]]:
    layer = nn.Linear(3, 2)
    return [{"params": [layer.weight], "lr": 0.5, "weight_decay": 0.1}, {"params": [layer.bias]}]


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("adamw", torch.optim.AdamW, {"betas": (0.8, 0.9), "fused": True}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9}),
        ("lars", Lars, {"momentum": 0.9}),
    ],
)
def test_each_name_is_its_optimizer_with_the_groups_own_rates(name, kind, settings):
    optimizer = make_optimizer(name, groups(), lr=0.25, betas=(0.8, 0.9), fused=True)
    assert type(optimizer) is kind
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]
    assert optimizer.param_groups[0]["weight_decay"] == 0.1
    for setting, value in settings.items():
        assert all(group[setting] == value for group in optimizer.param_groups)


def test_lars_always_adapts_matrices_and_never_biases():
    optimizer = make_optimizer("lars", groups(), lr=0.25, betas=(0.9, 0.999), fused=False)
    assert [group["always_adapt"] for group in optimizer.param_groups] == [True, False]
