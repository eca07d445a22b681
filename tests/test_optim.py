"""Parameter groups and schedule, by hand."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vidmask.models import TokenDecoder, VideoViT
from vidmask.models.classifier import VideoClassifier
from vidmask.models.pooling import MeanPooling
from vidmask.optim import (
    BatchUnderWay,
    clips_per_step,
    layer_decay_groups,
    no_loss,
    num_optimizer_steps,
    parameter_groups,
    schedule,
    warmup_cosine,
)


def test_the_schedule_by_hand() -> None:
    values = [
        warmup_cosine(step, num_steps=110, num_warmup_steps=10, floor=0.1)
        for step in (0, 5, 10, 60, 110, 120)
    ]
    assert values == pytest.approx([0.0, 0.5, 1.0, 0.1 + 0.9 * 0.5, 0.1, 0.1])


def test_a_quarter_of_the_way_down_the_cosine() -> None:
    assert warmup_cosine(25, num_steps=100, num_warmup_steps=0) == pytest.approx(0.5 * (1 + 2**-0.5))


def test_mae_sts_groups_have_the_originals_tensor_counts() -> None:
    with torch.device("meta"):
        encoder = VideoViT()
        decoder = TokenDecoder(encoder, class_token="learned")
        model = nn.ModuleList([encoder, decoder, nn.Linear(512, 768)])
    decayed, exempt = parameter_groups(model, 0.05)
    # The original keeps query, key and value apart: two more weights and two more biases a block, of 16.
    assert len(decayed["params"]) + 2 * 16 == 108
    assert len(exempt["params"]) + 2 * 16 == 167
    assert (decayed["weight_decay"], exempt["weight_decay"]) == (0.05, 0.0)


def test_tokens_and_positions_are_decayed_unless_named() -> None:
    encoder = VideoViT(frames=4, size=8, tubelet=(2, 4, 4), embed_dim=16, depth=1, num_heads=2)
    token = encoder.cls_token
    decayed, exempt = parameter_groups(encoder, 0.05)
    assert any(token is value for value in decayed["params"])
    decayed, exempt = parameter_groups(encoder, 0.05, no_decay=("cls_token",))
    assert any(token is value for value in exempt["params"])
    assert not any(token is value for value in decayed["params"])


def test_frozen_parameters_are_in_no_group() -> None:
    module = nn.Linear(2, 2)
    module.weight.requires_grad_(False)
    decayed, exempt = parameter_groups(module, 0.05)
    assert not decayed["params"]
    assert exempt["params"] == [module.bias]


def test_an_ending_that_fits_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'cls_tokne'"):
        parameter_groups(nn.Linear(2, 2), 0.05, no_decay=("cls_tokne",))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"max_steps": 7}, 7),
        ({"max_epochs": 3}, 3 * 10),
        ({"max_epochs": 3, "accumulate_grad_batches": 4}, 3 * 3),
        ({"max_epochs": 3, "limit_train_batches": 4}, 3 * 4),
        ({"max_epochs": 3, "limit_train_batches": 0.5}, 3 * 5),
        ({"max_epochs": 3, "max_steps": 7}, 7),
        ({"max_epochs": -1}, None),
        ({"max_epochs": 3, "datamodule": None}, None),
    ],
)
def test_the_steps_of_a_run_by_hand(options: dict[str, object], expected: int | None) -> None:
    settings = {
        "max_steps": -1,
        "max_epochs": None,
        "limit_train_batches": 1.0,
        "accumulate_grad_batches": 1,
        "world_size": 2,
        "datamodule": SimpleNamespace(num_train_batches=lambda num_ranks: 20 // num_ranks),
    }
    assert num_optimizer_steps(SimpleNamespace(**(settings | options))) == expected


def test_an_optimizer_follows_the_schedule_over_the_whole_run() -> None:
    trainer = SimpleNamespace(max_steps=10, max_epochs=None)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = schedule(optimizer, trainer, warmup=0.2, floor=0.1)
    rates = []
    for _ in range(11):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([2 * warmup_cosine(step, 10, 2, 0.1) for step in range(11)])
    with pytest.raises(ValueError, match=r"set trainer\.max_steps, or trainer\.max_epochs"):
        schedule(optimizer, SimpleNamespace(max_steps=-1, max_epochs=None), warmup=0.2)


def test_layer_decay_is_that_of_mae_sts_fine_tuning() -> None:
    with torch.device("meta"):
        model = VideoClassifier(VideoViT(), MeanPooling, {"class": 400})
    no_decay = ("cls_token", "cls_position", "positions.spatial", "positions.temporal")
    groups = layer_decay_groups(
        model, model.layer_of, lr=1e-3, layer_decay=0.75, weight_decay=0.05, no_decay=no_decay
    )
    rates = {
        name: (group["lr"], group["weight_decay"])
        for group in groups
        for name, value in model.named_parameters()
        if any(value is other for other in group["params"])
    }
    # ViT-B: the first of 14 layers has 0.75 ** 13 = 0.02376 of the head's rate, as the original prints it.
    assert rates["encoder.patch_embed.proj.weight"] == (pytest.approx(1e-3 * 0.02376, rel=1e-3), 0.05)
    for token in ("cls_token", "cls_position", "positions.spatial", "positions.temporal"):
        assert rates[f"encoder.{token}"] == (pytest.approx(1e-3 * 0.75**13), 0.0)
    for block in range(12):
        rate, decay = rates[f"encoder.blocks.{block}.attn.qkv.weight"]
        assert (rate, decay) == (pytest.approx(1e-3 * 0.75 ** (12 - block)), 0.05)
        assert rates[f"encoder.blocks.{block}.norm1.weight"][1] == 0.0
    assert rates["encoder.norm.weight"] == (1e-3, 0.0)
    assert rates["heads.label_class.weight"] == (1e-3, 0.05)
    assert rates["heads.label_class.bias"] == (1e-3, 0.0)
    assert len(rates) == len(list(model.named_parameters()))


def test_without_layer_decay_there_is_one_rate() -> None:
    groups = layer_decay_groups(nn.Linear(2, 3), lambda _: 0, lr=0.1, layer_decay=1.0, weight_decay=0.5)
    assert [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups] == [
        (0.1, 0.0, 1),
        (0.1, 0.5, 1),
    ]
    with pytest.raises(ValueError, match=r"layer_decay must lie in \(0, 1\], got 0"):
        layer_decay_groups(nn.Linear(2, 3), lambda _: 0, lr=0.1, layer_decay=0.0, weight_decay=0.5)


def test_a_step_has_the_clips_of_all_ranks_and_batches() -> None:
    data = SimpleNamespace(batch_size=8)
    trainer = SimpleNamespace(datamodule=data, world_size=4, accumulate_grad_batches=3)
    assert clips_per_step(trainer) == 96
    with pytest.raises(ValueError, match="or set lr_per to null"):
        clips_per_step(SimpleNamespace(datamodule=None))


def test_a_batch_of_nothing_has_a_gradient_of_zero_for_all_that_is_trained() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False))
    loss = no_loss(module)
    loss.backward()
    assert loss.item() == 0
    assert all(value.grad is not None and value.grad.abs().max() == 0 for value in module[0].parameters())
    assert all(value.grad is None for value in module[1].parameters())


def test_a_batch_under_way_that_is_not_finite_is_told_with_its_place_and_files() -> None:
    module = nn.Linear(1, 1)
    module.trainer, module.global_step, module.current_epoch = SimpleNamespace(precision="32-true"), 7, 1
    BatchUnderWay(torch.tensor(0.5), 3, ["a.mp4"]).check(module)
    with pytest.raises(FloatingPointError) as caught:
        BatchUnderWay(torch.tensor(torch.nan), 3, ["a.mp4", "b.mp4"]).check(module)
    assert str(caught.value) == (
        "loss nan, norm of its gradient 0.0 at step 7 (epoch 1, batch 3; files: a.mp4, b.mp4): the run stops "
        "before this step, and no checkpoint was touched"
    )
