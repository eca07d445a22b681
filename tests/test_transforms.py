"""Boxes, crops and flips, checked by hand and against plain loops."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from vidmask.data.transforms import Box, crop_and_resize, random_box, spread_box, to_float
from vidmask.randomness import generator
from vidmask.tokens import ClipBatch


def batch(clips: torch.Tensor, seeds: list[int]) -> ClipBatch:
    index = torch.arange(len(seeds))
    return ClipBatch(clips, {}, index, index.float(), index, seeds, [""] * len(seeds), [])


def test_boxes_lie_in_the_frame_and_in_the_ranges() -> None:
    for seed in range(300):
        top, left, rows, columns = random_box(90, 160, (0.3, 0.6), (0.75, 4 / 3), generator(seed, "box"))
        assert 0 <= top <= 90 - rows
        assert 0 <= left <= 160 - columns
        assert 0.28 < rows * columns / (90 * 160) < 0.62
        assert 0.73 < columns / rows < 1.37


def test_boxes_spread_evenly_over_area_aspect_and_place() -> None:
    boxes = [random_box(200, 200, (0.2, 0.6), (0.5, 2.0), generator(seed, "box")) for seed in range(2000)]
    assert np.mean([box.rows * box.columns / 200**2 for box in boxes]) == pytest.approx(0.4, abs=0.01)
    assert np.mean([math.log(box.columns / box.rows) for box in boxes]) == pytest.approx(0.0, abs=0.03)
    assert np.mean([box.top / (200 - box.rows) for box in boxes if box.rows < 200]) == pytest.approx(
        0.5, abs=0.03
    )
    assert np.mean([box.left / (200 - box.columns) for box in boxes if box.columns < 200]) == pytest.approx(
        0.5, abs=0.03
    )


def test_the_whole_of_a_square_frame_can_be_asked_for() -> None:
    assert random_box(32, 32, (1.0, 1.0), (1.0, 1.0), generator(0, "box")) == Box(0, 0, 32, 32)


def test_a_box_that_never_fits_is_the_largest_allowed_one_in_the_centre() -> None:
    assert random_box(10, 100, (1.0, 1.0), (1.0, 1.0), generator(0, "box")) == Box(0, 45, 10, 10)
    assert random_box(100, 10, (1.0, 1.0), (0.5, 1.0), generator(0, "box")) == Box(40, 0, 20, 10)


def test_the_same_seed_draws_the_same_box() -> None:
    first, again, other = (
        random_box(90, 160, (0.3, 0.6), (0.5, 2.0), generator(seed, "box")) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("rows", "columns", "box"),
    [(4, 4, (0, 0, 4, 4)), (4, 9, (0, 2, 4, 4)), (7, 4, (1, 0, 4, 4))],
)
def test_the_centre_is_the_largest_square(rows: int, columns: int, box: tuple[int, ...]) -> None:
    assert spread_box(rows, columns) == box


@pytest.mark.parametrize(
    ("rows", "columns", "places"),
    [(4, 10, [(0, 0), (0, 3), (0, 6)]), (9, 4, [(0, 0), (2, 0), (5, 0)]), (4, 4, [(0, 0)] * 3)],
)
def test_three_squares_lie_evenly_along_the_long_side(
    rows: int, columns: int, places: list[tuple[int, int]]
) -> None:
    boxes = [spread_box(rows, columns, crop, 3) for crop in range(3)]
    assert boxes == [(*place, 4, 4) for place in places]


def test_a_crop_of_the_right_size_is_only_cut() -> None:
    frames = torch.randint(256, (2, 6, 7, 3), dtype=torch.uint8)
    clip = crop_and_resize([*frames.numpy()], Box(1, 2, 4, 4), 4)
    for channel in range(3):
        for time in range(2):
            for row in range(4):
                for column in range(4):
                    assert clip[channel, time, row, column] == frames[time, 1 + row, 2 + column, channel]
    assert clip.is_contiguous()


@pytest.mark.parametrize("size", [5, 24, 80])
def test_resizing_is_antialiased_bilinear_as_pillow_does_it(size: int) -> None:
    frames = torch.randint(256, (3, 50, 70, 3), dtype=torch.uint8)
    clip = crop_and_resize([*frames.numpy()], Box(4, 10, 40, 48), size)
    assert clip.shape == (3, 3, size, size)
    for time in range(3):
        cut = Image.fromarray(frames[time, 4:44, 10:58].numpy())
        expected = np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR)).astype(int)
        assert np.abs(clip[:, time].permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


def test_one_box_for_the_whole_clip() -> None:
    frames = torch.randint(256, (1, 40, 40, 3), dtype=torch.uint8).expand(5, -1, -1, -1)
    clip = crop_and_resize([*frames.numpy()], Box(3, 5, 20, 25), 16)
    assert torch.equal(clip, clip[:, :1].expand_as(clip))


def test_floats_are_in_zero_to_one() -> None:
    clips = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 1, 16, 16).expand(1, 3, 1, 16, 16)
    floats = to_float(clips)
    assert floats.dtype == torch.float32
    assert floats.max() == 1
    assert torch.equal((floats * 255).round().to(torch.uint8), clips)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test_clips_that_are_not_bytes_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=r"clips must be uint8 in \[0, 255\], got torch\."):
        to_float(torch.zeros(1, 3, 1, 4, 4, dtype=dtype))
