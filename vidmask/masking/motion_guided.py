"""What moves is hidden, or what stands still."""

from collections.abc import Sequence
from typing import Literal

import torch
from einops import reduce
from jaxtyping import Float, Shaped
from torch import Tensor

from vidmask.choices import checked_choice
from vidmask.masking.base import MaskGenerator
from vidmask.masking.counts import checked_ratio, num_masked, num_visible
from vidmask.masking.splitting import Parts, in_every_slice, mask_on, split_by_flag, split_by_rank
from vidmask.tokens import TokenGrid, TokenMask

Sampling = Literal["gumbel", "softmax"]
Hide = Literal["moving", "still"]


class MotionGuidedMasking(MaskGenerator):
    """Hide tokens by how much the clip changes in them.

    A token's energy is the mean absolute difference of RGB between consecutive frames over its pixels; see
    ``motion_energy``. Energies are shifted to mean 0 and divided by their standard deviation within each
    clip; where all are equal, as in a still clip, all tokens are alike. Tokens are then hidden one after
    another without replacement, each with the softmax of ± energy / temperature among those still left.

    As many are hidden as by ``RandomMasking``, or with ``tube`` as by ``TubeMasking``.

    Args:
        ratio: Share of the tokens (with ``tube``: of the places) that is hidden, between 0 and 1.
        temperature: Above 0. The lower, the more the energy decides; the higher, the more chance does.
        sampling: How the law above is drawn. ``gumbel``: energies with Gumbel noise are ranked, on the
            clips' device. ``softmax``: by ``torch.multinomial``, on the host, which waits for the device.
        hide: ``moving`` hides high energies first, ``still`` low ones.
        tube: Whether the same places are hidden in every slice of time, by their energy averaged over time.

    Raises:
        ValueError: If the ratio is not between 0 and 1, the temperature not above 0, a word is none of
            those above, or the clips cannot be cut into the grid.

    Source: ours. That masks should follow motion is the idea of MGM (arXiv 2308.12962) and MGMAE (arXiv
    2308.10794).

    Deviation: MGM moves a block along the motion vectors of the codec, MGMAE warps a mask by optical flow
    from a network. This needs neither: the clip's own pixels are enough. A moving camera moves everything.

    Noise comes from the row's host generator. Sums of pixels may differ in their last digits from one kind
    of device to another, and with them, rarely, which of two almost equal tokens is hidden.
    """

    def __init__(
        self,
        ratio: float = 0.9,
        temperature: float = 1.0,
        sampling: Sampling = "gumbel",
        hide: Hide = "moving",
        tube: bool = False,
    ) -> None:
        checked_choice("sampling", sampling, Sampling)
        checked_choice("hide", hide, Hide)
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, got {temperature}")
        self.ratio = checked_ratio(ratio)
        self.temperature = temperature
        self.sampling: Sampling = sampling
        self.hide: Hide = hide
        self.tube = tube

    @torch.no_grad()
    def __call__(
        self, clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid, generators: Sequence[torch.Generator]
    ) -> TokenMask:
        """Draw a mask; see ``MaskGenerator``."""
        energy = motion_energy(clips, grid)
        if not self.tube:
            visible = num_visible(grid.num_tokens, self.ratio, "tokens")
            return mask_on(clips.device, self._draw(energy.flatten(1), visible, generators))
        places = grid.rows * grid.columns
        visible = places - num_masked(places, self.ratio, "places of a slice")
        seen, hidden = self._draw(energy.mean(dim=1).flatten(1), visible, generators)
        return mask_on(clips.device, (in_every_slice(seen, grid), in_every_slice(hidden, grid)))

    def _draw(
        self, energy: Float[Tensor, "b n"], visible: int, generators: Sequence[torch.Generator]
    ) -> Parts:
        sign = 1 if self.hide == "moving" else -1
        logits = sign * _standardised(energy) / self.temperature
        if self.sampling == "softmax":
            return _split_by_multinomial(logits, visible, generators)
        noise = _gumbel_noise(energy.shape[1], generators).to(logits.device, non_blocking=True)
        return split_by_rank(logits + noise, visible)

    def __repr__(self) -> str:
        return (
            f"MotionGuidedMasking(ratio={self.ratio}, temperature={self.temperature}, "
            f"sampling={self.sampling!r}, hide={self.hide!r}, tube={self.tube})"
        )


def motion_energy(clips: Shaped[Tensor, "b 3 t h w"], grid: TokenGrid) -> Float[Tensor, "b s r p"]:
    """Return the mean absolute difference of RGB to the previous frame, over the pixels of each token.

    The previous frame of a tubelet's first one lies in the tubelet before. The clip's first frame has
    none and takes the difference to the second. The tubelet follows from the clips and the grid.

    Args:
        clips: The clips, of any element type.
        grid: The tokens of one clip: s slices, r rows and p columns.

    Raises:
        ValueError: If the clips cannot be cut into the grid.
    """
    sides = (grid.time, grid.rows, grid.columns)
    if any(length % side for length, side in zip(clips.shape[2:], sides, strict=True)):
        raise ValueError(
            f"clips of {'×'.join(map(str, clips.shape[2:]))} frames, rows and columns cannot be cut into a "
            f"grid of {'×'.join(map(str, sides))} tokens"
        )
    frames = clips.float()
    changes = frames.diff(dim=2).abs_().mean(dim=1)
    first = changes[:, :1] if changes.shape[1] else torch.zeros_like(frames[:, 0])
    return reduce(
        torch.cat([first, changes], dim=1),
        "b (s u) (r y) (p x) -> b s r p",
        "mean",
        s=grid.time,
        r=grid.rows,
        p=grid.columns,
    )


def _standardised(energy: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    mean = energy.mean(dim=1, keepdim=True)
    deviation = energy.std(dim=1, keepdim=True, correction=0)
    # A spread this small is what rounding makes of equal energies.
    differ = deviation > 1e-5 * mean
    return torch.where(differ, (energy - mean) / torch.where(differ, deviation, 1.0), 0.0)


def _gumbel_noise(total: int, generators: Sequence[torch.Generator]) -> Float[Tensor, "b n"]:
    uniform = torch.stack(
        [torch.rand(total, generator=chance, device="cpu", dtype=torch.float64) for chance in generators]
    )
    return -(-uniform.clamp_(min=2.0**-54).log()).log().float()


def _split_by_multinomial(
    logits: Float[Tensor, "b n"], visible: int, generators: Sequence[torch.Generator]
) -> Parts:
    total = logits.shape[1]
    if logits.is_meta:
        order = torch.empty(logits.shape, dtype=torch.int64, device="meta")
        return order[:, :visible], order[:, visible:]
    # Tokens whose probability float64 cannot hold keep the least one that it can: each can be drawn.
    law = logits.to("cpu", torch.float64).softmax(dim=1).clamp_(min=1e-300)
    hidden = torch.zeros(law.shape, dtype=torch.bool, device="cpu")
    for flags, row, generator in zip(hidden, law, generators, strict=True):
        flags[torch.multinomial(row, total - visible, generator=generator)] = True
    return split_by_flag(hidden, visible)
