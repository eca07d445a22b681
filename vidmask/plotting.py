"""Clips, masks and reconstructions as pictures: tensors in, uint8 pixels out.

A picture is made of rows, a dict from caption to clips ``[b 3 t h w]`` in [0, 1]; values outside are cut
off. What was added back to a reconstruction belongs in its caption: a picture that re-adds every hidden
patch's true mean and variance looks good for an untrained model too.
"""

import io
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from vidmask.tokens import TokenGrid, TokenMask, Tubelet

_GAP = 4  # pixels between frames
_LINE = 208  # grey of these pixels: what is painted on white would run together without
_MARGIN = 10  # pixels around the picture and between clips
_FONT_SIZE = 14
_FRAME_WIDTH = 128  # frames are enlarged by the whole factor that comes nearest to it: 32 px four times
_GREY, _HATCH = 0.5, 0.45  # what covers a hidden pixel


def hidden_pixels(mask: TokenMask, grid: TokenGrid, tubelet: Tubelet) -> Bool[Tensor, "b t h w"]:
    """Say of every pixel whether the encoder did not see it: all tokens that are not in ``mask.visible``."""
    hidden = torch.ones(len(mask.visible), grid.num_tokens, dtype=torch.bool, device=mask.visible.device)
    hidden.scatter_(1, mask.visible, False)
    hidden = hidden.view(-1, grid.time, grid.rows, grid.columns)
    for axis, length in enumerate((tubelet.frames, tubelet.rows, tubelet.columns), start=1):
        hidden = hidden.repeat_interleave(length, dim=axis)
    return hidden


def unpredicted_pixels(mask: TokenMask, grid: TokenGrid, tubelet: Tubelet) -> Bool[Tensor, "b t h w"]:
    """Say of every pixel whether it is not predicted: all tokens that are not in ``mask.masked``."""
    return hidden_pixels(TokenMask(mask.masked, mask.visible), grid, tubelet)


def cover(clips: Float[Tensor, "b c t h w"], hidden: Bool[Tensor, "b t h w"]) -> Float[Tensor, "b c t h w"]:
    """Paint the hidden pixels mid grey, with a diagonal hatch that tells them from a grey of the video."""
    row = torch.arange(clips.shape[-2], device=clips.device).unsqueeze(1)
    column = torch.arange(clips.shape[-1], device=clips.device)
    period = max(4, clips.shape[-1] // 16)
    paint = torch.where((row + column) % period == 0, _HATCH, _GREY).to(clips)
    return torch.where(hidden.unsqueeze(1), paint, clips)


def heat(values: Float[Tensor, "b 3 t h w"], largest: Float[Tensor, ""]) -> Float[Tensor, "b 3 t h w"]:
    """Paint signed values, their mean over the channels: white for 0, red above, blue below.

    Args:
        values: What is painted.
        largest: Value of the full colour; what lies beyond is cut off.
    """
    strength = (values.float().mean(dim=1, keepdim=True) / largest.clamp(min=1e-6)).clamp(-1, 1)
    rest = 1 - strength.abs()
    red, blue = torch.where(strength > 0, 1.0, rest), torch.where(strength < 0, 1.0, rest)
    return torch.cat([red, rest, blue], dim=1)


def reconstruction_rows(
    clips: Float[Tensor, "b 3 t h w"],
    reconstructions: Float[Tensor, "b 3 t h w"],
    hidden: Bool[Tensor, "b t h w"],
    caption: str,
) -> dict[str, Float[Tensor, "b 3 t h w"]]:
    """Return input, masked input and reconstruction as the rows of a picture.

    Args:
        clips: What went in.
        reconstructions: What the model says of the hidden pixels; the visible ones are shown as they
            went in and not read from here.
        hidden: Which pixels the encoder did not see.
        caption: Caption of the reconstruction, with what was added back to the prediction.
    """
    share = f"{hidden.float().mean().item():.0%}"
    return {
        "input": clips,
        f"masked input ({share} hidden)": cover(clips, hidden),
        caption: torch.where(hidden.unsqueeze(1), reconstructions.to(clips), clips),
    }


def still_panel(
    rows: Mapping[str, Float[Tensor, "b 3 t h w"]], num_frames: int = 8
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw each clip as one captioned filmstrip per row, the clips below each other.

    Clips of a single frame stand side by side, in one strip.

    Args:
        rows: From caption to clips; all rows of one shape.
        num_frames: Frames in a strip, evenly spaced from the first to the last of the clip; all of them
            where the clip has fewer.
    """
    columns = []
    for caption, clips in rows.items():
        if clips.shape[2] == 1:
            clips = clips.transpose(0, 2)
        chosen = torch.linspace(0, clips.shape[2] - 1, min(num_frames, clips.shape[2])).round().long()
        frames = _enlarged(clips[:, :, chosen.to(clips.device)])
        columns.append([_captioned(_side_by_side(list(clip), _GAP, _LINE), caption) for clip in frames])
    strips = [_stacked(list(clip), _GAP) for clip in zip(*columns, strict=True)]
    return _framed(_stacked(strips, 2 * _MARGIN))


def moving_panel(rows: Mapping[str, Float[Tensor, "b 3 t h w"]]) -> UInt8[np.ndarray, "t height width 3"]:
    """Draw the rows as columns, side by side, with one line of clips below another, once for every frame."""
    videos = {caption: _enlarged(clips) for caption, clips in rows.items()}
    num_frames = next(iter(videos.values())).shape[1]
    pictures = []
    for frame in range(num_frames):
        columns = [
            _captioned(_stacked(list(clips[:, frame]), _GAP, _LINE), text) for text, clips in videos.items()
        ]
        pictures.append(_framed(_side_by_side(columns, _MARGIN)))
    return np.stack(pictures)


def write_png(path: Path, picture: UInt8[np.ndarray, "height width 3"]) -> None:
    """Write a picture as PNG, and its folder where that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, format="PNG")


def gif_bytes(frames: UInt8[np.ndarray, "t height width 3"], fps: int | float) -> bytes:
    """Encode frames as an animated GIF that repeats for ever.

    Args:
        frames: The pictures in order.
        fps: Frames per second. GIF counts in hundredths of a second, and browsers slow down what is
            faster than 50 frames per second.
    """
    # One palette for all frames, made from all of them: one of its own for each frame would flicker.
    everything = Image.fromarray(rearrange(frames, "t h w c -> (t h) w c"))
    palette = everything.quantize(colors=256, method=Image.Quantize.MEDIANCUT)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    milliseconds = round(100 / fps) * 10
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=milliseconds, loop=0)
    return buffer.getvalue()


