"""The attentive probe: independent probes on the same batches, chosen on training videos."""

import math

import pytest
import torch

from vidmask.optim import parameter_groups
from vidmask.probing.attentive import (
    GRID,
    AttentiveProbe,
    Schedule,
    Setting,
    _first_weights,
    fit_attentive_probe,
    mean_over_views,
    probabilities,
    train_probes,
)
from vidmask.probing.inputs import held_out

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = Schedule(epochs=3, batch_size=8)


def marked(num_videos: int = 20, views: int = 1, seed: int = 0) -> tuple:
    """Tokens of noise among which one, at a place that changes, tells the class by its sign."""
    chance = torch.Generator().manual_seed(seed)
    video = torch.arange(num_videos).repeat_interleave(views)
    labels = video % 2
    tokens = torch.randn(len(video), 4, 16, generator=chance)
    place = torch.randint(4, (len(video),), generator=chance)
    tokens[torch.arange(len(video)), place, :4] = 6.0 * (2 * labels[:, None] - 1.0)
    return tokens, labels, video


def weights(probe: AttentiveProbe) -> list[torch.Tensor]:
    return [value for _, value in sorted(probe.state_dict().items())]


def test_the_grid_is_every_learning_rate_with_every_weight_decay():
    assert len(set(GRID)) == 12
    assert {setting.lr for setting in GRID} == {1e-4, 3e-4, 1e-3, 3e-3}
    assert {setting.weight_decay for setting in GRID} == {0.01, 0.1, 0.4}


@pytest.mark.parametrize(("width", "heads"), [(768, 16), (192, 16), (24, 8), (6, 2)])
def test_it_has_sixteen_heads_or_as_many_as_the_width_allows(width, heads):
    probe = AttentiveProbe(width, 3)
    assert probe.pooling.attn.num_heads == heads
    assert probe(torch.zeros(2, 5, width)).shape == (2, 3)
    assert all(not value.is_meta for value in probe.parameters())


def test_a_probe_ends_the_same_whatever_is_trained_beside_it():
    tokens, labels, _ = marked()
    grid = [Setting(1e-2, 0.1), Setting(3e-3, 0.01), Setting(1e-2, 0.4)]
    together = train_probes(tokens, labels, 2, grid, schedule=QUICK)
    for setting, probe in zip(grid, together, strict=True):
        (alone,) = train_probes(tokens, labels, 2, [setting], schedule=QUICK)
        assert all(map(torch.equal, weights(alone), weights(probe)))
    reverse = train_probes(tokens, labels, 2, grid[::-1], schedule=QUICK)[::-1]
    for one, other in zip(together, reverse, strict=True):
        assert all(map(torch.equal, weights(one), weights(other)))
    assert not torch.equal(together[0].head.weight, together[2].head.weight)


def test_chance_is_the_seed_s_alone():
    tokens, labels, _ = marked()
    setting = [Setting(1e-2, 0.1)]
    torch.manual_seed(1)
    (first,) = train_probes(tokens, labels, 2, setting, schedule=QUICK)
    drawn = torch.rand(())
    torch.manual_seed(1)
    assert torch.equal(torch.rand(()), drawn), "torch's own generator was moved"
    (again,) = train_probes(tokens, labels, 2, setting, schedule=QUICK)
    (other,) = train_probes(tokens, labels, 2, setting, schedule=Schedule(3, 8, seed=1))
    assert all(map(torch.equal, weights(first), weights(again)))
    assert not torch.equal(first.head.weight, other.head.weight)


def test_one_step_is_adamw_s_at_the_peak_of_the_schedule():
    tokens, labels, _ = marked(8)
    setting = Setting(1e-2, 0.4)
    first = _first_weights(16, 2, setting, 0)
    (probe,) = train_probes(tokens, labels, 2, [setting], schedule=Schedule(1, 8, warmup=0.0))
    # The first step of AdamW moves each weight by its rate, against the sign of its gradient, after a decay.
    moved = probe.head.weight - first.head.weight * (1 - 1e-2 * 0.4)
    torch.testing.assert_close(moved.abs(), torch.full_like(moved, 1e-2), rtol=1e-3, atol=0)
    # Biases do not decay: they began at zero.
    torch.testing.assert_close(probe.head.bias.abs(), torch.full((2,), 1e-2), rtol=1e-3, atol=0)


