"""Parting tokens into visible and masked ones, in ascending order."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from vidmask.tokens import TokenGrid, TokenMask

Parts = tuple[Int[Tensor, "b k"], Int[Tensor, "b m"]]


def split_at_random(total: int, num_visible: int, generators: Sequence[torch.Generator]) -> Parts:
    """Return which of ``total`` are visible and which masked, uniformly at random, on the host."""
    noise = torch.stack([torch.rand(total, generator=generator, device="cpu") for generator in generators])
    return split_by_rank(noise, num_visible)


def split_by_rank(scores: Shaped[Tensor, "b n"], num_visible: int) -> Parts:
    """Return the ``num_visible`` of the lowest scores, and the others."""
    order = scores.argsort(dim=1, stable=True)
    return order[:, :num_visible].sort(dim=1).values, order[:, num_visible:].sort(dim=1).values


def split_by_flag(hidden: Bool[Tensor, "b n"], num_visible: int) -> Parts:
    """Return which are not hidden and which are; every row hides as many."""
    order = hidden.to(torch.uint8).argsort(dim=1, stable=True)
    return order[:, :num_visible], order[:, num_visible:]


def in_every_slice(places: Int[Tensor, "b s"], grid: TokenGrid) -> Int[Tensor, "b n"]:
    """Return the tokens of the given places in every slice of time."""
    first_of_slice = torch.arange(grid.time, device=places.device) * (grid.rows * grid.columns)
    return (first_of_slice[:, None] + places[:, None, :]).flatten(1)


def mask_on(device: torch.device, parts: Parts) -> TokenMask:
    """Return a mask whose indices lie on the device."""
    visible, masked = parts
    return TokenMask(visible.to(device, non_blocking=True), masked.to(device, non_blocking=True))
