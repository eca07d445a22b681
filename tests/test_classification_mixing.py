"""Shares, boxes and labels of mixed clips, against plain loops and timm."""

import inspect
import math

import pytest
import timm.data.mixup as timm_mixup
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from vidmask.classification.mixing import Box, Mixing, cut_box, soft_targets, symmetric_beta

SEEDS = [5, 6, 7, 8]
CLASSES = {"action": 5, "object": 3}
METHODS = {"mixup": {"cutmix": 0.0}, "cutmix": {"mixup": 0.0}, "both": {}}
EVERY = pytest.mark.parametrize(
    "mixing",
    [Mixing(**settings, mode=mode) for settings in METHODS.values() for mode in ("batch", "sample")],
    ids=[f"{method}, {mode}" for method in METHODS for mode in ("batch", "sample")],
)
MODES = pytest.mark.parametrize("mode", ["batch", "sample"])


def clips_of(number: int = 4, rows: int = 9, columns: int = 12) -> Tensor:
    return torch.rand(number, 3, 2, rows, columns, generator=torch.Generator().manual_seed(0))


def labels_of(number: int = 4) -> dict[str, Tensor]:
    return {"action": torch.arange(number) % 5, "object": torch.arange(number) * 2 % 3}


def distinct(number: int) -> dict[str, Tensor]:
    """Return labels that tell every clip of a batch apart."""
    return {"action": torch.arange(number)}


def own_shares(mixing: Mixing, seeds: list[int], rows: int = 20, columns: int = 20) -> Tensor:
    """Return the share of every clip's own label; each stands in a batch with another."""
    clips = torch.zeros(2, 3, 1, rows, columns)
    return torch.stack([mixing(clips, distinct(2), {"action": 2}, [s, s])[1]["action"][0, 0] for s in seeds])


def test_the_box_by_hand() -> None:
    # Half the side of 8×12: 4 rows and 6 columns about the centre, whose place is the first past the half.
    assert cut_box(0.75, 8, 12, 4, 6) == (2, 3, 6, 9)
    assert cut_box(0.75, 8, 12, 0, 0) == (0, 0, 2, 3)
    assert cut_box(0.75, 8, 12, 7, 11) == (5, 8, 8, 12)
    # 3 rows and 3 columns: one before the centre and one after.
    assert cut_box(0.75, 6, 6, 3, 3) == (2, 2, 5, 5)
    assert cut_box(0.75, 7, 7, 3, 3) == (2, 2, 5, 5)
    assert cut_box(1.0, 7, 7, 3, 3) == (3, 3, 3, 3)
    # An even side reaches one further to the front, so that the frame needs its middle to be covered.
    assert cut_box(0.0, 8, 8, 4, 4) == (0, 0, 8, 8)


# Releases of timm up to 1.0.20 at least make a box of an odd side one less.
ROUNDS_DOWN = "cut_h + 1" not in inspect.getsource(timm_mixup.rand_bbox)


