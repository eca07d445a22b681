"""The laws that every augmentation obeys, and what its base refuses. A new one is a line in the table."""

from contextlib import nullcontext

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms.v2 import functional

from vidmask.data.augmentation import (
    ClipAugmentation,
    ColorJitter,
    GaussianBlur,
    RandAugment,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
)
from vidmask.data.augmentation.base import checked_number, checked_range, uniform
from vidmask.randomness import generator

AUGMENTATIONS: dict[str, ClipAugmentation] = {
    "flip": RandomFlip(1.0),
    "half of the flips": RandomFlip(0.5),
    "colour": ColorJitter(probability=1.0),
    "strong colour": ColorJitter(1.5, 1.5, 1.5, 0.5, probability=0.7),
    "grey": RandomGrayscale(0.5),
    "blur": GaussianBlur(5, probability=0.5),
    "erasing, noise": RandomErasing(1.0, std=1.0),
    "erasing, a colour": RandomErasing(0.5, mode="rand"),
    "erasing, the mean": RandomErasing(0.5, mode="const"),
    "MAE-ST's RandAugment": RandAugment.from_timm("rand-m7-mstd0.5-inc1"),
    "strong RandAugment": RandAugment(4, 10.0, op_probability=1.0, interpolation="bilinear"),
    "RandAugment, not increasing": RandAugment(4, 5.0, float("inf"), increasing=False),
}
# All frames are changed alike but for the noise.
UNSTEADY = {"erasing, noise of each frame": RandomErasing(1.0, noise="frame")}
STEADY = pytest.mark.parametrize("augmentation", AUGMENTATIONS.values(), ids=AUGMENTATIONS.keys())
EVERY = pytest.mark.parametrize(
    "augmentation", (AUGMENTATIONS | UNSTEADY).values(), ids=(AUGMENTATIONS | UNSTEADY).keys()
)
SEEDS = list(range(12))


def clips_of(num_frames: int = 3, rows: int = 12, columns: int = 16) -> Tensor:
    chance = torch.Generator().manual_seed(0)
    return torch.rand(len(SEEDS), 3, num_frames, rows, columns, generator=chance)


@EVERY
def test_clips_keep_their_shape_and_stay_in_zero_to_one(augmentation: ClipAugmentation) -> None:
    clips = clips_of()
    changed = augmentation(clips, SEEDS)
    assert changed.shape == clips.shape
    assert changed.dtype == torch.float32
    assert changed.is_contiguous()
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.equal(changed, clips)


@EVERY
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_clips_stay_in_zero_to_one(augmentation: ClipAugmentation, value: float) -> None:
    changed = augmentation(torch.full((len(SEEDS), 3, 2, 12, 16), value), SEEDS)
    assert ((changed >= 0) & (changed <= 1)).all()


@EVERY
def test_the_clips_given_stay_as_they_are(augmentation: ClipAugmentation) -> None:
    clips = clips_of()
    before = clips.clone()
    augmentation(clips, SEEDS)
    assert torch.equal(clips, before)


@STEADY
def test_a_clip_that_stands_still_goes_on_standing_still(augmentation: ClipAugmentation) -> None:
    clips = clips_of(1).expand(-1, -1, 5, -1, -1)
    changed = augmentation(clips, SEEDS)
    torch.testing.assert_close(changed, changed[:, :, :1].expand_as(changed), atol=1e-6, rtol=0)


@STEADY
def test_a_frame_is_changed_as_it_would_be_alone(augmentation: ClipAugmentation) -> None:
    clips = clips_of()
    changed = augmentation(clips, SEEDS)
    for time in range(clips.shape[2]):
        alone = augmentation(clips[:, :, time : time + 1], SEEDS)
        torch.testing.assert_close(alone, changed[:, :, time : time + 1], atol=1e-6, rtol=0)


@EVERY
def test_a_clip_does_not_depend_on_its_batch(augmentation: ClipAugmentation) -> None:
    clips = clips_of()
    together = augmentation(clips, SEEDS)
    backwards = augmentation(clips.flip(0), SEEDS[::-1]).flip(0)
    torch.testing.assert_close(backwards, together, atol=1e-6, rtol=0)
    for row, seed in enumerate(SEEDS):
        alone = augmentation(clips[row : row + 1], [seed])
        torch.testing.assert_close(alone, together[row : row + 1], atol=1e-6, rtol=0)


