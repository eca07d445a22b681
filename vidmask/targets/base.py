"""What a target is: the answer that a head is trained to give for each masked token."""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from vidmask.models.vit import VideoViT
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet, gather_tokens


class Target(nn.Module):
    """The answer for each masked token, and the loss that measures how far a prediction is from it.

    A new target overrides ``num_outputs`` and ``forward``, and ``loss`` if mean squared error is not it; with
    a loss whose answers are not of the predictions' shape, such as classes, ``baselines`` too. One
    that is made from the encoder that is trained, such as an average of it, overrides ``follow`` and
    ``after_step``.

    Attributes:
        measured: Names of what ``measures`` returns.
        pictured: What ``picture`` shows, in words for a caption.
    """

    measured: tuple[str, ...] = ()
    pictured: str = ""

    def follow(self, encoder: VideoViT) -> None:
        """Take what the target needs of the encoder that is trained: nothing.

        Called once, by the head that is made for it, before ``num_outputs``. What is kept must not be the
        encoder itself, which would then stand twice in the model.
        """

    def after_step(self, encoder: VideoViT) -> None:
        """Do what is due after a step of the optimizer, such as moving an average of the encoder: nothing."""

    def prepare(self) -> None:
        """Get the files that the target reads: none. Called by one process of each machine."""

    def load(self) -> None:
        """Read what ``prepare`` got, before the first batch: nothing."""

    def num_outputs(self, tubelet: Tubelet) -> int:
        """Return how many numbers a head predicts for each token."""
        raise NotImplementedError

    def forward(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Shaped[Tensor, "b m ..."]:
        """Return the answers at ``indices`` only.

        Args:
            batch: The batch, its clips as RGB in [0, 1].
            indices: Tokens whose answers are wanted, raster order.
            tubelet: Size of a tubelet.
        """
        raise NotImplementedError

    def loss(
        self, prediction: Float[Tensor, "b m p"], answer: Shaped[Tensor, "b m ..."]
    ) -> Float[Tensor, ""]:
        """Return the mean squared error over all tokens given, in float32 at least."""
        precision = torch.promote_types(prediction.dtype, torch.float32)
        return (prediction.to(precision) - answer.to(precision)).square().mean()

    def measures(
        self, prediction: Float[Tensor, "b m p"], answer: Shaped[Tensor, "b m ..."]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return what else says how good a prediction is, by name, to log beside the loss: nothing."""
        return {}

    def picture(
        self,
        values: Shaped[Tensor, "b n ..."],
        answers: Shaped[Tensor, "b n ..."],
        grid: TokenGrid,
        tubelet: Tubelet,
    ) -> Float[Tensor, "b 3 s h w"] | None:
        """Return answers or predictions as something to look at: nothing here.

        Args:
            values: What is shown, of all tokens: answers, or predictions in the places of some.
            answers: The answers of all tokens, in whose range or by whose axes predictions are shown too.
            grid: The tokens of a clip.
            tubelet: Size of a tubelet.

        Returns:
            RGB in [0, 1], one frame or more for each tubelet; None if there is no picture.
        """
        return None

    def baselines(
        self, batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of trivial predictions, by name, to print beside the loss.

        Here: ``copy_nearest``, which answers with the answer of the nearest visible tubelet. A value of
        another measure than the loss is named after it, such as ``accuracy/most_frequent_code``.
        """
        answer = self(batch, mask.masked, tubelet)
        copied = self(batch, nearest_visible(mask, grid), tubelet)
        return {"copy_nearest": self.loss(copied, answer)}


def check_several_slices(encoder: VideoViT, target: str) -> None:
    """Check that a clip has tubelets one after the other, between which something can change.

    Raises:
        ValueError: If it has one in time.
    """
    if encoder.grid.time < 2:
        raise ValueError(
            f"{target} between tubelets needs two in time, and a clip of {encoder.frames} frames has one of "
            f"{encoder.tubelet.frames}: set its span to 'within' or 'next', or take longer clips"
        )


def channel_statistics(
    pixels: Float[Tensor, "b m p"], epsilon: float
) -> tuple[Float[Tensor, "b m p"], Float[Tensor, "b m p"]]:
    """Return mean, and standard deviation (unbiased) plus ``epsilon``, of each channel of each token.

    Args:
        pixels: Tokens as (frame, row, column, channel), channel fastest.
        epsilon: Added to the standard deviation.
    """
    channels = pixels.unflatten(-1, (-1, 3))
    variance, mean = torch.var_mean(channels, dim=-2, keepdim=True)
    scale = variance.sqrt() + epsilon
    return mean.expand_as(channels).flatten(-2), scale.expand_as(channels).flatten(-2)


def nearest_visible(mask: TokenMask, grid: TokenGrid) -> Int[Tensor, "b m"]:
    """Return for each masked token the visible one nearest in time at the same place.

    Where a place is hidden at all times, the nearest place decides first and time second. Ties go to the
    lower index.
    """
    places = grid.rows * grid.columns
    seen, hidden = mask.visible.unsqueeze(1), mask.masked.unsqueeze(2)
    rows_apart = seen % places // grid.columns - hidden % places // grid.columns
    columns_apart = seen % grid.columns - hidden % grid.columns
    slices_apart = (seen // places - hidden // places).abs()
    distance = (rows_apart.square() + columns_apart.square()) * grid.time + slices_apart
    nearest = distance.argmin(dim=2)
    return gather_tokens(mask.visible.unsqueeze(-1), nearest).squeeze(-1)
