"""Each operation of RandAugment against timm's, by Pillow, and against torchvision's."""

import math
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import auto_augment
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms.v2 import functional

from vidmask.data.augmentation.operations import ARGUMENTS, FILL, apply, warp

GEOMETRY = ["Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY"]
EXACT = ["Equalize", "Invert", "Solarize", "SolarizeAdd"]
INCREASING = ["Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness"]
OTHER_NAMES = {"TranslateX": "TranslateXRel", "TranslateY": "TranslateYRel"}
OTHER_NAMES_INCREASING = OTHER_NAMES | {name: f"{name}Increasing" for name in INCREASING}
PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def pictures(*, smooth: bool) -> Tensor:
    chance = torch.Generator().manual_seed(0)
    if not smooth:
        return torch.randint(256, (2, 3, 40, 54), generator=chance, dtype=torch.uint8)
    values = interpolate(torch.rand(2, 3, 7, 8, generator=chance), (40, 54), mode="bicubic")
    return (values.clamp(0, 1) * 255).round().to(torch.uint8)


def timms(name: str, frames: Tensor, argument: int | float, interpolation: str = "bilinear") -> Tensor:
    """Return timm's pictures, in levels."""
    operation = auto_augment.NAME_TO_OP[OTHER_NAMES_INCREASING.get(name, name)]
    arguments = [] if ARGUMENTS[name] is None else [argument]
    results = []
    for frame in frames:
        options = {"fillcolor": (128, 128, 128), "resample": PILLOW[interpolation]}
        picture = operation(Image.fromarray(frame.permute(1, 2, 0).numpy()), *arguments, **options)
        results.append(torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1))
    return torch.stack(results).float()


def argument_of(name: str, strength: float, sign: int = 1, *, increasing: bool = True) -> int | float:
    argument = ARGUMENTS[name]
    return argument(strength, sign, increasing) if argument else 0.0


def test_the_operations_are_timms() -> None:
    names = [OTHER_NAMES_INCREASING.get(name, name) for name in ARGUMENTS]
    assert names == auto_augment._RAND_INCREASING_TRANSFORMS
    assert [OTHER_NAMES.get(name, name) for name in ARGUMENTS] == auto_augment._RAND_TRANSFORMS


@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_are_timms_at_every_magnitude(name: str, increasing: bool) -> None:
    names = OTHER_NAMES_INCREASING if increasing else OTHER_NAMES
    theirs = auto_augment.LEVEL_TO_ARG[names.get(name, name)]
    if theirs is None:
        assert ARGUMENTS[name] is None
        return
    # Above 12.5 timm's Posterize would keep fewer than no bits.
    for magnitude in np.linspace(0, 12, 241).tolist():
        for sign, drawn in ((1, 0.0), (-1, 1.0)):
            with patch("random.random", return_value=drawn):
                (expected,) = theirs(magnitude, {})
            assert argument_of(name, magnitude / 10, sign, increasing=increasing) == pytest.approx(
                expected, abs=1e-12
            )


@pytest.mark.parametrize(
    ("name", "increasing", "expected"),
    [
        ("Rotate", True, 21.0),
        ("Posterize", True, 2),
        ("Posterize", False, 2),
        ("Solarize", True, 77),
        ("Solarize", False, 179),
        ("SolarizeAdd", True, 77),
        ("Color", True, 1.63),
        ("Color", False, 1.36),
        ("ShearX", True, 0.21),
        ("TranslateY", True, 0.315),
    ],
)
def test_arguments_at_a_magnitude_of_7_by_hand(name: str, increasing: bool, expected: float) -> None:
    assert argument_of(name, 0.7, increasing=increasing) == pytest.approx(expected)