@EVERY
def test_equal_seeds_draw_alike_and_others_otherwise(augmentation: ClipAugmentation) -> None:
    clips = clips_of()
    assert torch.equal(augmentation(clips, SEEDS), augmentation(clips, SEEDS))
    others = [seed + 100 for seed in SEEDS]
    same = torch.equal(augmentation(clips, SEEDS), augmentation(clips, others))
    assert same == (isinstance(augmentation, RandomFlip) and augmentation.probability == 1)


@EVERY
def test_the_global_random_numbers_are_left_alone(augmentation: ClipAugmentation) -> None:
    state = torch.get_rng_state()
    augmentation(clips_of(), SEEDS)
    assert torch.equal(torch.get_rng_state(), state)


@EVERY
def test_autocast_changes_nothing(augmentation: ClipAugmentation) -> None:
    clips = clips_of()
    expected = augmentation(clips, SEEDS)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augmentation(clips, SEEDS), expected)


@EVERY
def test_the_default_type_changes_nothing(augmentation: ClipAugmentation) -> None:
    clips = clips_of()
    expected = augmentation(clips, SEEDS)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(augmentation(clips, SEEDS), expected)
    finally:
        torch.set_default_dtype(torch.float32)


class NoWaiting(TorchDispatchMode):
    """Refuses copies that make the host wait for a device; a tensor on "meta" stands for one on a device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
        given |= kwargs or {}
        waits = False
        if func._schema.name == "aten::_to_copy":
            waits = torch.device(given.get("device") or given["self"].device) != given["self"].device
        elif func._schema.name == "aten::copy_":
            waits = given["self"].device != given["src"].device
        assert not waits or given.get("non_blocking"), f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


class NoNumbersSent(TorchFunctionMode):
    """Refuses tensors made of numbers on a device: they are sent there, and the host waits."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        sent = func in (torch.tensor, torch.as_tensor) and (kwargs or {}).get("device")
        assert not sent or torch.device(sent).type == "cpu", f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@EVERY