def write_mp4(path: Path, frames: UInt8[np.ndarray, "t height width 3"], fps: int | float) -> None:
    """Write frames as an H.264 video that browsers play.

    Args:
        path: The file; its folder is made where it is missing.
        frames: The pictures in order. A last row or column that would make a side odd is left white.
        fps: Frames per second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = (side + side % 2 for side in frames.shape[1:3])
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "16"}
        for frame in frames:
            missing = (height - frame.shape[0], width - frame.shape[1])
            whole = np.pad(frame, ((0, missing[0]), (0, missing[1]), (0, 0)), constant_values=255)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, format="rgb24")))
        container.mux(stream.encode())


def _enlarged(clips: Tensor) -> np.ndarray:
    """Return uint8 ``[b t h w 3]``, each pixel repeated so often that a frame can be seen."""
    zoom = max(1, round(_FRAME_WIDTH / clips.shape[-1]))
    pixels = (clips.detach().float().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
    pixels = rearrange(pixels, "b c t h w -> b t h w c").numpy()
    return pixels.repeat(zoom, axis=2).repeat(zoom, axis=3)


def _captioned(picture: np.ndarray, text: str) -> np.ndarray:
    font = ImageFont.load_default(size=_FONT_SIZE)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > picture.shape[1]:
            lines.append(word)
        else:
            lines[-1] = longer
    line_height = _FONT_SIZE + 4
    label = Image.new("RGB", (picture.shape[1], line_height * len(lines)), "white")
    draw = ImageDraw.Draw(label)
    for index, line in enumerate(lines):
        draw.text((0, index * line_height), line, fill="black", font=font)
    return _stacked([np.asarray(label), picture], 0)


def _side_by_side(pictures: list[np.ndarray], gap: int, paint: int = 255) -> np.ndarray:
    """Join pictures from left to right, aligned at their lower edges."""
    height = max(len(picture) for picture in pictures)
    padded = [
        np.pad(picture, ((height - len(picture), 0), (gap if index else 0, 0), (0, 0)), constant_values=paint)
        for index, picture in enumerate(pictures)
    ]
    return np.concatenate(padded, axis=1)


def _stacked(pictures: list[np.ndarray], gap: int, paint: int = 255) -> np.ndarray:
    """Join pictures of one width from top to bottom."""
    padded = [
        np.pad(picture, ((gap if index else 0, 0), (0, 0), (0, 0)), constant_values=paint)
        for index, picture in enumerate(pictures)
    ]
    return np.concatenate(padded, axis=0)


def _framed(picture: np.ndarray) -> np.ndarray:
    return np.pad(picture, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)), constant_values=255)
