import io

import av
import numpy as np
import pytest
import torch
from PIL import Image

from vidmask.plotting import (
    cover,
    gif_bytes,
    hidden_pixels,
    moving_panel,
    reconstruction_rows,
    still_panel,
    write_mp4,
    write_png,
)
from vidmask.tokens import TokenGrid, TokenMask, Tubelet

TUBELET = Tubelet(frames=2, rows=4, columns=8)
GRID = TokenGrid(time=2, rows=2, columns=1)  # clips of 4 frames of 8×8


def _mask(*visible: int) -> TokenMask:
    masked = [token for token in range(4) if token not in visible]
    return TokenMask(torch.tensor([visible]), torch.tensor([masked]))


def _clip(frames: int = 4, size: int = 8) -> torch.Tensor:
    """Return one clip whose frames are plain: red 20, 40, … of 255 and no green or blue."""
    clip = torch.zeros(1, 3, frames, size, size)
    clip[:, 0] = 20 / 255 * torch.arange(1, frames + 1).view(1, -1, 1, 1)
    return clip


def test_pixels_of_visible_tubelets_are_not_hidden():
    hidden = hidden_pixels(_mask(1, 2), GRID, TUBELET)
    # Token 1: frames 0-1, rows 4-7. Token 2: frames 2-3, rows 0-3.
    expected = torch.ones(1, 4, 8, 8, dtype=torch.bool)
    expected[:, :2, 4:] = False
    expected[:, 2:, :4] = False
    torch.testing.assert_close(hidden, expected)


def test_tokens_neither_visible_nor_predicted_are_hidden_too():
    mask = TokenMask(visible=torch.tensor([[0]]), masked=torch.tensor([[1]]))
    hidden = hidden_pixels(mask, GRID, TUBELET)
    assert hidden[:, 2:].all()
    assert not hidden[:, :2, :4].any()


def test_hidden_pixels_are_grey_and_the_others_untouched():
    clips, hidden = torch.rand(1, 3, 4, 8, 8), hidden_pixels(_mask(1, 2), GRID, TUBELET)
    covered = cover(clips, hidden)
    torch.testing.assert_close(covered[:, :, :2, 4:], clips[:, :, :2, 4:])
    torch.testing.assert_close(covered[:, :, 2:, :4], clips[:, :, 2:, :4])
    grey = covered[:, :, :2, :4]
    # Mid grey, except for the hatch: every fourth diagonal a little darker.
    assert grey.unique().tolist() == pytest.approx([0.45, 0.5])
    assert (grey == grey[:, :1]).all()
    assert grey[0, 0, 0, 0].tolist() == pytest.approx([0.45, 0.5, 0.5, 0.5] * 2)


def test_a_reconstruction_shows_the_prediction_only_where_pixels_were_hidden():
    clips, prediction = torch.zeros(1, 3, 4, 8, 8), torch.ones(1, 3, 4, 8, 8)
    hidden = hidden_pixels(_mask(1, 2, 3), GRID, TUBELET)
    rows = reconstruction_rows(clips, prediction, hidden, "prediction (nothing added back)")
    assert list(rows) == ["input", "masked input (25% hidden)", "prediction (nothing added back)"]
    pasted = rows["prediction (nothing added back)"]
    assert pasted[:, :, :2, :4].eq(1).all()
    assert pasted.sum() == 3 * 2 * 4 * 8


def test_a_still_panel_holds_each_row_of_each_clip_enlarged():
    clips = torch.cat([_clip(), 1 - _clip()])
    panel = still_panel({"first": clips, "second": clips}, num_frames=4)
    # 8 px are enlarged 16 times; 4 px between frames, 10 around, 18 for one line of caption.
    assert panel.shape == (10 + 2 * (2 * (18 + 128) + 4) + 20 + 10, 10 + 4 * 128 + 3 * 4 + 10, 3)
    assert panel.dtype == np.uint8
    top = 10 + 18
    for frame, red in enumerate((20, 40, 60, 80)):
        left = 10 + frame * (128 + 4)
        block = panel[top : top + 128, left : left + 128]
        assert (block == np.array([red, 0, 0])).all()
        assert (panel[top : top + 128, left - 4 : left] == (208 if frame else 255)).all()
    second_clip = top + 2 * (128 + 18) + 4 + 20
    assert (panel[second_clip, 10] == [235, 255, 255]).all()


