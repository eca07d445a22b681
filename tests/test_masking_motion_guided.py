"""What moves is hidden, or what stands still."""

import pytest
import torch

from vidmask.masking import MotionGuidedMasking
from vidmask.masking.motion_guided import motion_energy
from vidmask.randomness import generator
from vidmask.tokens import TokenGrid

EVERY_SAMPLING = pytest.mark.parametrize("sampling", ["gumbel", "softmax"])
ROW = TokenGrid(1, 1, 4)


def draw(masking: MotionGuidedMasking, clips: torch.Tensor, grid: TokenGrid):
    return masking(clips, grid, [generator(seed, "mask") for seed in range(len(clips))])


def of_energies(energies: list[float], num_clips: int) -> torch.Tensor:
    """Return clips of two frames and one row of pixels, which change by the given amounts."""
    clip = torch.tensor([[0.0] * len(energies), energies]).view(1, 1, 2, 1, -1)
    return clip.expand(num_clips, 3, -1, -1, -1)


def with_moving_square(num_clips: int, dtype=torch.float32) -> torch.Tensor:
    """Return clips of 8 frames of 16 × 16 pixels in which one square of 4 × 4 moves from left to right.

    Its place in a grid of 4 slices × 4 rows × 4 columns, of tubelets of 2 × 4 × 4 pixels, is slice i,
    row 1, column i.
    """
    clips = torch.full((num_clips, 3, 8, 16, 16), 50, dtype=torch.uint8)
    for frame in range(8):
        column = frame // 2 * 4
        clips[:, :, frame, 4:8, column : column + 4] = 200 if frame % 2 else 100
    return clips if dtype == torch.uint8 else clips.to(dtype) / 255


def test_energies_by_hand():
    # Six frames of one pixel: 0, 1, 3, 6, 10, 10; differences 1, 2, 3, 4, 0, and 1 again for the first.
    clip = torch.tensor([0.0, 1.0, 3.0, 6.0, 10.0, 10.0]).view(1, 1, 6, 1, 1).expand(2, 3, -1, -1, -1)
    for slices, expected in ((3, [1.0, 2.5, 2.0]), (6, [1.0, 1.0, 2.0, 3.0, 4.0, 0.0]), (2, [4 / 3, 7 / 3])):
        energy = motion_energy(clip, TokenGrid(slices, 1, 1))
        torch.testing.assert_close(energy.flatten(1), torch.tensor([expected] * 2))


