"""What each cell's first seed reconstructs: the last picture of its run, made small."""

import io
from collections.abc import Sequence
from pathlib import Path

from vidmask.report import phrases
from vidmask.report.blocks import Block, Grid, Photo, Section, Text

MOST_BYTES = 4_000_000
"""Of all pictures together, before they are written into the page."""

WIDTHS = (720, 560, 420, 320)
"""Pixels of a picture; the smaller ones where many pictures would be too large together."""


def gallery_section(folders: Sequence[tuple[str, Path]]) -> Section | None:
    """Return the section of the reconstructions, or None if no run has drawn any.

    Args:
        folders: Each cell's name, and its run's folder.
    """
    files = [
        (f"{name}: {head}" if len(pictures) > 1 else name, file)
        for name, folder in folders
        for pictures in (last_pictures(folder),)
        for head, file in pictures.items()
    ]
    if not files:
        return None
    photos: list[Photo] = []
    for width in WIDTHS:
        photos = [_photo(name, file, width) for name, file in files]
        if sum(len(photo.png) for photo in photos) <= MOST_BYTES:
            break
    kept: list[Photo] = []
    for photo in photos:
        if sum(len(other.png) for other in kept) + len(photo.png) <= MOST_BYTES:
            kept.append(photo)
    blocks: list[Block] = [
        Text("The last picture of each cell's first seed, of clips that were held out from training.")
    ]
    if len(kept) < len(photos):
        left = phrases.joined([photo.title for photo in photos if photo not in kept])
        blocks.append(Text(f"Left out to keep the page small: {left}."))
    return Section("reconstructions", "Reconstructions", [*blocks, Grid(kept)])


def last_pictures(folder: Path) -> dict[str, Path]:
    """Return the last picture of each head's reconstructions that a run has drawn."""
    pictures = {}
    for file in sorted((folder / "reconstructions").glob("*_step_*.png")):
        pictures[file.stem.rpartition("_step_")[0]] = file
    return pictures


def _photo(name: str, file: Path, width: int) -> Photo:
    from PIL import Image

    with Image.open(file) as opened:
        image = opened.convert("RGB")
    if image.width > width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BOX)
    # 256 colours: of such a picture a third of the bytes, and hardly a difference to be seen.
    image = image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return Photo(name, out.getvalue(), image.width, image.height)
