"""Geometry: tubelets, grids, and cutting clips into tokens."""

import pytest
import torch

from vidmask.tokens import TokenGrid, Tubelet, gather_tokens, patchify, unpatchify

TUBELET = Tubelet(2, 3, 4)


def clip_of_known_pixels() -> torch.Tensor:
    """Two clips of 4×6×8 in which every number is its own address."""
    return torch.arange(2 * 3 * 4 * 6 * 8).view(2, 3, 4, 6, 8)


def test_patchify_equals_a_loop_over_every_pixel() -> None:
    clips = clip_of_known_pixels()
    tokens = patchify(clips, TUBELET)
    assert tokens.shape == (2, 2 * 2 * 2, 2 * 3 * 4 * 3)
    for clip in range(2):
        for time in range(2):
            for row in range(2):
                for column in range(2):
                    expected = [
                        clips[clip, c, time * 2 + u, row * 3 + p, column * 4 + q].item()
                        for u in range(2)
                        for p in range(3)
                        for q in range(4)
                        for c in range(3)
                    ]
                    assert tokens[clip, (time * 2 + row) * 2 + column].tolist() == expected


def test_patchify_of_chosen_tokens_equals_choosing_from_all() -> None:
    clips = clip_of_known_pixels()
    indices = torch.tensor([[7, 0, 3], [1, 6, 2]])
    assert torch.equal(patchify(clips, TUBELET, indices), gather_tokens(patchify(clips, TUBELET), indices))


def test_unpatchify_undoes_patchify() -> None:
    clips = clip_of_known_pixels()
    assert torch.equal(unpatchify(patchify(clips, TUBELET), TokenGrid(2, 2, 2), TUBELET), clips)


def test_unpatchify_of_one_slice_per_tubelet_gives_one_frame_per_tubelet() -> None:
    first_frames = clip_of_known_pixels()[:, :, ::2]
    tokens = patchify(first_frames, Tubelet(1, 3, 4))
    assert torch.equal(unpatchify(tokens, TokenGrid(2, 2, 2), TUBELET), first_frames)


@pytest.mark.parametrize(
    ("frames", "rows", "columns", "said"),
    [(5, 6, 8, "5 frames"), (4, 7, 8, "7 rows"), (4, 6, 2, "2 columns")],
)
def test_a_clip_that_does_not_fit_the_tubelet_is_refused(
    frames: int, rows: int, columns: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        TokenGrid.of(frames, rows, columns, TUBELET)


def test_a_tubelet_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="0×16×16"):
        Tubelet(0, 16, 16)


def test_the_papers_grid_has_1568_tokens() -> None:
    grid = TokenGrid.of(16, 224, 224, Tubelet(2, 16, 16))
    assert (grid.time, grid.rows, grid.columns, grid.num_tokens) == (8, 14, 14, 1568)
