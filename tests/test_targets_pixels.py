"""Pixel targets against plain loops."""

import math

import pytest
import torch
from torch import Tensor

from vidmask.targets import PixelTarget
from vidmask.targets.pixels import spread_frames
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet

TUBELET = Tubelet(2, 4, 4)
GRID = TokenGrid(4, 2, 2)
INDICES = torch.tensor([[13, 2], [0, 7]])


def batch() -> ClipBatch:
    clips = torch.rand(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64).float()
    index = torch.arange(2)
    return ClipBatch(clips, {}, index, index.double(), index, [0, 1], ["", ""], [])


def pixels_by_loop(clip: Tensor, index: int, frames: list[int]) -> list[list[list[float]]]:
    """Return [frame][place][channel] of a token, straight from the clip."""
    time, row, column = index // 4, index // 2 % 2, index % 2
    return [
        [
            [clip[channel, time * 2 + frame, row * 4 + y, column * 4 + x].item() for channel in range(3)]
            for y in range(4)
            for x in range(4)
        ]
        for frame in frames
    ]


def flat(values: list[list[list[float]]]) -> list[float]:
    return [number for frame in values for place in frame for number in place]


def mean_and_variance(values: list[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def test_raw_pixels_equal_a_loop() -> None:
    answer = PixelTarget("none", "all")(batch(), INDICES, TUBELET)
    for clip in range(2):
        for slot, index in enumerate(INDICES[clip].tolist()):
            expected = [(v - 0.45) / 0.225 for v in flat(pixels_by_loop(batch().clips[clip], index, [0, 1]))]
            assert answer[clip, slot].tolist() == pytest.approx(expected, abs=1e-5)


def test_mae_sts_normalisation_is_joint_with_epsilon_inside_the_root() -> None:
    answer = PixelTarget("mae_st", "first")(batch(), INDICES, TUBELET)
    for clip in range(2):
        for slot, index in enumerate(INDICES[clip].tolist()):
            raw = [(v - 0.45) / 0.225 for v in flat(pixels_by_loop(batch().clips[clip], index, [0]))]
            mean, variance = mean_and_variance(raw)
            expected = [(v - mean) / math.sqrt(variance + 1e-6) for v in raw]
            assert answer[clip, slot].tolist() == pytest.approx(expected, abs=1e-5)


def test_videomaes_normalisation_is_per_channel_with_epsilon_outside_the_root() -> None:
    answer = PixelTarget("videomae", "all")(batch(), INDICES, TUBELET)
    for clip in range(2):
        for slot, index in enumerate(INDICES[clip].tolist()):
            values = pixels_by_loop(batch().clips[clip], index, [0, 1])
            statistics = [mean_and_variance([p[c] for frame in values for p in frame]) for c in range(3)]
            expected = [
                (v - statistics[i % 3][0]) / (math.sqrt(statistics[i % 3][1]) + 1e-6)
                for i, v in enumerate(flat(values))
            ]
            assert answer[clip, slot].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("normalisation", "expected"), [("mae_st", 0.0001 / 0.225 / 1e-3), ("videomae", 0.0001 / 1.01e-4)]
)
def test_the_epsilon_decides_in_a_patch_that_is_almost_flat(normalisation: str, expected: float) -> None:
    flat_clip = torch.zeros(1, 3, 2, 4, 4)
    # One pixel of 32 differs, the same in all channels: its deviation is 0.0001 × (1 - 1/32) or so.
    flat_clip[0, :, 0, 0, 0] = 0.0001
    index = torch.zeros(1, 1, dtype=torch.int64)
    one = ClipBatch(flat_clip, {}, index[0], index[0].double(), index[0], [0], [""], [])
    answer = PixelTarget(normalisation, "all")(one, index, TUBELET)[0, 0, 0].item()
    raw = [0.0001] + [0.0] * 31
    if normalisation == "mae_st":
        mean, variance = mean_and_variance([v / 0.225 for v in raw for _ in range(3)])
        assert answer == pytest.approx((0.0001 / 0.225 - mean) / math.sqrt(variance + 1e-6), rel=1e-3)
    else:
        mean, variance = mean_and_variance(raw)
        assert answer == pytest.approx((0.0001 - mean) / (math.sqrt(variance) + 1e-6), rel=1e-3)


@pytest.mark.parametrize(
    ("num_frames", "per_tubelet", "expected"),
    [(16, 2, [0, 2, 4, 6, 8, 10, 12, 15]), (8, 2, [0, 2, 4, 7]), (16, 4, [0, 5, 10, 15]), (2, 2, [0])],
)
def test_spread_frames_are_mae_sts(num_frames: int, per_tubelet: int, expected: list[int]) -> None:
    assert spread_frames(num_frames, per_tubelet, torch.device("cpu")).tolist() == expected
    assert torch.linspace(0, num_frames - 1, num_frames // per_tubelet).long().tolist() == expected


@pytest.mark.parametrize("num_frames", [4, 8, 12, 16, 24, 32, 64])
def test_spread_frames_take_one_of_each_tubelet(num_frames: int) -> None:
    chosen = spread_frames(num_frames, 2, torch.device("cpu")) // 2
    assert chosen.tolist() == list(range(num_frames // 2))


@pytest.mark.parametrize(("frames", "within"), [("first", [0, 0, 0, 0]), ("linspace", [0, 0, 0, 1])])
def test_one_slice_of_each_tubelet_is_the_one_named(frames: str, within: list[int]) -> None:
    answer = PixelTarget("none", frames)(batch(), torch.tensor([[0, 4, 8, 12]] * 2), TUBELET)
    for time, frame in enumerate(within):
        expected = [(v - 0.45) / 0.225 for v in flat(pixels_by_loop(batch().clips[0], time * 4, [frame]))]
        assert answer[0, time].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("normalisation", ["none", "mae_st", "videomae"])
@pytest.mark.parametrize("frames", ["all", "linspace", "first"])
def test_to_pixels_undoes_the_target(normalisation: str, frames: str) -> None:
    target = PixelTarget(normalisation, frames)
    answer = target(batch(), INDICES, TUBELET)
    pixels = target.to_pixels(answer, batch(), INDICES, TUBELET)
    raw = PixelTarget("none", frames, mean=0.0, std=1.0)(batch(), INDICES, TUBELET)
    torch.testing.assert_close(pixels, raw, rtol=0, atol=1e-5)


def test_what_is_added_back_is_said() -> None:
    assert PixelTarget("none").added_back == "nothing added back"
    assert "mean and variance of each hidden patch" in PixelTarget("mae_st").added_back
    assert "channel" in PixelTarget("videomae").added_back


def test_baselines_of_raw_pixels_by_hand() -> None:
    clips = torch.zeros(1, 3, 2, 2, 4)
    clips[0, :, :, :, 2:] = torch.tensor([0.0, 1.0])  # the second token: columns of 0 and 1
    index = torch.zeros(1, dtype=torch.int64)
    one = ClipBatch(clips, {}, index, index.double(), index, [0], [""], [])
    mask = TokenMask(torch.tensor([[0]]), torch.tensor([[1]]))
    target = PixelTarget("none", "all", mean=0.0, std=1.0)
    baselines = target.baselines(one, mask, TokenGrid(1, 1, 2), Tubelet(2, 2, 2))
    assert baselines["patch_mean"].item() == pytest.approx(0.25)
    assert baselines["copy_nearest"].item() == pytest.approx(0.5)


def test_the_patch_mean_of_a_normalised_target_leaves_its_variance() -> None:
    mask = TokenMask(INDICES, INDICES)
    loss = PixelTarget("mae_st", "all").baselines(batch(), mask, GRID, TUBELET)["patch_mean"].item()
    assert loss == pytest.approx(95 / 96, rel=1e-4)  # the unbiased variance is 1, of 96 numbers


def test_a_std_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        PixelTarget(std=0.0)
