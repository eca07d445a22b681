"""Motion as the target: differences of RGB between frames."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.choices import checked_choice
from vidmask.models.vit import VideoViT
from vidmask.targets.base import Target, channel_statistics, check_several_slices
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet, patchify

Span = Literal["within", "next", "between"]
Normalisation = Literal["none", "tubelet"]


class RGBDifferenceTarget(Target):
    """The change of colour over time in each masked tubelet.

    Args:
        span: Between which frames the difference is taken, of clips in [0, 1].
            ``within`` the tubelet, from each frame to the one after it: of tubelets of two frames
            ``x[2t+1] - x[2t]``.
            ``next``: from each frame to the one after it, also where that lies in the next tubelet.
            ``between`` tubelets: from each frame to the one in its place in the next tubelet.
            Where the clip has no later frame, its last ones are repeated: the difference is 0 there.
        normalisation: ``none``, or ``tubelet``: each tubelet and channel shifted to mean 0 and divided by
            its standard deviation plus ``epsilon``. A background that stands still has next to none, so
            that this makes its noise loud.
        scale: Factor of the difference where it is not normalised. Losses grow with its square: it is what
            makes this loss comparable with another's.
        epsilon: Added to the standard deviation where ``normalisation`` is ``tubelet``, in units of
            differences of pixels in [0, 1].

    Raises:
        ValueError: If ``scale`` or ``epsilon`` is not above 0, or a word is none of those above.

    Source: MAM2 (arXiv 2210.05234), whose abstract says that RGB difference is the motion target.
    Between which frames, whether it is normalised and how it is scaled it does not say: the defaults here
    are ours. ``within`` needs no frame outside the masked tubelet.
    """

    def __init__(
        self,
        span: Span = "within",
        normalisation: Normalisation = "none",
        scale: float = 10.0,
        epsilon: float = 0.01,
    ) -> None:
        super().__init__()
        checked_choice("span", span, Span)
        checked_choice("normalisation", normalisation, Normalisation)
        for name, value in (("scale", scale), ("epsilon", epsilon)):
            if value <= 0:
                raise ValueError(f"{name} of the RGB difference must be above 0, got {value}")
        self.span: Span = span
        self.normalisation = normalisation
        self.scale = scale
        self.epsilon = epsilon

    def follow(self, encoder: VideoViT) -> None:
        """Check that there is something to predict.

        Raises:
            ValueError: If the span lies between tubelets, of which a clip has one in time.
        """
        if self.span == "between":
            check_several_slices(encoder, "RGBDifferenceTarget")

    def num_outputs(self, tubelet: Tubelet) -> int:
        """Return the numbers in the differences of one tubelet.

        Raises:
            ValueError: If the tubelet has one frame and the span lies within it.
        """
        return self._differences_of(tubelet).num_pixels

    def forward(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Float[Tensor, "b m p"]:
        """Return the differences as (frame, row, column, channel), channel fastest."""
        changes = self._changes(batch, indices, tubelet)
        if self.normalisation == "none":
            return changes * self.scale
        shift, scale = channel_statistics(changes, self.epsilon)
        return (changes - shift) / scale

    def baselines(
        self, batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of saying that nothing moves and of copying the nearest visible tubelet."""
        answer = self(batch, mask.masked, tubelet)
        copied = super().baselines(batch, mask, grid, tubelet)
        return {"no_motion": self.loss(torch.zeros_like(answer), answer), **copied}

    def differences(self, clips: Float[Tensor, "b 3 t h w"], tubelet: Tubelet) -> Float[Tensor, "b 3 s h w"]:
        """Return the differences of whole clips, not scaled: as many frames of them as are predicted."""
        if self.span == "within":
            tubelets = clips.unflatten(2, (-1, tubelet.frames))
            return tubelets.diff(dim=3).flatten(2, 3)
        step = 1 if self.span == "next" else tubelet.frames
        return torch.cat([clips[:, :, step:] - clips[:, :, :-step], torch.zeros_like(clips[:, :, :step])], 2)

    @property
    def added_back(self) -> str:
        """Return what a picture of predictions owes to the truth, in words that end a caption."""
        if self.normalisation == "none":
            return ""
        return " (true mean and variance of each tubelet and channel added back)"

    def to_differences(
        self,
        prediction: Float[Tensor, "b m p"],
        batch: ClipBatch,
        indices: Int[Tensor, "b m"],
        tubelet: Tubelet,
    ) -> Float[Tensor, "b m p"]:
        """Turn predictions into differences of pixels in [0, 1]; statistics are the truth's."""
        if self.normalisation == "none":
            return prediction.float() / self.scale
        shift, scale = channel_statistics(self._changes(batch, indices, tubelet), self.epsilon)
        return prediction.float() * scale + shift

    def num_frames(self, tubelet: Tubelet) -> int:
        """Return how many differences of a tubelet are predicted."""
        return self._differences_of(tubelet).frames

    def _changes(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Float[Tensor, "b m p"]:
        return patchify(self.differences(batch.clips, tubelet), self._differences_of(tubelet), indices)

    def _differences_of(self, tubelet: Tubelet) -> Tubelet:
        if self.span != "within":
            return tubelet
        if tubelet.frames < 2:
            raise ValueError(
                "a tubelet of one frame holds no difference: set RGBDifferenceTarget's span to 'next'"
            )
        return Tubelet(tubelet.frames - 1, tubelet.rows, tubelet.columns)
