"""Means and standard deviations of colours known by hand."""

import base64
from pathlib import Path

import numpy as np
import pytest
from constant_videos import write_constant

from vidmask.data.statistics.pixels import combine, count_pixels


def counted(*values: tuple[int, int], sample=None) -> dict:
    """Return a video of which each value stands so often, in all channels."""
    counts = np.zeros((3, 256), np.int64)
    for value, number in values:
        counts[:, value] = number
    return {"counts": counts.tolist(), "frames": 4, "sample": sample}


def test_pixels_of_one_colour_are_counted_exactly(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "a.mp4", [(51, 102, 204)] * 8, size=(32, 16))
    found = count_pixels(str(path), 4, False)
    assert found["frames"] == 4
    assert found["sample"] is None
    for channel, value in enumerate((51, 102, 204)):
        expected = [0] * 256
        expected[value] = 4 * 32 * 16
        assert found["counts"][channel] == expected


def test_frames_are_the_middles_of_equal_parts(tmp_path: Path) -> None:
    # Four parts of three frames each.
    path = write_constant(tmp_path / "a.mp4", [(20 * number, 0, 0) for number in range(12)])
    found = count_pixels(str(path), 4, False)
    assert np.flatnonzero(found["counts"][0]).tolist() == [20, 80, 140, 200]


def test_a_sample_is_a_small_frame(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "a.mp4", [(51, 102, 204)] * 8, size=(64, 48))
    sample = count_pixels(str(path), 4, True)["sample"]
    assert (sample["height"], sample["width"]) == (108, 144)
    (picture,) = combine("train", 0, [counted((0, 1), sample=sample)]).samples
    assert picture.shape == (108, 144, 3)
    assert np.unique(picture.reshape(-1, 3), axis=0).tolist() == [[51, 102, 204]]


def test_a_wide_sample_is_not_wider_than_twice_its_height(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "a.mp4", [(0, 0, 0)] * 8, size=(160, 16))
    sample = count_pixels(str(path), 4, True)["sample"]
    assert sample["width"] == 216
    assert len(base64.b64decode(sample["pixels"])) == 108 * 216 * 3


def test_every_video_counts_the_same() -> None:
    # 0 for a thousand pixels, 1 for one pixel: half and half.
    found = combine("train", 7, [counted((0, 1000)), counted((255, 1))])
    assert found.mean == (0.5, 0.5, 0.5)
    assert found.std == (0.5, 0.5, 0.5)
    assert (found.videos, found.frames, found.split, found.seed) == (2, 8, "train", 7)
    assert found.histogram[:, 0].tolist() == [0.5] * 3


def test_standard_errors_by_hand() -> None:
    # Means 0.2, 0.4 and 0.6: their deviation is 0.2.
    found = combine("train", 0, [counted((value, 5)) for value in (51, 102, 153)])
    assert found.mean == pytest.approx((0.4,) * 3)
    assert found.mean_error == pytest.approx((0.2 / 3**0.5,) * 3)
    # Squared distances 0.04, 0 and 0.04; the root of their mean is the standard deviation.
    std = (0.08 / 3) ** 0.5
    assert found.std == pytest.approx((std,) * 3)
    variance_error = np.std([0.04, 0.0, 0.04], ddof=1) / 3**0.5
    assert found.std_error == pytest.approx((variance_error / (2 * std),) * 3)


def test_the_standard_error_is_that_of_drawing_again() -> None:
    chance = np.random.default_rng(0)

    def draw():
        low, high = sorted(chance.integers(0, 256, 2).tolist())
        return counted((low, 3), (max(high, low + 1) % 256, 1))

    found = [combine("train", 0, [draw() for _ in range(60)]) for _ in range(300)]
    for name in ("mean", "std"):
        seen = np.std([getattr(one, name)[0] for one in found])
        told = np.mean([getattr(one, f"{name}_error")[0] for one in found])
        assert told == pytest.approx(seen, rel=0.12)


def test_a_single_video_has_no_standard_error() -> None:
    found = combine("train", 0, [counted((51, 5))])
    assert (found.mean_error, found.std_error) == (None, None)
    assert found.std == (0.0, 0.0, 0.0)


def test_one_colour_everywhere_has_no_deviation_and_no_error() -> None:
    found = combine("train", 0, [counted((51, 5)), counted((51, 7))])
    assert found.std == (0.0, 0.0, 0.0)
    assert found.std_error == (0.0, 0.0, 0.0)


def test_json_holds_all_but_the_samples() -> None:
    found = combine("val", 0, [counted((51, 5)), counted((102, 5))]).as_json()
    assert "samples" not in found
    assert found["mean"] == pytest.approx((0.3,) * 3)
    assert found["histogram"][2][51] == 0.5
