"""RGB differences."""

import pytest
import torch
from test_parity import batch_of

from vidmask.targets.motion import RGBDifferenceTarget
from vidmask.tokens import TokenGrid, TokenMask, Tubelet

TUBELET = Tubelet(2, 2, 2)
ALL = torch.arange(8).expand(1, -1)


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.rand(1, 3, 4, 4, 4, generator=torch.Generator().manual_seed(0))


def loop(clips: torch.Tensor, span: str) -> list[list[float]]:
    """The differences of every tubelet by a plain loop, in raster order."""
    frames = clips.shape[2]

    def later(frame: int) -> int | None:
        if span == "within":
            return frame + 1 if frame % 2 == 0 else None
        after = frame + (1 if span == "next" else 2)
        return min(after, frames - 1) if span == "next" else (after if after < frames else frame)

    tokens = []
    for t in range(frames // 2):
        for y in range(2):
            for x in range(2):
                token = []
                for frame in (2 * t, 2 * t + 1):
                    after = later(frame)
                    if after is None:
                        continue
                    for row in (2 * y, 2 * y + 1):
                        for column in (2 * x, 2 * x + 1):
                            for channel in range(3):
                                pixel = clips[0, channel, :, row, column]
                                token.append((pixel[after] - pixel[frame]).item())
                tokens.append(token)
    return tokens


@pytest.mark.parametrize("span", ["within", "next", "between"])
def test_the_differences_equal_a_loop(clips: torch.Tensor, span: str) -> None:
    target = RGBDifferenceTarget(span, scale=3.0)
    answer = target(batch_of(clips), ALL, TUBELET)
    torch.testing.assert_close(answer[0], 3 * torch.tensor(loop(clips, span)))
    assert answer.shape[-1] == target.num_outputs(TUBELET) == (12 if span == "within" else 24)
    given_back = target.to_differences(answer, batch_of(clips), ALL, TUBELET)
    torch.testing.assert_close(given_back[0], torch.tensor(loop(clips, span)))


def test_a_brighter_second_frame_is_a_positive_difference() -> None:
    clips = torch.zeros(1, 3, 2, 2, 2)
    clips[:, 1, 1] = 0.5
    answer = RGBDifferenceTarget(scale=2.0)(batch_of(clips), torch.zeros(1, 1, dtype=torch.int64), TUBELET)
    assert answer.view(-1, 3).tolist() == [[0, 1, 0]] * 4


def test_normalised_differences_have_mean_zero_and_bounded_noise(clips: torch.Tensor) -> None:
    still = 0.5 + 1e-5 * clips
    target = RGBDifferenceTarget(normalisation="tubelet", epsilon=0.01)
    moving = target(batch_of(clips), ALL, TUBELET).unflatten(-1, (-1, 3))
    torch.testing.assert_close(moving.mean(dim=-2), torch.zeros(1, 8, 3), atol=1e-5, rtol=0)
    differences = torch.tensor(loop(clips, "within")).view(8, 4, 3)
    expected = (differences - differences.mean(1, True)) / (differences.std(1, keepdim=True) + 0.01)
    torch.testing.assert_close(moving[0], expected)
    # What stands still all but for noise stays small, as it would not with an epsilon of 1e-6.
    assert target(batch_of(still), ALL, TUBELET).abs().max() < 0.01


def test_no_motion_is_the_mean_square_of_the_answer(clips: torch.Tensor) -> None:
    target = RGBDifferenceTarget(scale=1.0)
    mask = TokenMask(torch.tensor([[0, 4]]), torch.tensor([[1, 6]]))
    baselines = target.baselines(batch_of(clips), mask, TokenGrid(2, 2, 2), TUBELET)
    answers = torch.tensor(loop(clips, "within"))
    torch.testing.assert_close(baselines["no_motion"], answers[[1, 6]].square().mean())
    torch.testing.assert_close(baselines["copy_nearest"], (answers[[1, 6]] - answers[[0, 4]]).square().mean())


def test_a_tubelet_of_one_frame_has_no_difference_within(clips: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="holds no difference: set RGBDifferenceTarget's span"):
        RGBDifferenceTarget().num_outputs(Tubelet(1, 2, 2))
    assert RGBDifferenceTarget("next").num_outputs(Tubelet(1, 2, 2)) == 12


@pytest.mark.parametrize("name", ["scale", "epsilon"])
def test_numbers_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} of the RGB difference must be above 0, got 0"):
        RGBDifferenceTarget(**{name: 0.0})
