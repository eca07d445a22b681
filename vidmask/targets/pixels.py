"""Pixels as the target: raw, or normalised within each patch as MAE-ST or as VideoMAE does."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.choices import checked_choice
from vidmask.targets.base import Target, channel_statistics
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet, patchify, unpatchify

Normalisation = Literal["none", "mae_st", "videomae"]
Frames = Literal["all", "linspace", "first"]

# Of both papers' code; MAE-ST's stands inside the root, VideoMAE's outside.
EPSILON = 1e-6


class PixelTarget(Target):
    """The pixels of each masked tubelet.

    Args:
        normalisation: How the pixels of one patch are normalised.
            ``none``: not at all.
            ``mae_st``: over all frames, pixels and channels of the patch jointly,
            ``(x - mean) / sqrt(var + 1e-6)`` with the unbiased variance.
            ``videomae``: over the frames and pixels of each channel apart,
            ``(x - mean) / (sqrt(var) + 1e-6)`` with the unbiased variance.
        frames: Which frames of a tubelet are predicted.
            ``all`` of them (VideoMAE).
            ``linspace``: one of each tubelet, those at ``linspace(0, T - 1, T / tubelet frames)`` truncated
            (MAE-ST's published code; of 16 frames 0, 2, 4, 6, 8, 10, 12, 15).
            ``first``: the first of each tubelet (PySlowFast, where MAE-ST's numbers come from).
        mean: Subtracted from every pixel in [0, 1] before ``none`` and ``mae_st``, and
        std: dividing it: MAE-ST predicts clips that are standardised with 0.45 and 0.225. VideoMAE
            predicts clips in [0, 1], so that ``videomae`` uses neither.

    Raises:
        ValueError: If ``std`` is not above 0, or a word is none of those above.

    Source: MAE-ST (arXiv 2205.09113), section 3 and table 2b; VideoMAE (arXiv 2203.12602), section 3.1;
    published code of both.
    """

    def __init__(
        self,
        normalisation: Normalisation = "mae_st",
        frames: Frames = "linspace",
        mean: float = 0.45,
        std: float = 0.225,
    ) -> None:
        super().__init__()
        checked_choice("normalisation", normalisation, Normalisation)
        checked_choice("frames", frames, Frames)
        if std <= 0:
            raise ValueError(f"std of the pixel target must be above 0, got {std}")
        self.normalisation = normalisation
        self.frames = frames
        self.mean = mean
        self.std = std

    def num_outputs(self, tubelet: Tubelet) -> int:
        """Return the numbers in the predicted frames of one tubelet."""
        return self._predicted(tubelet).num_pixels

    def forward(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Float[Tensor, "b m p"]:
        """Return the pixels as (frame, row, column, channel), channel fastest."""
        pixels = self._pixels(batch, indices, tubelet)
        if self.normalisation == "none":
            return pixels
        shift, scale = self._statistics(pixels)
        return (pixels - shift) / scale

    def baselines(
        self, batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of two trivial predictions.

        ``patch_mean`` answers with the true mean colour of each hidden patch (with the mean that the
        normalisation takes away, where there is one), ``copy_nearest`` with the nearest visible tubelet.
        """
        answer = self(batch, mask.masked, tubelet)
        if self.normalisation == "none":
            colours = answer.unflatten(-1, (-1, 3))
            flat = colours.mean(dim=-2, keepdim=True).expand_as(colours).flatten(-2)
        else:
            flat = torch.zeros_like(answer)
        return {"patch_mean": self.loss(flat, answer), **super().baselines(batch, mask, grid, tubelet)}

    @property
    def added_back(self) -> str:
        """Say what ``to_pixels`` takes from the truth, for the caption of a picture."""
        if self.normalisation == "none":
            return "nothing added back"
        per = "channel of each hidden patch" if self.normalisation == "videomae" else "hidden patch"
        return f"true mean and variance of each {per} added back"

    def to_pixels(
        self,
        prediction: Float[Tensor, "b m p"],
        batch: ClipBatch,
        indices: Int[Tensor, "b m"],
        tubelet: Tubelet,
    ) -> Float[Tensor, "b m p"]:
        """Turn predictions into pixels in [0, 1], not clipped; each patch's statistics are the truth's."""
        pixels = prediction.float()
        if self.normalisation != "none":
            shift, scale = self._statistics(self._pixels(batch, indices, tubelet))
            pixels = pixels * scale + shift
        return pixels if self.normalisation == "videomae" else pixels * self.std + self.mean

    @property
    def pictured(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Say what ``picture`` shows."""
        if self.normalisation == "none":
            return "pixels"
        return "normalised pixels (grey is their mean, black and white are three deviations from it)"

    def picture(
        self,
        values: Float[Tensor, "b n p"],
        answers: Float[Tensor, "b n p"],
        grid: TokenGrid,
        tubelet: Tubelet,
    ) -> Float[Tensor, "b 3 s h w"]:
        """Show the pixels as they are asked for: normalised ones about a grey of 0.5."""
        plain = self.normalisation == "none"
        pixels = values.float() * self.std + self.mean if plain else 0.5 + values.float() / 6
        return unpatchify(pixels, grid, self._predicted(tubelet)).clamp(0, 1)

    def num_frames(self, tubelet: Tubelet) -> int:
        """Return how many frames of a tubelet are predicted."""
        return tubelet.frames if self.frames == "all" else 1

    def select_frames(
        self, clips: Float[Tensor, "b 3 t h w"], tubelet: Tubelet
    ) -> Float[Tensor, "b 3 s h w"]:
        """Return the frames that are predicted."""
        if self.frames == "all":
            return clips
        if self.frames == "first":
            return clips[:, :, :: tubelet.frames]
        return clips[:, :, spread_frames(clips.shape[2], tubelet.frames, clips.device)]

    def _predicted(self, tubelet: Tubelet) -> Tubelet:
        return Tubelet(self.num_frames(tubelet), tubelet.rows, tubelet.columns)

    def _pixels(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Float[Tensor, "b m p"]:
        pixels = patchify(self.select_frames(batch.clips, tubelet), self._predicted(tubelet), indices)
        return pixels if self.normalisation == "videomae" else (pixels - self.mean) / self.std

    def _statistics(self, pixels: Float[Tensor, "b m p"]) -> tuple[Tensor, Tensor]:
        if self.normalisation == "mae_st":
            variance, mean = torch.var_mean(pixels, dim=-1, keepdim=True)
            return mean, (variance + EPSILON).sqrt()
        return channel_statistics(pixels, EPSILON)


def spread_frames(num_frames: int, frames_per_tubelet: int, device: torch.device) -> Int[Tensor, " s"]:
    """Return MAE-ST's predicted frames, ``linspace(0, T - 1, n).long()`` for n tubelets in time.

    In integers, so that no rounding enters: of 16 frames in tubelets of two 0, 2, 4, 6, 8, 10, 12, 15.
    """
    num_tubelets = num_frames // frames_per_tubelet
    return torch.arange(num_tubelets, device=device) * (num_frames - 1) // max(num_tubelets - 1, 1)