def test_the_host_never_waits_for_the_device(
    augmentation: ClipAugmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # "meta" knows no autocast. What reads a value from a tensor there raises.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    clips = clips_of().to("meta")
    with NoWaiting(), NoNumbersSent():
        changed = augmentation(clips, SEEDS)
    assert changed.shape == clips.shape
    assert changed.is_meta


def test_what_waits_for_the_device_is_found() -> None:
    frames = torch.rand(1, 3, 8, 8, device="meta")
    with NoWaiting(), NoNumbersSent():
        frames.copy_(torch.rand(1, 3, 8, 8), non_blocking=True)
        with pytest.raises(AssertionError, match="waits for the device"):
            functional.affine(frames, 5.0, [0.0, 0.0], 1.0, [0.0, 0.0])
        with pytest.raises(AssertionError, match="waits for the device"):
            frames.copy_(torch.rand(1, 3, 8, 8))
        with pytest.raises(AssertionError, match="waits for the device"):
            torch.rand(3).to("meta")
        with pytest.raises(RuntimeError):
            frames.sum().item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@EVERY
def test_a_device_does_as_the_host_does_and_is_not_waited_for(augmentation: ClipAugmentation) -> None:
    clips = clips_of().to("cuda")
    augmentation(clips, SEEDS)
    torch.cuda.set_sync_debug_mode("error")
    try:
        changed = augmentation(clips, SEEDS)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # A value at a threshold may fall to the other side.
    far = ((changed.cpu() - augmentation(clips_of(), SEEDS)).abs() > 1e-4).float().mean()
    assert far < 0.01


@EVERY
def test_a_probability_of_0_returns_the_clips(augmentation: ClipAugmentation) -> None:
    before = augmentation.probability
    augmentation.probability = 0.0
    clips = clips_of()
    try:
        assert augmentation(clips, SEEDS) is clips
    finally:
        augmentation.probability = before


@EVERY
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_clips_of_another_precision_are_refused(augmentation: ClipAugmentation, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=r"clips must be float32 in \[0, 1\], got torch\."):
        augmentation(clips_of().to(dtype), SEEDS)


@EVERY
def test_seeds_that_are_not_one_a_clip_are_refused(augmentation: ClipAugmentation) -> None:
    with pytest.raises(ValueError, match="one seed a clip, got 11 for 12 clips"):
        augmentation(clips_of(), SEEDS[1:])


class Negative(ClipAugmentation):
    def augment(self, clips, chances):
        return 1 - clips


def test_a_new_augmentation_overrides_one_method() -> None:
    clips, seeds = torch.rand(400, 3, 1, 2, 2), list(range(400))
    changed = Negative(0.25, "negative")(clips, seeds)
    acted = (changed != clips).flatten(1).any(1)
    assert torch.equal(changed[acted], 1 - clips[acted])
    assert torch.equal(changed[~acted], clips[~acted])
    # Four standard deviations.
    assert acted.float().mean() == pytest.approx(0.25, abs=0.09)
    expected = [uniform(generator(seed, "negative")) < 0.25 for seed in seeds]
    assert acted.tolist() == expected


def test_augmentations_of_another_name_draw_otherwise() -> None:
    clips, seeds = torch.rand(50, 3, 1, 2, 2), list(range(50))
    first, second = (Negative(0.5, name)(clips, seeds) for name in ("negative", "negative again"))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("kind", [RandomFlip, RandomGrayscale, RandomErasing])
def test_what_is_no_probability_is_refused(kind: type, probability: float) -> None:
    with pytest.raises(ValueError, match=rf"probability must be in \[0, 1\], got {probability}"):
        kind(probability)


def test_numbers_out_of_range_are_named() -> None:
    assert checked_number("hue", 0.5, 0, 0.5) == 0.5
    with pytest.raises(ValueError, match=r"hue must be in \[0, 0.5\], got 0.6"):
        checked_number("hue", 0.6, 0, 0.5)
    with pytest.raises(ValueError, match="contrast must be at least 0, got inf"):
        checked_number("contrast", float("inf"), 0)
    assert checked_range("sigma", (1.0, 1.0)) == (1.0, 1.0)
    for ends in ((0.0, 1.0), (2.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0)):
        with pytest.raises(ValueError, match=r"sigma must be two ascending positive numbers, got \("):
            checked_range("sigma", ends)
    with pytest.raises(ValueError, match=r"scale must be two ascending numbers in \(0, 1\], got \(0.5, 2"):
        checked_range("scale", (0.5, 2.0), 1)


def test_draws_are_uniform_over_a_range() -> None:
    draws = torch.tensor([uniform(generator(seed, "draw"), 2.0, 4.0) for seed in range(2000)])
    assert draws.min() >= 2
    assert draws.max() < 4
    assert draws.mean() == pytest.approx(3.0, abs=0.06)
    assert draws.var() == pytest.approx(4 / 12, abs=0.04)


def test_augmentations_can_be_named_in_yaml() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--augmentations", type=list[ClipAugmentation] | None)
    config = parser.parse_args(
        [
            "--augmentations=["
            "{class_path: RandomFlip},"
            "{class_path: ColorJitter, init_args: {hue: 0}},"
            "{class_path: RandomGrayscale},"
            "{class_path: GaussianBlur, init_args: {sigma: [1, 2]}},"
            "{class_path: RandomErasing, init_args: {mode: const}},"
            "{class_path: RandAugment, init_args: {num_ops: 2, magnitude: 7}},"
            "{class_path: vidmask.data.augmentation.RandAugment.from_timm, init_args: {config: rand-m9-n3}}]"
        ]
    )
    built = parser.instantiate(config).augmentations
    assert [type(augmentation).__name__ for augmentation in built] == [
        *("RandomFlip", "ColorJitter", "RandomGrayscale", "GaussianBlur", "RandomErasing"),
        *("RandAugment", "RandAugment"),
    ]
    assert repr(built[3]) == "GaussianBlur(probability=0.5, choice='blur', kernel_size=23, sigma=(1.0, 2.0))"
    assert built[6].magnitude == 9
    clips = torch.rand(2, 3, 2, 24, 24)
    for augmentation in built:
        clips = augmentation(clips, [1, 2])
    assert clips.shape == (2, 3, 2, 24, 24)
