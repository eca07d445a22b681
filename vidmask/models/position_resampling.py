"""Weights of one token grid for another: learned position embeddings, interpolated."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vidmask.tokens import TokenGrid


def resampled_positions(weights: Mapping[str, Tensor], old: TokenGrid, new: TokenGrid) -> dict[str, Tensor]:
    """Return the weights with their separable position embeddings interpolated from one grid to another.

    The spatial embeddings are interpolated over rows and columns (bicubic), the temporal ones over time
    (linear), both between the centres of the tokens and without a low-pass filter, in float32 or more.
    An axis that keeps its length keeps its values bit for bit, and so does everything else in ``weights``.
    Sine-cosine positions are no weights: an encoder of the new grid works out its own.

    Args:
        weights: A state dict of an encoder, or of a module that has encoders or decoders of that grid
            somewhere below it: everything named ``positions.spatial`` or ``positions.temporal``, under
            whatever prefix, is taken for such an embedding.
        old: The grid that the weights belong to.
        new: The grid that they shall serve.

    Raises:
        ValueError: If the length of an embedding is not that of the old grid.

    Source: the spatial part as in MAE's and DeiT's fine-tuning code (arXiv 2111.06377, 2012.12877).

    Deviation: MAE-ST's code interpolates a joint ``pos_embed`` only and leaves separable embeddings as they
    are, so that other sizes and lengths do not load. How to interpolate along time is ours.
    """
    resampled = dict(weights)
    for name, embedding in weights.items():
        match name.split(".")[-2:]:
            case ["positions", "spatial"]:
                _check_length(name, embedding, old.rows * old.columns)
                resampled[name] = _over_space(embedding, old, new)
            case ["positions", "temporal"]:
                _check_length(name, embedding, old.time)
                resampled[name] = _over_time(embedding, old, new)
    return resampled


def _check_length(name: str, embedding: Tensor, expected: int) -> None:
    found = embedding.shape[1]
    if found != expected:
        raise ValueError(f"{name} has {found} positions, the old grid has {expected}")


def _over_space(embedding: Float[Tensor, "1 n d"], old: TokenGrid, new: TokenGrid) -> Float[Tensor, "1 m d"]:
    if (old.rows, old.columns) == (new.rows, new.columns):
        return embedding
    picture = _precise(embedding).transpose(1, 2).unflatten(2, (old.rows, old.columns))
    size = (new.rows, new.columns)
    picture = F.interpolate(picture, size=size, mode="bicubic", align_corners=False, antialias=False)
    return picture.flatten(2).transpose(1, 2).contiguous().to(embedding.dtype)


def _over_time(embedding: Float[Tensor, "1 n d"], old: TokenGrid, new: TokenGrid) -> Float[Tensor, "1 m d"]:
    if old.time == new.time:
        return embedding
    line = _precise(embedding).transpose(1, 2)
    line = F.interpolate(line, size=new.time, mode="linear", align_corners=False)
    return line.transpose(1, 2).contiguous().to(embedding.dtype)


def _precise(embedding: Float[Tensor, "1 n d"]) -> Float[Tensor, "1 n d"]:
    return embedding if embedding.dtype == torch.float64 else embedding.float()
