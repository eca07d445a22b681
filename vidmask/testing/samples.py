"""What the laws are tried on: a small encoder, small clips, and clips of which some tokens are altered."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.masking import MaskGenerator
from vidmask.models.vit import VideoViT
from vidmask.randomness import generator
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet

REPLACEMENT = 0.123
"""Value of the pixels of an altered token."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed what torch draws on the CPU, and in the end leave it as it was; other devices are not touched."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def small_encoder(**settings: object) -> VideoViT:
    """Return an encoder of 32 tokens (2 × 4 × 4), the same each time, on clips of 4 frames of 16 pixels.

    Args:
        settings: Arguments of ``VideoViT`` that are to be others.
    """
    given = {"frames": 4, "size": 16, "tubelet": (2, 4, 4), "embed_dim": 32, "depth": 2, "num_heads": 4}
    with seeded(0):
        return VideoViT(**(given | settings))  # pyright: ignore[reportArgumentType]


def sample_batch(num_clips: int, encoder: VideoViT, *, seed: int = 0, smooth: bool = False) -> ClipBatch:
    """Return clips of noise in [0, 1], the same each time.

    Args:
        num_clips: Clips in the batch.
        encoder: Gives frames and size.
        seed: Another seed gives other clips.
        smooth: Whether the noise is smooth, so that a part of a clip tells of the rest.
    """
    size = (encoder.frames, encoder.size, encoder.size)
    coarse = tuple(max(side // 8, 2) for side in size) if smooth else size
    clips = torch.rand(num_clips, 3, *coarse, generator=torch.Generator().manual_seed(seed))
    if smooth:
        clips = F.interpolate(clips, size=size, mode="trilinear")
    index = torch.arange(num_clips)
    return ClipBatch(clips, {}, index, index.float(), index, list(range(num_clips)), [""] * num_clips, [])


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return the generator of the mask of each sample."""
    return [generator(seed, "mask") for seed in seeds]


def sample_mask(masking: MaskGenerator, batch: ClipBatch, encoder: VideoViT) -> TokenMask:
    """Return the mask of a batch, drawn from its samples' seeds as in training."""
    return masking(batch.clips, encoder.grid, generators(batch.seeds))


def rows_of(batch: ClipBatch, start: int, end: int) -> ClipBatch:
    """Return a part of a batch."""
    kept = slice(start, end)
    return batch._replace(
        clips=batch.clips[kept],
        labels={name: values[kept] for name, values in batch.labels.items()},
        video_index=batch.video_index[kept],
        start_seconds=batch.start_seconds[kept],
        view=batch.view[kept],
        seeds=batch.seeds[kept],
        paths=batch.paths[kept],
    )


def with_altered_tokens(
    clips: Float[Tensor, "b 3 t h w"], grid: TokenGrid, tubelet: Tubelet, indices: Int[Tensor, "b m"]
) -> Float[Tensor, "b 3 t h w"]:
    """Return clips in which all pixels of the given tokens are others, found by a plain loop."""
    clips = clips.clone()
    for clip, tokens in enumerate(indices.tolist()):
        for index in tokens:
            time, place = divmod(index, grid.rows * grid.columns)
            row, column = divmod(place, grid.columns)
            clips[
                clip,
                :,
                time * tubelet.frames : (time + 1) * tubelet.frames,
                row * tubelet.rows : (row + 1) * tubelet.rows,
                column * tubelet.columns : (column + 1) * tubelet.columns,
            ] = REPLACEMENT
    return clips
