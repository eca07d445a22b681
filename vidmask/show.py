"""What a recipe hides and what it asks for, as pictures: for the command line and for notebooks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from vidmask.pictures import Rows, picture_rows, target_rows
from vidmask.plotting import (
    cover,
    gif_bytes,
    hidden_pixels,
    moving_panel,
    still_panel,
    unpredicted_pixels,
    write_mp4,
    write_png,
)
from vidmask.pretraining import MaskedPretraining
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet

MASK = "mask"
"""Name of the picture of the mask, beside those of the heads."""


def mask_rows(batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet) -> Rows:
    """Return clips, what the encoder sees of them and what is predicted, as rows of a picture.

    Args:
        batch: The batch, its clips as RGB in [0, 1].
        mask: Their masks.
        grid: The tokens of a clip.
        tubelet: Size of a tubelet.
    """
    unseen = hidden_pixels(mask, grid, tubelet)
    share = 1 - mask.visible.shape[1] / grid.num_tokens
    rows = {"input": batch.clips, f"seen ({share:.1%} hidden)": cover(batch.clips, unseen)}
    if mask.visible.shape[1] + mask.masked.shape[1] == grid.num_tokens:
        return rows
    not_predicted = unpredicted_pixels(mask, grid, tubelet)
    predicted = mask.masked.shape[1] / grid.num_tokens
    return rows | {f"predicted ({predicted:.1%} of the tokens)": cover(batch.clips, not_predicted)}


@torch.no_grad()
def shown(module: MaskedPretraining, batch: ClipBatch, *, predictions: bool) -> dict[str, Rows]:
    """Return the rows of each picture: of the mask, and of each head by its name.

    Args:
        module: The module, in evaluation mode, its targets loaded.
        batch: The batch, its clips as RGB in [0, 1].
        predictions: Whether what the module predicts stands beside what it is asked for.
    """
    mask = module.mask(batch)
    heads = module.objective.heads
    found = {MASK: mask_rows(batch, mask, module.encoder.grid, module.encoder.tubelet)}
    predicted = module.objective.predict(batch, mask) if predictions else {}
    for name, head in heads.items():
        rows = target_rows(head.target, head, batch, mask)
        if predictions:
            rows = rows | picture_rows(head.target, head, predicted[name], batch, mask)
        if rows:
            found[name] = rows
    return found


def write_pictures(pictures: dict[str, Rows], folder: Path, fps: int | float = 6.0) -> list[Path]:
    """Write pictures as PNG, GIF and MP4, and all of them below each other as ``sheet.png``.

    Args:
        pictures: The rows of each by its name.
        folder: Where the files go; it is made where it is missing.
        fps: Frames per second of what moves.

    Returns:
        The files.
    """
    written, stills = [], []
    for name, captioned in pictures.items():
        # Which picture it is shows on the sheet too.
        rows = {f"{'' if at else f'{name}: '}{text}": row for at, (text, row) in enumerate(captioned.items())}
        stills.append(still_panel(rows))
        write_png(folder / f"{name}.png", stills[-1])
        written.append(folder / f"{name}.png")
        if all(clips.shape[2] > 1 for clips in rows.values()):
            moving = moving_panel(rows)
            (folder / f"{name}.gif").write_bytes(gif_bytes(moving, fps))
            write_mp4(folder / f"{name}.mp4", moving, fps)
            written += [folder / f"{name}.gif", folder / f"{name}.mp4"]
    write_png(folder / "sheet.png", _below_each_other(stills))
    return [*written, folder / "sheet.png"]


def _below_each_other(pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> UInt8[np.ndarray, "_ _ 3"]:
    width = max(picture.shape[1] for picture in pictures)
    padded = [
        np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255)
        for picture in pictures
    ]
    return np.concatenate(padded)
