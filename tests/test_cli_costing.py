"""What a step costs: the count is torch's, of the step that is trained."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vidmask.cli import measuring
from vidmask.cli.costing import cost_of, made_up

pytestmark = pytest.mark.usefixtures("one_thread")


def built(tmp_path, recipe: str, *words: str) -> measuring.MeasuringCLI:
    given = ["--config", recipe, "--data.batch_size=4", "--trainer.accelerator=cpu", *words]
    return measuring.build(given, tmp_path)


def test_multiply_adds_are_those_of_a_forward_and_a_backward_pass(tmp_path):
    cli = built(tmp_path, "quickstart/mae_st")
    cost = cost_of(cli)
    assert cost.clips_per_step == 4
    assert cost.devices == 1
    assert cost.seconds_per_step is not None
    assert 1e-4 < cost.seconds_per_step < 60
    batch = made_up(cli, 4)
    batch = batch._replace(clips=batch.clips.float() / 255)
    with FlopCounterMode(display=False) as counter:
        cli.model.objective(batch, cli.model.mask(batch))["loss"].backward()
    assert cost.macs_per_step == counter.get_total_flops() / 2


def test_accumulated_batches_and_devices_are_one_step(tmp_path):
    once = cost_of(built(tmp_path, "quickstart/mae_st"))
    words = ["--trainer.accumulate_grad_batches=2", "--trainer.devices=3"]
    more = cost_of(built(tmp_path, "quickstart/mae_st", *words))
    assert more.clips_per_step == 6 * once.clips_per_step
    assert more.devices == 3
    assert once.macs_per_step is not None
    assert more.macs_per_step == pytest.approx(6 * once.macs_per_step)


def test_a_frozen_encoder_has_no_backward_pass(tmp_path):
    frozen = cost_of(built(tmp_path, "quickstart/linear"))
    trained = cost_of(built(tmp_path, "quickstart/finetune"))
    assert frozen.macs_per_step is not None
    assert trained.macs_per_step is not None
    # Twice as many operations go backward as forward, or more where attention is worked out once more.
    assert 2.8 < trained.macs_per_step / frozen.macs_per_step < 3.2


def test_noise_has_the_shape_of_clips_and_the_labels_that_are_asked_for(tmp_path):
    cli = built(tmp_path, "quickstart/linear")
    batch = made_up(cli, 3)
    assert batch.clips.shape == (3, 3, 16, 32, 32)
    assert batch.clips.dtype == torch.uint8
    assert {name: values.tolist() for name, values in batch.labels.items()} == {
        "appearance": [0] * 3,
        "motion": [0] * 3,
    }


def test_a_tokenizer_that_a_target_needs_is_counted(tmp_path, tokenizer_recipe, monkeypatch):
    part = f"--model.objective.appearance.target.tokenizer.recipe={tokenizer_recipe}"
    cli = built(tmp_path, "quickstart/mam2", part)
    cost = cost_of(cli)
    batch = made_up(cli, 4)
    batch = batch._replace(clips=batch.clips.float() / 255)
    mask = cli.model.mask(batch)
    target = cli.model.objective.heads["appearance"].target
    with FlopCounterMode(display=False) as counter:
        codes = target(batch, mask.masked, cli.model.encoder.tubelet)
    tokenizer = counter.get_total_flops() / 2
    assert tokenizer > 0
    monkeypatch.setattr(target, "forward", lambda *_: codes)
    with FlopCounterMode(display=False) as counter:
        cli.model.objective(batch, mask)["loss"].backward()
    assert cost.macs_per_step == counter.get_total_flops() / 2 + tokenizer