@pytest.mark.skipif(ROUNDS_DOWN, reason="an older timm, whose boxes of odd sides are one less")
@pytest.mark.parametrize("share", [0.0, 0.1, 0.37, 0.5, 0.9, 1.0])
def test_boxes_are_timms(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for row in range(0, 11, 2):
        for column in range(0, 14, 3):
            centre = iter((row, column))
            monkeypatch.setattr(timm_mixup.np.random, "randint", lambda *_, centre=centre, **__: next(centre))
            top, bottom, left, right = timm_mixup.rand_bbox((1, 3, 11, 14), share)
            assert cut_box(share, 11, 14, row, column) == Box(top, left, bottom, right)


@MODES
def test_cutmix_against_a_plain_loop(mode) -> None:
    mixing, seeds = Mixing(mixup=0.0, mode=mode), list(range(20, 25))
    clips = clips_of(5)
    mixed, targets = mixing(clips, distinct(5), {"action": 5}, seeds)
    expected, answer = clips.clone(), torch.zeros(5, 5)
    num_clipped = 0
    for place in range(5):
        mix = mixing.draw(seeds[place if mode == "sample" else 0], 9, 12)
        assert mix.box is not None
        top, left, bottom, right = mix.box
        num_clipped += top == 0 or left == 0 or bottom == 9 or right == 12
        outside = 0
        for frame in range(2):
            for row in range(9):
                for column in range(12):
                    if top <= row < bottom and left <= column < right:
                        expected[place, :, frame, row, column] = clips[4 - place, :, frame, row, column]
                    else:
                        outside += 1
        answer[place, place] += outside / (2 * 9 * 12)
        answer[place, 4 - place] += 1 - outside / (2 * 9 * 12)
    assert num_clipped > 0
    assert torch.equal(mixed, expected)
    assert not torch.equal(mixed, clips)
    torch.testing.assert_close(targets["action"], answer)


@MODES
def test_the_partners_share_of_the_label_is_that_of_its_pixels(mode) -> None:
    # What is seen in the pixels alone: black clips with white partners.
    mixing = Mixing(mixup=0.0, mode=mode)
    clips = torch.zeros(6, 3, 4, 17, 23)
    clips[3:] = 1
    labels = {"white": clips[:, 0, 0, 0, 0].long()}
    boxes = set()
    for seed in range(0, 300, 6):
        mixed, targets = mixing(clips, labels, {"white": 2}, list(range(seed, seed + 6)))
        torch.testing.assert_close(targets["white"][:, 1], mixed.mean((1, 2, 3, 4)))
        assert torch.equal(mixed, mixed[:, :1, :1].expand_as(mixed))
        for clip in mixed[:3, 0, 0]:
            rows, columns = clip.amax(1), clip.amax(0)
            assert torch.equal(clip, rows.unsqueeze(1) * columns)
            boxes.add((rows.sum().item(), columns.sum().item()))
    # Not the frames, nor all rows or columns, are what is cut.
    assert len(boxes) > 30


@MODES
def test_mixup_against_a_plain_loop(mode) -> None:
    mixing, seeds = Mixing(cutmix=0.0, mode=mode), list(range(20, 25))
    clips = clips_of(5)
    mixed, targets = mixing(clips, distinct(5), {"action": 5}, seeds)
    expected, answer = torch.zeros_like(clips), torch.zeros(5, 5)
    shares = [mixing.draw(seeds[place if mode == "sample" else 0], 9, 12).share for place in range(5)]
    for place, share in enumerate(shares):
        for frame in range(2):
            for row in range(9):
                for column in range(12):
                    own, partner = (clips[at, :, frame, row, column] for at in (place, 4 - place))
                    expected[place, :, frame, row, column] = share * own + (1 - share) * partner
        answer[place, place] += share
        answer[place, 4 - place] += 1 - share
    assert len(set(shares)) == (1 if mode == "batch" else 5)
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(targets["action"], answer)


def test_a_batch_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vidmask.classification.mixing.symmetric_beta", lambda alpha, *_: {0.8: 0.75, 1.0: 0.5}[alpha]
    )
    clips = torch.tensor([0.0, 0.4, 1.0]).view(3, 1, 1, 1, 1).expand(3, 3, 2, 2, 2)
    labels = {"action": torch.tensor([0, 1, 2])}
    mixed, targets = Mixing(switch=0.0)(clips, labels, {"action": 4}, [0, 1, 2], smoothing=0.2)
    torch.testing.assert_close(mixed[:, 0, 0, 0, 0], torch.tensor([0.25, 0.4, 0.75]))
    # On 0.85, off 0.05; three quarters of one's own and a quarter of the partner's.
    torch.testing.assert_close(
        targets["action"],
        torch.tensor([[0.65, 0.05, 0.25, 0.05], [0.05, 0.85, 0.05, 0.05], [0.25, 0.05, 0.65, 0.05]]),
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mixed_targets_are_timms(share: float, smoothing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidmask.classification.mixing.symmetric_beta", lambda *_: share)
    _, targets = Mixing(cutmix=0.0)(clips_of(), labels_of(), CLASSES, SEEDS, smoothing)
    assert targets.keys() == {"action", "object"}
    for name, labels in labels_of().items():
        expected = timm_mixup.mixup_target(labels, CLASSES[name], share, smoothing)
        torch.testing.assert_close(targets[name], expected)
        torch.testing.assert_close(targets[name].sum(1), torch.ones(4))


@pytest.mark.parametrize("method", ["mixup", "cutmix"])
@pytest.mark.parametrize(("mode", "theirs"), [("batch", "batch"), ("sample", "elem")])
def test_every_frame_is_mixed_as_timm_mixes_pictures(
    method, mode, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixing = Mixing(**METHODS[method], mode=mode)
    clips, labels = clips_of(), distinct(4)["action"]
    mixed, targets = mixing(clips, {"action": labels}, {"action": 4}, SEEDS, 0.1)
    reference = timm_mixup.Mixup(1.0, mode=theirs, num_classes=4)
    draws = [mixing.draw(seed, 9, 12) for seed in SEEDS]
    shares = torch.tensor([mix.share for mix in draws]).numpy()
    cuts = [mix.box is not None for mix in draws]
    monkeypatch.setattr(reference, "_params_per_batch", lambda: (draws[0].share, cuts[0]))
    monkeypatch.setattr(reference, "_params_per_elem", lambda _: (shares.copy(), cuts))
    for frame in range(2):
        left = iter(draws)

        def box_of(*_, left=left, **__):
            mix = next(left)
            assert mix.box is not None
            return (mix.box.top, mix.box.bottom, mix.box.left, mix.box.right), mix.share

        monkeypatch.setattr(timm_mixup, "cutmix_bbox_and_lam", box_of)
        expected, expected_targets = reference(clips[:, :, frame].clone(), labels)
        torch.testing.assert_close(mixed[:, :, frame], expected)
        torch.testing.assert_close(targets["action"], expected_targets)


def test_soft_targets_by_hand() -> None:
    labels = torch.tensor([2, 0])
    assert torch.equal(soft_targets(labels, 3), torch.tensor([[0.0, 0, 1], [1, 0, 0]]))
    smooth = soft_targets(labels, 4, 0.2)
    torch.testing.assert_close(smooth, torch.tensor([[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]]))
    assert torch.equal(soft_targets(labels.int(), 4, 0.2), smooth)
    assert smooth.dtype == torch.float32


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 0.8, 1.0, 3.0, 200.0])
def test_shares_are_distributed_as_beta(alpha: float) -> None:
    pairs = torch.rand(40000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    shares = torch.tensor([symmetric_beta(alpha, *pair) for pair in pairs.tolist()], dtype=torch.float64)
    assert ((shares >= 0) & (shares <= 1)).all()
    variance = 1 / (4 * (2 * alpha + 1))
    # Four standard deviations; that of the variance is at most 0.7 %.
    assert shares.mean() == pytest.approx(0.5, abs=4 * math.sqrt(variance / 40000))
    assert shares.var() == pytest.approx(variance, rel=0.03)
    # The fourth moment tells Beta from others of its variance.
    kurtosis = (shares - 0.5).pow(4).mean() / variance**2
    assert kurtosis == pytest.approx(3 - 6 / (2 * alpha + 3), rel=0.07)


@pytest.mark.parametrize(
    ("alpha", "below"),
    # Distribution functions in closed form: of the arcsine law, the uniform law and 6 x (1 - x).
    [
        (0.5, lambda x: 2 / math.pi * math.asin(math.sqrt(x))),
        (1.0, lambda x: x),
        (2.0, lambda x: 3 * x**2 - 2 * x**3),
    ],
)
def test_shares_lie_where_the_distribution_has_them(alpha: float, below) -> None:
    shares = own_shares(Mixing(mixup=alpha, cutmix=0.0), list(range(2000)), 1, 1)
    for x in (0.02, 0.1, 0.3, 0.5, 0.8, 0.97):
        expected = below(x)
        deviation = math.sqrt(expected * (1 - expected) / 2000)
        assert (shares < x).float().mean() == pytest.approx(expected, abs=4 * deviation)


@pytest.mark.parametrize("alpha", [1e-300, 1e-3, 1e9, 1e300])
@pytest.mark.parametrize("first", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("second", [0.0, 0.25, 0.5, 0.75, 1 - 2**-53])
def test_the_ends_of_the_draws_give_a_share(alpha: float, first: float, second: float) -> None:
    assert 0 <= symmetric_beta(alpha, first, second) <= 1


def test_cutmix_leaves_the_share_that_timms_leaves() -> None:
    timm_mixup.np.random.seed(0)
    shape, ours = (1, 3, 40, 40), own_shares(Mixing(mixup=0.0), list(range(2000)), 40, 40)
    theirs = torch.tensor(
        [timm_mixup.cutmix_bbox_and_lam(shape, timm_mixup.np.random.beta(1.0, 1.0))[1] for _ in range(2000)],
        dtype=torch.float32,
    )
    at = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    torch.testing.assert_close(ours.quantile(at), theirs.quantile(at), atol=0.04, rtol=0)


def test_centres_of_boxes_are_all_pixels_alike() -> None:
    mixing = Mixing(mixup=0.0, cutmix=1e6)
    # Half the area of 2×3: one row and two columns, of which the second is the centre.
    boxes = [mixing.draw(seed, 2, 3).box for seed in range(1800)]
    centres = torch.tensor([(box.top, box.right - 1) for box in boxes if box is not None])
    counts = torch.stack(
        [
            (centres == torch.tensor(place)).all(1).sum()
            for place in torch.cartesian_prod(torch.arange(2), torch.arange(3)).tolist()
        ]
    )
    assert counts.sum() == 1800
    # 300 each; four standard deviations.
    assert ((counts - 300).abs() < 64).all()


@pytest.mark.parametrize(
    ("probability", "switch"), [(0.0, 0.5), (0.3, 0.5), (1.0, 0.2), (1.0, 0.0), (1.0, 1.0)]
)
def test_shares_of_mixed_clips_and_of_cutmix(probability: float, switch: float) -> None:
    mixing = Mixing(probability=probability, switch=switch)
    mixes = [mixing.draw(seed, 40, 40) for seed in range(1500)]
    cut = sum(mix.box is not None for mix in mixes) / 1500
    averaged = sum(mix.box is None and mix.share < 1 for mix in mixes) / 1500
    # Four standard deviations at most.
    assert cut == pytest.approx(probability * switch, abs=0.052)
    assert averaged == pytest.approx(probability * (1 - switch), abs=0.052)
    if probability in (0, 1):
        assert cut + averaged == probability
    if switch in (0, 1):
        assert cut == probability * switch


@pytest.mark.parametrize("switch", [0.0, 1.0])
def test_switch_means_nothing_where_one_method_is_off(switch: float) -> None:
    assert all(Mixing(mixup=0.0, switch=switch).draw(seed, 40, 40).box for seed in range(50))
    assert not any(Mixing(cutmix=0.0, switch=switch).draw(seed, 40, 40).box for seed in range(50))


def test_each_method_has_its_own_alpha() -> None:
    # A large alpha gives shares of a half.
    assert Mixing(mixup=1e9, switch=0.0).draw(0, 8, 8).share == pytest.approx(0.5, abs=1e-3)
    assert Mixing(mixup=1e-9, cutmix=1e9, switch=0.0).draw(0, 8, 8).share in (0, 1)
    cut = [Mixing(mixup=1e-9, cutmix=1e9, switch=1.0).draw(seed, 100, 100) for seed in range(50)]
    # Side 70 of 100, more or less of which is beyond the border.
    assert min(mix.share for mix in cut) == pytest.approx(1 - 0.7**2, abs=0.03)


def test_a_sample_is_mixed_or_not_by_its_own_seed() -> None:
    mixing, seeds = Mixing(probability=0.5, mode="sample"), list(range(40))
    clips = clips_of(40)
    mixed, targets = mixing(clips, distinct(40), {"action": 40}, seeds)
    acted = [mixing.draw(seed, 9, 12).share < 1 for seed in seeds]
    assert 10 < sum(acted) < 30
    assert [not torch.equal(*pair) for pair in zip(mixed, clips, strict=True)] == acted
    assert (targets["action"].diagonal() < 1).tolist() == acted
    # The partner is seen, and not what it was mixed into.
    place = next(row for row in range(20) if acted[row] and acted[39 - row])
    alone, _ = Mixing(probability=1.0, mode="sample")(
        clips[[place, 39 - place]], distinct(2), {"action": 2}, [seeds[place], seeds[39 - place]]
    )
    assert torch.equal(alone, mixed[[place, 39 - place]])


def test_a_batch_is_mixed_by_the_seed_of_its_first_sample() -> None:
    mixing, clips = Mixing(), clips_of()
    mixed, targets = mixing(clips, labels_of(), CLASSES, SEEDS)
    again, same = mixing(clips, labels_of(), CLASSES, [5, 90, 91, 92])
    assert torch.equal(again, mixed)
    assert torch.equal(same["action"], targets["action"])
    other, _ = mixing(clips, labels_of(), CLASSES, [90, 6, 7, 8])
    assert not torch.equal(other, mixed)


@EVERY
def test_equal_seeds_mix_alike_whatever_the_global_state(mixing: Mixing) -> None:
    torch.manual_seed(1)
    mixed, targets = mixing(clips_of(), labels_of(), CLASSES, SEEDS)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again, same = mixing(clips_of(), labels_of(), CLASSES, SEEDS)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(again, mixed)
    assert all(torch.equal(same[name], targets[name]) for name in targets)
    other, _ = mixing(clips_of(), labels_of(), CLASSES, [seed + 100 for seed in SEEDS])
    assert not torch.equal(other, mixed)


def test_mixings_of_another_name_draw_otherwise() -> None:
    assert Mixing().draw(3, 40, 40) == Mixing().draw(3, 40, 40) != Mixing(choice="again").draw(3, 40, 40)


def test_no_setting_moves_the_draws_of_another() -> None:
    base = Mixing(probability=0.5, switch=0.5)
    seeds = [seed for seed in range(60) if base.draw(seed, 40, 40).share < 1]
    for other in (Mixing(probability=0.9), Mixing(probability=0.5)):
        assert [other.draw(seed, 40, 40) for seed in seeds] == [base.draw(seed, 40, 40) for seed in seeds]
    cutting = [seed for seed in seeds if base.draw(seed, 40, 40).box]
    assert 0 < len(cutting) < len(seeds)
    only = Mixing(mixup=0.0)
    assert [only.draw(seed, 40, 40) for seed in cutting] == [base.draw(seed, 40, 40) for seed in cutting]


@EVERY
def test_what_is_given_stays_as_it_is(mixing: Mixing) -> None:
    clips, labels = clips_of(), labels_of()
    mixed, targets = mixing(clips, labels, CLASSES, SEEDS)
    assert torch.equal(clips, clips_of())
    assert all(torch.equal(labels[name], classes) for name, classes in labels_of().items())
    assert mixed.dtype == torch.float32
    assert mixed.is_contiguous()
    assert mixed.min() >= 0
    assert mixed.max() <= 1
    assert not torch.equal(mixed, clips)
    assert {name: target.shape for name, target in targets.items()} == {"action": (4, 5), "object": (4, 3)}


@EVERY
def test_the_clip_in_the_middle_of_an_odd_batch_stays_as_it_is(mixing: Mixing) -> None:
    clips = clips_of(5)
    mixed, targets = mixing(clips, distinct(5), {"action": 5}, list(range(5)), 0.1)
    assert torch.equal(mixed[2], clips[2])
    assert not torch.equal(mixed, clips)
    assert torch.equal(targets["action"][2], soft_targets(torch.tensor([2]), 5, 0.1)[0])


def test_a_probability_of_0_returns_the_clips_and_plain_targets() -> None:
    clips = clips_of()
    mixed, targets = Mixing(probability=0.0)(clips, labels_of(), CLASSES, SEEDS, 0.1)
    assert mixed is clips
    assert torch.equal(targets["object"], soft_targets(labels_of()["object"], 3, 0.1))


@EVERY
def test_autocast_and_the_default_type_change_nothing(mixing: Mixing) -> None:
    mixed, targets = mixing(clips_of(), labels_of(), CLASSES, SEEDS)
    clips = clips_of()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            again, same = mixing(clips, labels_of(), CLASSES, SEEDS)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(again, mixed)
    assert all(torch.equal(same[name], targets[name]) for name in targets)


class NoWaiting(TorchDispatchMode):
    """Refuses copies that make the host wait for a device; a tensor on "meta" stands for one on a device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.name == "aten::_to_copy" and (device := (kwargs or {}).get("device")) is not None:
            assert device == args[0].device or kwargs.get("non_blocking"), f"{func} waits for the device"
        if func._schema.name == "aten::copy_":
            assert args[0].device == args[1].device, f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@EVERY
def test_the_host_never_waits_for_the_device(mixing: Mixing) -> None:
    # What reads a value from a tensor on "meta" raises.
    clips = clips_of().to("meta")
    labels = {name: classes.to("meta") for name, classes in labels_of().items()}
    with NoWaiting():
        mixed, targets = mixing(clips, labels, CLASSES, SEEDS, 0.1)
    assert mixed.is_meta
    assert mixed.shape == clips.shape
    assert targets["action"].is_meta
    assert targets["action"].shape == (4, 5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@EVERY
def test_a_device_does_as_the_host_does_and_is_not_waited_for(mixing: Mixing) -> None:
    clips = clips_of().to("cuda")
    labels = {name: classes.to("cuda") for name, classes in labels_of().items()}
    mixing(clips, labels, CLASSES, SEEDS, 0.1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        mixed, targets = mixing(clips, labels, CLASSES, SEEDS, 0.1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected, expected_targets = mixing(clips_of(), labels_of(), CLASSES, SEEDS, 0.1)
    torch.testing.assert_close(mixed.cpu(), expected)
    torch.testing.assert_close(targets["action"].cpu(), expected_targets["action"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mixup": -0.1}, "mixup must be at least 0 and finite, got -0.1"),
        ({"mixup": float("nan")}, "mixup must be at least 0 and finite, got nan"),
        ({"cutmix": float("inf")}, "cutmix must be at least 0 and finite, got inf"),
        ({"mixup": 0.0, "cutmix": 0.0}, "mixup and cutmix are both 0"),
        ({"probability": 1.1}, r"probability must be in \[0, 1\], got 1.1"),
        ({"switch": -0.5}, r"switch must be in \[0, 1\], got -0.5"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Mixing(**settings)


def test_other_words_are_refused_outside_the_tests_too() -> None:
    # The checks of types, which only the tests have, would refuse them first.
    initialise = Mixing.__init__.__wrapped__
    with pytest.raises(ValueError, match="mode must be one of batch, sample, got 'pair'"):
        initialise(object.__new__(Mixing), mode="pair")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.uint8])
def test_clips_of_another_type_are_refused(dtype: torch.dtype) -> None:
    call = Mixing.__call__.__wrapped__
    with pytest.raises(ValueError, match=r"clips must be float32 in \[0, 1\], got torch\."):
        call(Mixing(), clips_of().to(dtype), labels_of(), CLASSES, SEEDS)


def test_a_single_clip_stays_as_it_is() -> None:
    clips, labels = clips_of(1), labels_of(1)
    mixed, targets = Mixing()(clips, labels, CLASSES, [0], smoothing=0.1)
    assert torch.equal(mixed, clips)
    for name, target in targets.items():
        assert torch.equal(target, soft_targets(labels[name], CLASSES[name], 0.1))


def test_batches_that_cannot_be_mixed_are_refused() -> None:
    with pytest.raises(ValueError, match="seeds must be one a clip, got 3 for 4 clips"):
        Mixing()(clips_of(), labels_of(), CLASSES, SEEDS[1:])
    with pytest.raises(ValueError, match="num_classes must name every label: object is missing from action"):
        Mixing()(clips_of(), labels_of(), {"action": 5}, SEEDS)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range_are_refused(label: int) -> None:
    labels = {"object": torch.tensor([0, label, 1, 2])}
    said = r"labels\['object'\] must lie between 0 and 2 \(num_classes=3\), got labels from (-1 to 2|0 to 3)"
    with pytest.raises(ValueError, match=said):
        Mixing()(clips_of(), labels, CLASSES, SEEDS)
    with pytest.raises(ValueError, match=r"^labels must lie between 0 and 2 \(num_classes=3\), got labels"):
        soft_targets(labels["object"], 3)


def test_smoothing_and_classes_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"smoothing must be in \[0, 1\], got 1.5"):
        soft_targets(torch.tensor([0]), 3, 1.5)
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        soft_targets(torch.tensor([0]), 0)
    with pytest.raises(ValueError, match=r"smoothing must be in \[0, 1\], got -0.1"):
        Mixing()(clips_of(), labels_of(), CLASSES, SEEDS, -0.1)


def test_a_mixing_says_what_it_is() -> None:
    assert repr(Mixing(mode="sample")) == (
        "Mixing(mixup=0.8, cutmix=1.0, probability=1.0, switch=0.5, mode='sample', choice='mixing')"
    )
