"""What RandAugment draws, and timm's names for it; operations are in test_augmentation_operations."""

from collections import Counter

import pytest
import torch

from vidmask.data.augmentation import RandAugment
from vidmask.data.augmentation.operations import ARGUMENTS, apply
from vidmask.randomness import generator


def draws_of(augmentation: RandAugment, count: int) -> list[list[tuple[str, float]]]:
    return [augmentation.draw(generator(seed, "randaugment")) for seed in range(count)]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_clip_goes_through_the_drawn_operations_frame_by_frame(interpolation) -> None:
    augmentation, seeds = (
        RandAugment(3, 7.0, op_probability=0.8, interpolation=interpolation),
        list(range(25)),
    )
    clips = torch.rand(25, 3, 2, 14, 18)
    changed = augmentation(clips, seeds)
    for row, seed in enumerate(seeds):
        chance = generator(seed, "randaugment")
        torch.rand((), generator=chance)
        operations = augmentation.draw(chance)
        for time in range(2):
            frame = clips[row, :, time][None]
            for name, argument in operations:
                frame = apply(name, frame, argument, interpolation)
            torch.testing.assert_close(changed[row, :, time], frame[0], atol=1e-6, rtol=0)


def test_operations_are_drawn_equally_often_with_replacement() -> None:
    draws = draws_of(RandAugment(4, op_probability=1.0), 1500)
    assert all(len(operations) == 4 for operations in draws)
    counts = Counter(name for operations in draws for name, _ in operations)
    assert set(counts) == set(ARGUMENTS)
    # Four standard deviations of 6,000 draws of 15.
    assert all(abs(count - 400) < 4 * (6000 * 14 / 15**2) ** 0.5 for count in counts.values())
    assert any(len({name for name, _ in operations}) < 4 for operations in draws)


def test_each_operation_is_applied_with_its_probability() -> None:
    draws = draws_of(RandAugment(2), 2000)
    lengths = Counter(len(operations) for operations in draws)
    for length, share in ((0, 0.25), (1, 0.5), (2, 0.25)):
        assert lengths[length] / 2000 == pytest.approx(share, abs=0.045)


def test_a_probability_of_0_for_operations_changes_nothing() -> None:
    clips = torch.rand(3, 3, 2, 8, 8)
    assert torch.equal(RandAugment(op_probability=0.0)(clips, [1, 2, 3]), clips)


def test_arguments_spread_about_the_magnitude_with_both_signs() -> None:
    draws = draws_of(RandAugment(4, 7.0, 0.5, op_probability=1.0), 3000)
    angles = torch.tensor([angle for ops in draws for name, angle in ops if name == "Rotate"])
    assert angles.abs().mean() == pytest.approx(21, abs=0.3)
    assert angles.abs().std() == pytest.approx(1.5, abs=0.2)
    assert (angles > 0).float().mean() == pytest.approx(0.5, abs=0.08)


def test_without_deviation_the_magnitude_is_exact() -> None:
    draws = draws_of(RandAugment(4, 7.0, 0.0, op_probability=1.0), 200)
    angles = [abs(angle) for operations in draws for name, angle in operations if name == "Rotate"]
    assert angles == pytest.approx([21.0] * len(angles))


def test_magnitudes_are_cut_to_the_greatest() -> None:
    draws = draws_of(RandAugment(4, 10.0, 3.0, op_probability=1.0), 500)
    angles = torch.tensor([abs(angle) for ops in draws for name, angle in ops if name == "Rotate"])
    assert angles.max() == 30
    assert 0.4 < (angles == 30).float().mean() < 0.6
    wider = draws_of(RandAugment(4, 12.0, 0.0, op_probability=1.0, magnitude_max=15.0), 100)
    angles = [abs(angle) for ops in wider for name, angle in ops if name == "Rotate"]
    assert angles == pytest.approx([36.0] * len(angles))


def test_an_infinite_deviation_draws_uniformly_below_the_magnitude() -> None:
    draws = draws_of(RandAugment(4, 8.0, float("inf"), op_probability=1.0), 1000)
    angles = torch.tensor([abs(angle) for ops in draws for name, angle in ops if name == "Rotate"])
    assert angles.min() < 1
    assert 23 < angles.max() <= 24
    assert angles.mean() == pytest.approx(12, abs=1.5)


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ("rand-m7-mstd0.5-inc1", {}),
        ("rand-m7-n4-mstd0.5-inc1", {"num_ops": 4}),
        ("rand", {"magnitude": 10.0, "magnitude_std": 0.0, "increasing": False}),
        ("rand-m9-mstd101-inc0", {"magnitude": 9.0, "magnitude_std": float("inf"), "increasing": False}),
        (
            "rand-n3-p0.7-m12-mmax15-mstd1-inc1",
            {
                "num_ops": 3,
                "op_probability": 0.7,
                "magnitude": 12.0,
                "magnitude_max": 15.0,
                "magnitude_std": 1.0,
            },
        ),
    ],
)
def test_timms_names_are_read(config: str, settings) -> None:
    assert vars(RandAugment.from_timm(config)) == vars(RandAugment(**settings))
    assert RandAugment.from_timm(config, "bilinear").interpolation == "bilinear"


@pytest.mark.parametrize(
    "config",
    ["", "m7", "augmix-m3", "rand-m7-tweights", "rand-w0", "rand-m", "rand-n2.5", "rand-inc2", "rand-m7_n4"],
)
def test_other_names_are_refused(config: str) -> None:
    with pytest.raises(ValueError, match=f"such as rand-m7-n4-mstd0.5-inc1, got '{config}'"):
        RandAugment.from_timm(config)


def test_what_timm_would_cut_in_silence_is_refused() -> None:
    with pytest.raises(ValueError, match=r"magnitude must be in \[0, 10\], got 15"):
        RandAugment.from_timm("rand-m15-inc1")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"num_ops": 0}, "num_ops must be at least 1, got 0"),
        ({"magnitude": -1.0}, r"magnitude must be in \[0, 10\], got -1.0"),
        ({"magnitude_std": -0.5}, "magnitude_std must be at least 0, got -0.5"),
        ({"op_probability": 2.0}, r"op_probability must be in \[0, 1\], got 2.0"),
        ({"magnitude_max": -1.0}, "magnitude_max must be at least 0, got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(setting, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RandAugment(**setting)