def test_a_still_panel_takes_frames_evenly_from_first_to_last():
    panel = still_panel({"clip": _clip(frames=9)}, num_frames=4)
    row = panel[30]
    assert [row[10 + index * 132][0] for index in range(4)] == [20, 80, 120, 180]  # 0, 2.7, 5.3, 8


def test_a_still_panel_of_a_short_clip_takes_every_frame_once():
    assert still_panel({"clip": _clip(frames=2)}, num_frames=8).shape[1] == 10 + 2 * 128 + 4 + 10


def test_clips_of_one_frame_stand_side_by_side():
    clips = torch.cat([torch.zeros(1, 3, 1, 32, 32), torch.ones(1, 3, 1, 32, 32)])
    panel = still_panel({"clip": clips})
    assert panel.shape[1] == 10 + 2 * 128 + 4 + 10
    assert (panel[-20, 20] == 0).all()
    assert (panel[-20, -20] == 255).all()


def test_captions_are_drawn_and_differ():
    clip = torch.ones(1, 3, 4, 32, 32)
    one, other, none = (
        still_panel({text: clip}, num_frames=4)[10:28]
        for text in ("nothing added back", "mean added back", "")
    )
    assert (none == 255).all()
    assert (one < 100).any()
    assert (one != other).any()


def test_a_long_caption_is_broken_into_lines_that_fit():
    words = "reconstruction (each hidden patch's true mean and variance added back)"
    panel = still_panel({words: torch.ones(1, 3, 1, 32, 32)}, num_frames=1)
    caption = panel[10:-138]
    assert caption.shape[0] > 2 * 18
    assert caption.shape[0] % 18 == 0
    assert (caption[:, -2:] == 255).all()  # nothing reaches into the margin


@pytest.mark.parametrize(("size", "shown"), [(32, 128), (64, 128), (112, 112), (224, 224)])
def test_frames_are_enlarged_by_a_whole_factor(size, shown):
    panel = still_panel({"clip": torch.zeros(1, 3, 1, size, size)}, num_frames=1)
    assert panel.shape[1] == 10 + shown + 10


def test_values_outside_the_range_are_cut_off():
    clip = torch.stack(
        [torch.full((1, 1, 8, 8), -0.5), torch.full((1, 1, 8, 8), 1.5), torch.zeros(1, 1, 8, 8)], 1
    )
    assert still_panel({"clip": clip}, num_frames=1)[40, 40].tolist() == [0, 255, 0]


def test_a_moving_panel_shows_the_rows_side_by_side_in_every_frame():
    clips = torch.cat([_clip(), 1 - _clip()])
    frames = moving_panel({"a": clips, "b": clips / 2})
    assert frames.shape == (4, 10 + 18 + 128 + 4 + 128 + 10, 10 + 128 + 10 + 128 + 10, 3)
    assert frames[:, 30, 12, 0].tolist() == [20, 40, 60, 80]
    assert frames[:, 30, 10 + 128 + 10, 0].tolist() == [10, 20, 30, 40]
    assert frames[:, -12, 12, 0].tolist() == [235, 215, 195, 175]


def test_a_gif_keeps_frames_order_and_speed():
    frames = np.zeros((3, 6, 5, 3), dtype=np.uint8)
    frames[0, ..., 0], frames[1, ..., 1], frames[2, ..., 2] = 250, 250, 250
    image = Image.open(io.BytesIO(gif_bytes(frames, fps=12.5)))
    assert (image.n_frames, image.size, image.info["duration"], image.info["loop"]) == (3, (5, 6), 80, 0)
    for index in range(3):
        image.seek(index)
        pixel = np.asarray(image.convert("RGB"))[2, 2].astype(int)
        assert np.abs(pixel - frames[index, 2, 2]).max() <= 8
    assert image.format == "GIF"


def test_png_gives_back_the_picture(tmp_path):
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    write_png(tmp_path / "new" / "picture.png", picture)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "picture.png")), picture)


def test_mp4_keeps_every_frame_and_its_colours(tmp_path):
    frames = np.zeros((5, 31, 41, 3), dtype=np.uint8)
    for frame, level in enumerate((0, 60, 120, 180, 240)):
        frames[frame] = level
    write_mp4(tmp_path / "new" / "a.mp4", frames, fps=6)
    with av.open(str(tmp_path / "new" / "a.mp4")) as video:
        read = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert [frame.shape for frame in read] == [(32, 42, 3)] * 5
    for before, after in zip(frames, read, strict=True):
        assert abs(after[:28, :36].astype(int) - before[:28, :36]).max() <= 6
