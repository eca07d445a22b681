"""What an objective is: an encoder, one or more heads, and a loss from a batch and its mask."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vidmask.models.decoder import TokenDecoder
from vidmask.models.latent_decoder import LatentDecoder, MaskedLatents
from vidmask.models.layers import initialise
from vidmask.models.vit import Latents, VideoViT
from vidmask.targets.base import Target
from vidmask.tokens import ClipBatch, TokenMask

RESERVED = ("loss", "align", "mask", "sheet")
"""Names that no head may have, as something else is logged or drawn under them."""


class Head(nn.Module):
    """A decoder, a linear prediction, and the target that it is measured against.

    Args:
        encoder: The encoder whose latents are decoded.
        decoder: Makes the decoder from the encoder.
        target: What is predicted.
        weight: Factor of this head's loss in the objective's, 0 or more.

    Raises:
        ValueError: If the weight is out of range, or target and decoder refuse the encoder.
    """

    def __init__(
        self,
        encoder: VideoViT,
        decoder: Callable[[VideoViT], TokenDecoder | LatentDecoder],
        target: Target,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= weight < float("inf"):
            raise ValueError(f"weight of a head must be 0 or more, got {weight}")
        self.grid = encoder.grid
        self.tubelet = encoder.tubelet
        self.decoder = decoder(encoder)
        self.target = target
        target.follow(encoder)
        self.weight = weight
        self.prediction = nn.Linear(self.decoder.embed_dim, target.num_outputs(self.tubelet))
        initialise(self.prediction, encoder.init)

    def forward(self, latents: Latents | MaskedLatents, mask: TokenMask) -> Float[Tensor, "b m p"]:
        """Predict the answer for each masked token, from what its kind of decoder reads."""
        return self.prediction(self.decoder(latents, mask))

    def measure(
        self, prediction: Float[Tensor, "b m p"], batch: ClipBatch, mask: TokenMask
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return the loss of predictions, and the target's other measures of them, which train nothing.

        The target is worked out once, and for masked tokens only.
        """
        answer = self.target(batch, mask.masked, self.tubelet)
        with torch.no_grad():
            measures = self.target.measures(prediction, answer)
        return self.target.loss(prediction, answer), measures


class Objective(nn.Module):
    """Something to be minimised over an encoder.

    A new objective sets ``encoder``, and overrides ``heads`` and ``predict``; and ``forward`` where its loss
    has terms beside its heads'.
    """

    encoder: VideoViT

    @property
    def heads(self) -> Mapping[str, Head]:
        """Return the heads by the names under which their losses are logged."""
        raise NotImplementedError

    def predict(self, batch: ClipBatch, mask: TokenMask) -> dict[str, Float[Tensor, "b m p"]]:
        """Return the prediction of each head for the masked tokens."""
        raise NotImplementedError

    def forward(self, batch: ClipBatch, mask: TokenMask) -> dict[str, Float[Tensor, ""]]:
        """Return ``loss``, the weighted sum, and the loss of each head under its name.

        What else a head's target measures stands under ``<head>_<measure>``.

        Args:
            batch: The batch, its clips as RGB in [0, 1].
            mask: What is seen and what is predicted.
        """
        return self.losses(self.predict(batch, mask), batch, mask)

    def losses(
        self, predictions: Mapping[str, Float[Tensor, "b m _"]], batch: ClipBatch, mask: TokenMask
    ) -> dict[str, Float[Tensor, ""]]:
        """Return what ``forward`` does, of predictions that are there."""
        heads = self.heads
        losses, others = {}, {}
        for name, prediction in predictions.items():
            losses[name], measures = heads[name].measure(prediction, batch, mask)
            others |= {f"{name}_{measure}": value for measure, value in measures.items()}
        weighted = [heads[name].weight * loss for name, loss in losses.items()]
        return {"loss": torch.stack(weighted).sum(), **losses, **others}

    def after_step(self) -> None:
        """Do what is due after each optimizer step: what the targets do, such as moving an average."""
        # A target that two heads have is one, and does once what is due.
        for target in dict.fromkeys(head.target for head in self.heads.values()):
            target.after_step(self.encoder)


def made_heads(encoder: VideoViT, heads: Mapping[str, Callable[[VideoViT], Head]]) -> dict[str, Head]:
    """Make heads from the encoder.

    Raises:
        ValueError: If a name is none under which a loss can be logged, or one that means something else.
    """
    for name in heads:
        if not name.isidentifier() or name in RESERVED:
            raise ValueError(
                f"a head's name is made of letters, digits and _, and none of {', '.join(RESERVED)}; "
                f"got {name!r}"
            )
        if hasattr(nn.ModuleDict, name) or hasattr(nn.ModuleDict(), name):
            raise ValueError(f"a head cannot be named {name!r}, as a part of torch is; give another name")
    return {name: make(encoder) for name, make in heads.items()}