def test_magnitudes_above_10_keep_to_what_is_possible() -> None:
    frames = pictures(smooth=False) / 255
    for name in ARGUMENTS:
        for increasing in (True, False):
            for sign in (1, -1):
                argument = argument_of(name, 2.5, sign, increasing=increasing)
                changed = apply(name, frames, argument)
                assert ((changed >= 0) & (changed <= 1)).all()


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("magnitude", [0.0, 3.3, 7.0, 10.0])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_operation_is_timms_within_a_level(name: str, magnitude: float, sign: int, smooth: bool) -> None:
    frames = pictures(smooth=smooth)
    argument = argument_of(name, magnitude / 10, sign)
    ours = apply(name, frames / 255, argument, "bilinear") * 255
    # Pillow rounds its result, some of it down; it also rounds the grey and the smoothed picture before
    # they are blended, by up to 0.9 times as much as the picture.
    roughly = name in ("Color", "Contrast", "Brightness", "Sharpness")
    tolerance = 0.01 if name in EXACT else 1.6 if roughly else 1.01
    if name == "Posterize" and argument == 0:
        # Pillow refuses to keep no bit since its release 13.
        expected = torch.zeros(frames.shape)
    else:
        expected = timms(name, frames, argument)
    torch.testing.assert_close(ours, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", GEOMETRY)
def test_bicubic_is_near_pillows(name: str) -> None:
    argument = argument_of(name, 0.63)
    for frames, most in ((pictures(smooth=True), 5), (pictures(smooth=False), 24)):
        ours = apply(name, frames / 255, argument, "bicubic") * 255
        difference = (ours - timms(name, frames, argument, "bicubic")).abs()
        assert difference.max() < most
    bilinear = (ours - timms(name, frames, argument, "bilinear")).abs()
    assert difference.mean() < 0.5 * bilinear.mean()


@pytest.mark.parametrize("name", ["Color", "Contrast", "Brightness", "Sharpness"])
@pytest.mark.parametrize("factor", [0.0, 0.37, 1.0, 1.63])
def test_an_operation_is_torchvisions_frame_by_frame(name: str, factor: float) -> None:
    theirs = {
        "Color": functional.adjust_saturation,
        "Contrast": functional.adjust_contrast,
        "Brightness": functional.adjust_brightness,
        "Sharpness": functional.adjust_sharpness,
    }[name]
    frames = pictures(smooth=False) / 255
    expected = torch.stack([theirs(frame, factor) for frame in frames])
    torch.testing.assert_close(apply(name, frames, factor), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("degrees", [21.0, -9.0])
def test_a_rotation_is_torchvisions_away_from_the_edge(degrees: float) -> None:
    frames = pictures(smooth=False) / 255
    expected = functional.rotate(frames, degrees, functional.InterpolationMode.BILINEAR, fill=[FILL])
    ours = apply("Rotate", frames, degrees, "bilinear")
    known = (
        functional.rotate(torch.ones_like(frames), degrees, functional.InterpolationMode.BILINEAR) > 0.9999
    )
    assert known.float().mean() > 0.6
    torch.testing.assert_close(ours[known], expected[known], atol=2e-5, rtol=0)


def test_a_shift_by_whole_pixels_by_hand() -> None:
    frames = torch.rand(2, 3, 10, 20)
    right = apply("TranslateX", frames, -0.25)
    assert (right[..., :5] == FILL).all()
    torch.testing.assert_close(right[..., 5:], frames[..., :15], atol=1e-5, rtol=0)
    up = apply("TranslateY", frames, 0.3)
    assert (up[..., 7:, :] == FILL).all()
    torch.testing.assert_close(up[..., :7, :], frames[..., 3:, :], atol=1e-5, rtol=0)


def test_a_quarter_turn_is_counter_clockwise() -> None:
    frames = torch.rand(1, 3, 9, 9)
    turned = apply("Rotate", frames, 90.0, "bilinear")
    torch.testing.assert_close(turned, frames.rot90(1, (-2, -1)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_map_that_changes_nothing_changes_nothing(interpolation) -> None:
    frames = torch.rand(2, 3, 9, 13)
    same = warp(frames, (1, 0, 0, 0, 1, 0), interpolation)
    torch.testing.assert_close(same, frames, atol=1e-5, rtol=0)


def test_bilinear_sampling_is_a_plain_loop() -> None:
    frames = torch.rand(1, 3, 6, 7, dtype=torch.float64).float()
    matrix = (0.9, 0.2, -0.4, -0.15, 1.1, 0.3)
    warped = warp(frames, matrix, "bilinear")
    a, b, c, d, e, f = matrix
    for row in range(6):
        for column in range(7):
            x = a * (column + 0.5) + b * (row + 0.5) + c
            y = d * (column + 0.5) + e * (row + 0.5) + f
            expected = torch.full((3,), FILL)
            if 0 <= x < 7 and 0 <= y < 6:
                expected = torch.zeros(3)
                left, top = math.floor(x - 0.5), math.floor(y - 0.5)
                for q, p in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
                    weight = (1 - abs(x - 0.5 - q)) * (1 - abs(y - 0.5 - p))
                    expected += weight * frames[0, :, min(max(p, 0), 5), min(max(q, 0), 6)]
            torch.testing.assert_close(warped[0, :, row, column], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_operation_leaves_its_frames_and_changes_equal_ones_alike(name: str) -> None:
    frames = (pictures(smooth=False)[:1] / 255).expand(4, -1, -1, -1).clone()
    before = frames.clone()
    changed = apply(name, frames, argument_of(name, 0.7))
    assert torch.equal(frames, before)
    assert not torch.equal(changed, before) or name in ("AutoContrast", "Equalize")
    torch.testing.assert_close(changed, changed[:1].expand_as(changed), atol=1e-6, rtol=0)


def test_frames_without_an_inside_are_not_sharpened() -> None:
    frames = torch.rand(2, 3, 2, 5)
    assert torch.equal(apply("Sharpness", frames, 1.9), frames)


def test_values_at_a_threshold_do_not_hang_on_the_last_bit() -> None:
    levels = torch.arange(256.0).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    for frames in (levels / 255, levels * (1 / 255)):
        for threshold in range(257):
            expected = torch.where(levels >= threshold, 255 - levels, levels)
            assert torch.equal((apply("Solarize", frames, threshold) * 255).round(), expected)