def test_steps_are_those_of_a_plain_loop():
    tokens, labels, _ = marked(8)
    setting = Setting(1e-2, 0.4)
    plain = _first_weights(16, 2, setting, 0)
    optimizer = torch.optim.AdamW(parameter_groups(plain, 0.4))
    for rate in (1e-2, 1e-2 * 0.75, 1e-2 * 0.25):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(plain(tokens), labels).backward()
        optimizer.step()
    (probe,) = train_probes(tokens, labels, 2, [setting], schedule=Schedule(3, 8, warmup=0.0))
    for one, other in zip(weights(plain), weights(probe), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_rate_rises_and_falls_by_half_a_cosine(monkeypatch):
    rates = []
    step = torch.optim.AdamW.step

    def seen(self, *args, **kwargs):
        rates.append({group["lr"] for group in self.param_groups})
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", seen)
    tokens, labels, _ = marked(8)
    train_probes(tokens, labels, 2, [Setting(1.0, 0.0)], schedule=Schedule(4, 4, warmup=0.25))
    # Eight steps, two of them warm-up: thirds up to the peak, then half a cosine that ends after the last.
    cosine = [0.5 * (1 + math.cos(math.pi * place / 6)) for place in range(6)]
    assert [*map(max, rates)] == pytest.approx([1 / 3, 2 / 3, *cosine])


def test_only_the_rows_given_are_trained_on():
    tokens, labels, _ = marked()
    rows = torch.arange(0, 20, 2)
    (some,) = train_probes(tokens, labels, 2, [Setting(1e-2, 0.1)], rows=rows, schedule=QUICK)
    spoilt = tokens.clone()
    spoilt[1::2] = math.nan
    (again,) = train_probes(spoilt, labels, 2, [Setting(1e-2, 0.1)], rows=rows, schedule=QUICK)
    assert all(map(torch.equal, weights(some), weights(again)))


def test_it_finds_a_mark_whose_place_changes():
    tokens, labels, video = marked(120)
    schedule = Schedule(epochs=15, batch_size=24)
    grid = [Setting(1e-5, 0.1), Setting(3e-3, 0.01)]
    found = fit_attentive_probe(tokens, labels, video, 2, grid=grid, schedule=schedule)
    assert found.setting == Setting(3e-3, 0.01)
    assert (found.num_held_out, found.num_videos) == (24, 120)
    others, truth, _ = marked(100, seed=1)
    answers = probabilities(found.probe, others, 32)
    torch.testing.assert_close(answers.sum(dim=1), torch.ones(100, dtype=torch.float64))
    assert (answers.argmax(dim=1) == truth).double().mean() > 0.9


def test_the_setting_is_chosen_on_held_out_videos_and_the_best_trained_on_all():
    # Labels of chance, which a probe can only know of videos that it has seen.
    tokens, _, video = marked(20, views=2)
    labels = torch.randint(2, (20,), generator=torch.Generator().manual_seed(3))[video]
    schedule = Schedule(epochs=30, batch_size=16)
    grid = [Setting(1e-2, 0.1), Setting(3e-3, 0.01)]
    found = fit_attentive_probe(tokens, labels, video, 2, grid=grid, schedule=schedule)
    held = held_out(video)
    assert held.sum() == 8
    assert {*video[held].tolist()}.isdisjoint(video[~held].tolist())
    rows = (~held).nonzero().flatten()
    for setting, probe in zip(
        grid, train_probes(tokens, labels, 2, grid, rows=rows, schedule=schedule), strict=True
    ):
        means, first = mean_over_views(probabilities(probe, tokens[held]), video[held])
        right = (means.argmax(dim=1) == labels[held][first]).double().mean().item()
        assert found.accuracy[setting] == right
    assert found.accuracy[found.setting] == max(found.accuracy.values())
    (refitted,) = train_probes(tokens, labels, 2, [found.setting], schedule=schedule)
    assert all(map(torch.equal, weights(found.probe), weights(refitted)))
    means, first = mean_over_views(probabilities(found.probe, tokens), video)
    assert (means.argmax(dim=1) == labels[first]).all()
    assert max(found.accuracy.values()) < 1


def test_a_setting_that_diverges_is_passed_over():
    tokens, labels, video = marked()
    grid = [Setting(1e30, 0.1), Setting(1e-3, 0.1)]
    found = fit_attentive_probe(tokens, labels, video, 2, grid=grid, schedule=QUICK)
    assert found.setting == grid[1]
    assert math.isnan(found.accuracy[grid[0]])
    with pytest.raises(ValueError, match="all 1 settings of the attentive probe diverge"):
        fit_attentive_probe(tokens, labels, video, 2, grid=grid[:1], schedule=QUICK)


def test_views_are_averaged_by_video():
    answers = torch.tensor([[0.5, 0.5], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    means, first = mean_over_views(answers, torch.tensor([7, 3, 7, 7]))
    torch.testing.assert_close(means, torch.tensor([[0.0, 1.0], [2 / 3, 1 / 3]]))
    assert first.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video": torch.zeros(20, dtype=torch.int64)}, "needs 2 training videos or more, got 1"),
        ({"labels": torch.arange(20)}, r"labels must lie between 0 and 1 \(num_classes=2\), got 0 to 19"),
        ({"tokens": torch.full((20, 4, 16), math.nan)}, "tokens hold values that are not finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    tokens, labels, video = marked()
    given = {"tokens": tokens, "labels": labels, "video": video, "num_classes": 2} | change
    with pytest.raises(ValueError, match=message):
        fit_attentive_probe(**given, schedule=QUICK)
    with pytest.raises(ValueError, match="must have a setting, got none"):
        fit_attentive_probe(tokens, labels, video, 2, grid=[])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"warmup": 1.0}, "warmup is a share of the steps, from 0 to below 1, got 1.0"),
    ],
)
def test_wrong_schedules_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Schedule(**options)