def test_energies_are_means_over_colours_and_pixels():
    generator_ = torch.Generator().manual_seed(0)
    clips = torch.rand(2, 3, 4, 6, 4, generator=generator_)
    energy = motion_energy(clips, TokenGrid(2, 3, 2))
    for clip in range(2):
        for time, row, column in torch.cartesian_prod(*[torch.arange(n) for n in (2, 3, 2)]).tolist():
            changes = []
            for frame in (2 * time, 2 * time + 1):
                later = max(frame, 1)
                pixels = clips[clip, :, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                changes.append((pixels[:, later] - pixels[:, later - 1]).abs().mean())
            torch.testing.assert_close(energy[clip, time, row, column], sum(changes) / 2)


def test_uint8_clips_have_the_energies_of_float_ones():
    numbers, floats = with_moving_square(1, torch.uint8), with_moving_square(1)
    grid = TokenGrid(4, 4, 4)
    torch.testing.assert_close(motion_energy(numbers, grid) / 255, motion_energy(floats, grid))


def test_one_frame_has_no_energy():
    assert motion_energy(torch.rand(2, 3, 1, 4, 4), TokenGrid(1, 2, 2)).tolist() == [[[[0.0] * 2] * 2]] * 2


def test_clips_that_do_not_fit_the_grid_are_refused():
    with pytest.raises(ValueError, match=r"clips of 4×6×6 .* cannot be cut into a grid of 2×4×3 tokens"):
        motion_energy(torch.zeros(1, 3, 4, 6, 6), TokenGrid(2, 4, 3))


@EVERY_SAMPLING
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_what_moves_is_always_hidden_at_a_low_temperature(sampling, dtype):
    grid = TokenGrid(4, 4, 4)
    clips = with_moving_square(100, dtype)
    # The square, and where it was: in each slice but the first two tokens change.
    moving = {16 * time + 4 + time - back for time in range(4) for back in (0, 1) if time >= back}
    mask = draw(MotionGuidedMasking(7 / 64, 0.01, sampling), clips, grid)
    assert all(set(row) == moving for row in mask.masked.tolist())
    mask = draw(MotionGuidedMasking(0.5, 0.01, sampling), clips, grid)
    assert all(moving < set(row) for row in mask.masked.tolist())
    # What fills up the half is drawn among equals.
    assert len({tuple(row) for row in mask.masked.tolist()}) == 100
    mask = draw(MotionGuidedMasking(0.5, 0.01, sampling, hide="still"), clips, grid)
    assert all(moving < set(row) for row in mask.visible.tolist())


@EVERY_SAMPLING
@pytest.mark.parametrize("hide", ["moving", "still"])
def test_the_first_token_follows_the_softmax(sampling, hide):
    energies, temperature, num_clips = [0.1, 0.2, 0.4, 0.9], 0.7, 6000
    logits = torch.tensor(energies)
    logits = (logits - logits.mean()) / logits.std(correction=0) / temperature
    law = (logits if hide == "moving" else -logits).softmax(dim=0)
    mask = draw(MotionGuidedMasking(0.25, temperature, sampling, hide), of_energies(energies, num_clips), ROW)
    found = mask.masked.flatten().bincount(minlength=4) / num_clips
    assert mask.masked.shape == (num_clips, 1)
    # Five standard deviations.
    assert ((found - law).abs() < 5 * (law * (1 - law) / num_clips).sqrt()).all()


@EVERY_SAMPLING
def test_two_tokens_are_drawn_without_replacement(sampling):
    energies, num_clips = [0.1, 0.2, 0.4, 0.9], 6000
    logits = torch.tensor(energies)
    first = ((logits - logits.mean()) / logits.std(correction=0)).softmax(dim=0).tolist()
    # A token is the first, or the second after another first one.
    law = torch.tensor(
        [first[i] + sum(first[j] * first[i] / (1 - first[j]) for j in range(4) if j != i) for i in range(4)]
    )
    mask = draw(MotionGuidedMasking(0.5, 1.0, sampling), of_energies(energies, num_clips), ROW)
    found = mask.masked.flatten().bincount(minlength=4) / num_clips
    assert ((found - law).abs() < 5 * (law * (1 - law) / num_clips).sqrt()).all()


@EVERY_SAMPLING
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_equal_energies_hide_every_token_equally_often(sampling, value):
    mask = draw(MotionGuidedMasking(0.25, 0.01, sampling), of_energies([value] * 4, 4000), ROW)
    share = mask.masked.flatten().bincount(minlength=4) / 4000
    assert (share - 0.25).abs().max() < 5 * (0.25 * 0.75 / 4000) ** 0.5


def test_rounding_of_equal_energies_is_no_motion():
    # Sums of tenths are not equal in their last digits.
    clips = of_energies([0.1, 0.1 + 1e-8, 0.1 - 1e-8, 0.1], 400)
    mask = draw(MotionGuidedMasking(0.25, 0.001), clips, ROW)
    assert set(mask.masked.flatten().tolist()) == {0, 1, 2, 3}


@EVERY_SAMPLING
def test_a_tube_hides_places_by_their_energy_over_time(sampling):
    grid = TokenGrid(4, 4, 4)
    mask = draw(MotionGuidedMasking(0.25, 0.01, sampling, tube=True), with_moving_square(50), grid)
    # The square runs through row 1: 4 of 16 places, in every slice.
    assert mask.masked.tolist() == [[16 * time + 4 + column for time in range(4) for column in range(4)]] * 50


@pytest.mark.parametrize(
    ("settings", "visible"),
    [({"ratio": 0.9}, 156), ({"ratio": 0.75}, 392), ({"ratio": 0.9, "tube": True}, 160)],
)
@EVERY_SAMPLING
def test_as_many_are_visible_as_at_random_or_in_a_tube(settings, visible, sampling):
    clips, grid = torch.rand(2, 3, 16, 28, 28), TokenGrid(8, 14, 14)
    masking = MotionGuidedMasking(sampling=sampling, **settings)
    for given in (clips, (clips * 255).to(torch.uint8), torch.zeros_like(clips), clips.to("meta")):
        mask = draw(masking, given, grid)
        assert mask.visible.shape == (2, visible)
        assert mask.masked.shape == (2, 1568 - visible)


@EVERY_SAMPLING
def test_a_temperature_close_to_0_is_no_accident(sampling):
    clips = of_energies([0.1, 0.2, 0.4, 0.9], 50)
    mask = draw(MotionGuidedMasking(0.75, 1e-6, sampling), clips, ROW)
    assert (mask.masked == 3).any(dim=1).all()
    # Where one token takes all the probability that numbers can hold, the others are still drawn evenly.
    mask = draw(MotionGuidedMasking(0.5, 1e-6, sampling), of_energies([0.1, 0.1, 0.1, 0.9], 50), ROW)
    assert {tuple(row) for row in mask.masked.tolist()} == {(0, 3), (1, 3), (2, 3)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ratio": 1.0}, "masking ratio must lie between 0 and 1, got 1.0"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"temperature": float("nan")}, "temperature must be above 0, got nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        MotionGuidedMasking(**settings)


def test_it_says_what_it_is():
    assert repr(MotionGuidedMasking()) == (
        "MotionGuidedMasking(ratio=0.9, temperature=1.0, sampling='gumbel', hide='moving', tube=False)"
    )
