"""Histograms of oriented gradients."""

import math

import pytest
import torch
from skimage.feature import hog
from test_parity import batch_of
from torch import Tensor

from vidmask.targets.hog import HOGTarget
from vidmask.tokens import TokenGrid, TokenMask, Tubelet, gather_tokens

TUBELET = Tubelet(2, 16, 16)
GRID = TokenGrid(2, 2, 3)


@pytest.fixture
def clips() -> Tensor:
    return torch.rand(2, 3, 4, 32, 48, generator=torch.Generator().manual_seed(0))


def everything(clips: Tensor, grid: TokenGrid = GRID) -> Tensor:
    return torch.arange(grid.num_tokens).expand(len(clips), -1)


def ramp(degrees: float, size: int = 16) -> Tensor:
    """A clip of two frames that gets brighter in one direction: 0 to the right, 90 down."""
    place = torch.arange(size, dtype=torch.float32)
    across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    image = 0.5 + 0.01 * (across * place + down * place.unsqueeze(1))
    return image.expand(1, 3, 2, -1, -1).clone()


def loop(image: Tensor, cell: int, bins: int) -> Tensor:
    """Sums of Sobel's gradients of one channel as MaskFeat's code bins them, pixel by pixel."""
    rows, columns = image.shape
    pixels = image.tolist()

    def pixel(row: int, column: int) -> float:
        def reflected(place: int, length: int) -> int:
            return -place if place < 0 else 2 * (length - 1) - place if place >= length else place

        return pixels[reflected(row, rows)][reflected(column, columns)]

    sums = torch.zeros(rows // cell, columns // cell, bins)
    for row in range(rows):
        for column in range(columns):
            across = down = 0.0
            for offset, weight in ((-1, 1), (0, 2), (1, 1)):
                across += weight * (pixel(row + offset, column + 1) - pixel(row + offset, column - 1))
                down += weight * (pixel(row + 1, column + offset) - pixel(row - 1, column + offset))
            index = math.floor(math.atan2(across, down) / math.pi * bins) % bins
            sums[row // cell, column // cell, index] += math.hypot(across, down)
    return sums


@pytest.mark.parametrize("frames", ["first", "all"])
def test_sobel_equals_a_loop_over_pixels(clips: Tensor, frames: str) -> None:
    target = HOGTarget(frames=frames, normalisation="none")
    answer = target(batch_of(clips), everything(clips), TUBELET)
    per_tubelet = 2 if frames == "all" else 1
    assert answer.shape == (2, 12, target.num_outputs(TUBELET)) == (2, 12, per_tubelet * 108)
    found = answer.view(2, *(2, 2, 3), *(per_tubelet, 2, 2, 3, 9))
    for clip, time, frame, channel in [(0, 0, 0, 0), (1, 1, per_tubelet - 1, 2)]:
        expected = loop(clips[clip, channel, 2 * time + frame], 8, 9) / 64
        for row in range(4):
            for column in range(6):
                cell = found[clip, time, row // 2, column // 2, frame, row % 2, column % 2, channel]
                torch.testing.assert_close(cell, expected[row, column], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("normalisation", ["none", "l2"])
@pytest.mark.parametrize(("bins", "cell"), [(9, 8), (6, 4)])
def test_central_differences_equal_scikit_image(
    clips: Tensor, normalisation: str, bins: int, cell: int
) -> None:
    target = HOGTarget(bins, cell, "central", normalisation=normalisation, epsilon=1e-5)
    answer = target.histograms(clips[:, :, ::2]).view(2, 3, bins, 2, 32 // cell, 48 // cell)
    for clip in range(2):
        for channel in range(3):
            for frame in range(2):
                image = clips[clip, channel, 2 * frame].double().numpy()
                settings = {"orientations": bins, "pixels_per_cell": (cell, cell), "cells_per_block": (1, 1)}
                expected = torch.from_numpy(hog(image, **settings, block_norm="L2", feature_vector=False))
                expected = expected[:, :, 0, 0].movedim(-1, 0).float()
                found = answer[clip, channel, :, frame]
                if normalisation == "none":
                    found = found / (found.square().sum(0) + 1e-10).sqrt()
                torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_unnormalised_histograms_of_central_differences_are_those_of_a_loop() -> None:
    image = torch.rand(8, 8, generator=torch.Generator().manual_seed(1))
    found = HOGTarget(gradient="central", normalisation="none").histograms(image.expand(1, 3, 1, 8, 8))
    expected = torch.zeros(9)
    for row in range(8):
        for column in range(8):
            across = image[row, column + 1] - image[row, column - 1] if 0 < column < 7 else torch.tensor(0.0)
            down = image[row + 1, column] - image[row - 1, column] if 0 < row < 7 else torch.tensor(0.0)
            degrees = math.degrees(math.atan2(down, across)) % 180
            expected[int(degrees // 20)] += math.hypot(across, down) / 64
    torch.testing.assert_close(found[0, :9, 0, 0, 0], expected)


@pytest.mark.parametrize("degrees", [5, 33, 75, 95, 131, 175])
def test_a_ramp_fills_one_bin(degrees: int) -> None:
    # Central from the horizontal; Sobel from the vertical, the other way round.
    for gradient, from_start in (("central", degrees), ("sobel", (90 - degrees) % 180)):
        target = HOGTarget(gradient=gradient, frames="first")
        # 32 pixels: its four middle cells do not touch the border.
        clip = ramp(degrees, 32)
        histograms = target.histograms(clip[:, :, :1]).view(3, 9, 4, 4)[:, :, 1:3, 1:3]
        expected = torch.zeros(9)
        expected[from_start // 20] = 1
        torch.testing.assert_close(histograms, expected.view(1, 9, 1, 1).expand_as(histograms))
        # Without sign: a ramp that gets darker is the same edge.
        darker = target.histograms(1 - clip[:, :, :1]).view(3, 9, 4, 4)[:, :, 1:3, 1:3]
        torch.testing.assert_close(darker, histograms)


@pytest.mark.parametrize("gradient", ["sobel", "central"])
@pytest.mark.parametrize("normalisation", ["none", "l2"])
def test_flat_and_nearly_flat_cells_are_zero_and_finite(gradient: str, normalisation: str) -> None:
    target = HOGTarget(gradient=gradient, normalisation=normalisation)
    flat = torch.full((1, 3, 2, 16, 16), 0.3)
    one = torch.zeros(1, 1, dtype=torch.int64)
    assert target(batch_of(flat), one, TUBELET).abs().max() == 0
    noise = torch.rand(flat.shape, generator=torch.Generator().manual_seed(0))
    faint = target(batch_of(flat.double() + 1e-9 * noise.double()), one, TUBELET)
    assert faint.isfinite().all()
    assert faint.abs().max() < 0.05


def test_normalised_histograms_have_length_one(clips: Tensor) -> None:
    answer = HOGTarget()(batch_of(clips), everything(clips), TUBELET)
    torch.testing.assert_close(answer.unflatten(-1, (-1, 9)).norm(dim=-1), torch.ones(2, 12, 12))
    assert (answer >= 0).all()


def test_answers_do_not_depend_on_autocast(clips: Tensor) -> None:
    target, indices = HOGTarget(), everything(clips)
    expected = target(batch_of(clips), indices, TUBELET)
    with torch.autocast("cpu", torch.bfloat16):
        found = target(batch_of(clips), indices, TUBELET)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_chosen_tokens_get_their_own_answers(clips: Tensor) -> None:
    indices = torch.tensor([[11, 0], [3, 7]])
    found = HOGTarget()(batch_of(clips), indices, TUBELET)
    expected = gather_tokens(HOGTarget()(batch_of(clips), everything(clips), TUBELET), indices)
    assert torch.equal(found, expected)


def test_the_mean_answer_is_the_best_that_looks_at_nothing(clips: Tensor) -> None:
    target, batch = HOGTarget(), batch_of(clips)
    mask = TokenMask(everything(clips)[:, :4], everything(clips)[:, 4:])
    baselines = target.baselines(batch, mask, GRID, TUBELET)
    answer = target(batch, mask.masked, TUBELET)
    torch.testing.assert_close(baselines["mean_hog"], answer.flatten(0, 1).var(0, unbiased=False).mean())
    assert set(baselines) == {"mean_hog", "copy_nearest"}
    assert baselines["mean_hog"] < target.loss(torch.full_like(answer, 1 / 3), answer)


@pytest.mark.parametrize("gradient", ["sobel", "central"])
@pytest.mark.parametrize("degrees", [10, 50, 90, 130])
def test_the_picture_is_a_line_along_the_edge(gradient: str, degrees: int) -> None:
    clip = ramp(degrees, 32)
    target, grid = HOGTarget(gradient=gradient), TokenGrid(1, 2, 2)
    answers = target(batch_of(clip), everything(clip, grid), TUBELET)
    picture = target.picture(answers, answers, grid, TUBELET)
    assert picture.shape == (1, 3, 1, 32, 32)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert torch.equal(picture[:, 0], picture[:, 2])
    cell = picture[0, 0, 0, 8:16, 8:16]
    place = torch.arange(8) - 3.5
    across, down = (cell * place).flatten(), (cell * place.unsqueeze(1)).flatten()
    spread = torch.stack([across, down]) @ torch.stack([across, down]).T
    longest = torch.linalg.eigh(spread).eigenvectors[:, -1]
    along = math.degrees(math.atan2(longest[1], longest[0]))
    # Perpendicular to the gradient, to half a bin and the coarseness of eight pixels.
    assert abs((along - degrees - 90 + 90) % 180 - 90) < 15


def test_the_picture_of_all_frames_stands_in_their_order() -> None:
    clip = torch.cat([ramp(10, 16)[:, :, :1], torch.full((1, 3, 1, 16, 16), 0.5)], dim=2)
    target, grid = HOGTarget(frames="all", normalisation="none"), TokenGrid(1, 1, 1)
    answers = target(batch_of(clip), everything(clip, grid), TUBELET)
    picture = target.picture(answers, answers, grid, TUBELET)
    assert picture[:, :, 0].amax() > 0.5
    assert picture[:, :, 1].amax() == 0
    assert target.select_frames(clip, TUBELET).shape == picture.shape


@pytest.mark.parametrize("tubelet", [Tubelet(2, 4, 16), Tubelet(2, 16, 12)])
def test_cells_that_do_not_fill_a_tubelet_are_refused(tubelet: Tubelet) -> None:
    with pytest.raises(ValueError, match=r"cell of 8 px does not divide a tubelet of .* such as 4$"):
        HOGTarget().num_outputs(tubelet)
    assert HOGTarget(cell=4).num_outputs(tubelet) == 27 * tubelet.rows * tubelet.columns // 16


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bins": 0}, "bins of HOGTarget must be at least 1, got 0"),
        ({"cell": 0}, "cell of HOGTarget must be at least 1, got 0"),
        ({"epsilon": 0.0}, "epsilon of HOGTarget must be above 0, got 0.0"),
    ],
)
def test_what_is_out_of_range_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HOGTarget(**settings)
