"""What a clip, a token and a mask are: the geometry and the records that every other part speaks in.

Axis letters used in every signature of the package:
    b clips, c channels, t h w frames rows columns, n tokens, k visible tokens, m masked tokens,
    d embedding width, p numbers per token (the pixels of a tubelet, or the outputs of a head).

Token order is raster order, time first: ``index = (time * rows + row) * columns + column``. A class
token is never counted in an index.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Tubelet:
    """The block of pixels behind one token: frames × rows × columns.

    Raises:
        ValueError: If a side is smaller than one.
    """

    frames: int = 2
    rows: int = 16
    columns: int = 16

    def __post_init__(self) -> None:
        if min(self.frames, self.rows, self.columns) < 1:
            raise ValueError(
                f"tubelet sides must be at least 1, got {self.frames}×{self.rows}×{self.columns}"
            )

    @property
    def num_pixels(self) -> int:
        """Return the numbers in one RGB tubelet."""
        return 3 * self.frames * self.rows * self.columns


@dataclass(frozen=True)
class TokenGrid:
    """The tokens of one clip: how many in time, in rows and in columns."""

    time: int
    rows: int
    columns: int

    @property
    def num_tokens(self) -> int:
        """Return the number of tokens of a clip."""
        return self.time * self.rows * self.columns

    @classmethod
    def of(cls, frames: int, rows: int, columns: int, tubelet: Tubelet) -> "TokenGrid":
        """Cut a clip of the given frames, rows and columns of pixels into tubelets.

        Raises:
            ValueError: If a side of the clip is no multiple of the tubelet's.
        """
        for name, length, step in (
            ("frames", frames, tubelet.frames),
            ("rows", rows, tubelet.rows),
            ("columns", columns, tubelet.columns),
        ):
            if length < step or length % step:
                raise ValueError(
                    f"a clip of {length} {name} cannot be cut into tubelets of {step} {name}: "
                    f"give a multiple of {step}, such as {max(step, length - length % step)}"
                )
        return cls(frames // tubelet.frames, rows // tubelet.rows, columns // tubelet.columns)


@dataclass(frozen=True)
class TokenMask:
    """Which tokens are seen and which are predicted: indices in ascending raster order.

    Every row of a batch has the same number of each, so that shapes are static. ``masked`` is what is
    predicted; it need not hold every token that is missing from ``visible``.
    """

    visible: Int[Tensor, "b k"]
    masked: Int[Tensor, "b m"]


class ClipBatch(NamedTuple):
    """A batch of clips with everything that is known of each sample.

    A NamedTuple and not a frozen dataclass, because Lightning moves the former to the device only.

    Attributes:
        clips: RGB, ``[b 3 t h w]``: uint8 as the workers deliver it, float in [0, 1] on the device.
        labels: For each label name the class of every clip, ``[b]`` int64; empty for unlabelled videos.
        video_index: Place of each video in its split, ``[b]`` int64.
        start_seconds: Presentation time of each clip's first frame, ``[b]`` float32.
        view: Which of a video's repeated clips (training) or test views this is, ``[b]`` int64.
        seeds: One integer a sample, from (seed, epoch, video, view): every random choice about the
            sample starts here (see ``vidmask.randomness``). Python integers, as they seed host generators.
        paths: The file of each clip, for messages.
        skipped: ``(path, reason)`` of samples that were due in this batch and could not be decoded.
        boxes: Top, left, rows and columns of what was cut from the frame before resizing, in its pixels,
            ``[b 4]`` int64; None where the clips were not cut from videos.
    """

    clips: Shaped[Tensor, "b 3 t h w"]
    labels: dict[str, Int[Tensor, " b"]]
    video_index: Int[Tensor, " b"]
    start_seconds: Float[Tensor, " b"]
    view: Int[Tensor, " b"]
    seeds: list[int]
    paths: list[str]
    skipped: list[tuple[str, str]]
    boxes: Int[Tensor, "b 4"] | None = None


def gather_tokens(tokens: Shaped[Tensor, "b n d"], indices: Int[Tensor, "b k"]) -> Shaped[Tensor, "b k d"]:
    """Take the tokens at ``indices`` of each row."""
    return tokens.gather(1, indices.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))


def patchify(
    clips: Shaped[Tensor, "b c t h w"], tubelet: Tubelet, indices: Int[Tensor, "b k"] | None = None
) -> Shaped[Tensor, "b k p"]:
    """Cut clips into tubelets, each flattened as (frame, row, column, channel), channel fastest.

    Args:
        clips: Clips, of any element type.
        tubelet: Size of a tubelet.
        indices: The tokens wanted, raster order. Only their pixels are read and copied. All if None.

    Raises:
        ValueError: If the clip is no multiple of the tubelet.
    """
    batch, _, frames, rows, columns = clips.shape
    grid = TokenGrid.of(frames, rows, columns, tubelet)
    blocks = rearrange(
        clips,
        "b c (t u) (h p) (w q) -> b t h w u p q c",
        u=tubelet.frames,
        p=tubelet.rows,
        q=tubelet.columns,
    )
    if indices is None:
        return blocks.reshape(batch, grid.num_tokens, -1)
    column = indices % grid.columns
    row = indices // grid.columns % grid.rows
    time = indices // (grid.columns * grid.rows)
    clip = torch.arange(batch, device=indices.device).unsqueeze(1)
    return blocks[clip, time, row, column].flatten(2)


def unpatchify(
    tokens: Shaped[Tensor, "b n p"], grid: TokenGrid, tubelet: Tubelet
) -> Shaped[Tensor, "b c t h w"]:
    """Put tubelets flattened by ``patchify`` back together; the inverse of it.

    The number of frames in a tubelet is read from ``p``, so that a prediction of one slice per tubelet
    gives a clip of one frame per tubelet.
    """
    slice_size = tokens.shape[-1] // (tubelet.rows * tubelet.columns)
    return rearrange(
        tokens,
        "b (t h w) (u p q c) -> b c (t u) (h p) (w q)",
        t=grid.time,
        h=grid.rows,
        w=grid.columns,
        p=tubelet.rows,
        q=tubelet.columns,
        c=3 if slice_size % 3 == 0 else 1,
    )
