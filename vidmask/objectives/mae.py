"""The masked autoencoder: MAE-ST and VideoMAE, which differ in their parts alone."""

from collections.abc import Callable, Mapping
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from vidmask.models.decoder import TokenDecoder
from vidmask.models.vit import VideoViT
from vidmask.objectives.base import Head, Objective, made_heads
from vidmask.tokens import ClipBatch, TokenMask


class MaskedAutoencoder(Objective):
    """Encode the visible tokens, decode the masked ones.

    With ``heads`` in place of ``head`` several things are predicted, each by a decoder of its own: pixels and
    motion, or the features of two teachers.

    Args:
        encoder: The encoder to be trained.
        head: Makes the one head from the encoder; its loss is logged as ``reconstruction``.
        heads: Makes several, by the names under which their losses are logged.

    Raises:
        ValueError: If not just one of the two is given, or a head's decoder reads regressed latents, or
            nothing of the clip.

    Source: MAE-ST (arXiv 2205.09113), section 3; VideoMAE (arXiv 2203.12602), section 3.
    """

    def __init__(
        self,
        encoder: VideoViT,
        head: Callable[[VideoViT], Head] | None = None,
        heads: Mapping[str, Callable[[VideoViT], Head]] | None = None,
    ) -> None:
        super().__init__()
        if (head is None) == (not heads):
            raise ValueError("MaskedAutoencoder takes either head or heads, and one of them is needed")
        self.encoder = encoder
        if head is not None:
            self.head = head(encoder)
        self.parts = nn.ModuleDict(made_heads(encoder, heads or {}))
        for name, each in self.heads.items():
            if not isinstance(each.decoder, TokenDecoder):
                raise ValueError(
                    f"the {name} head of MaskedAutoencoder decodes visible latents: its decoder is a "
                    f"TokenDecoder, got a {type(each.decoder).__name__}"
                )
            if not len(each.decoder.blocks):
                raise ValueError(
                    f"the {name} head's decoder has no block to read the visible latents with: give it a "
                    "depth of at least 1"
                )

    @property
    def heads(self) -> dict[str, Head]:
        """Return the heads by name."""
        named = cast(dict[str, Head], dict(self.parts.items()))
        return named or {"reconstruction": self.head}

    def predict(self, batch: ClipBatch, mask: TokenMask) -> dict[str, Float[Tensor, "b m p"]]:
        """Return each head's prediction for the masked tokens."""
        latents = self.encoder(batch.clips, mask.visible)
        return {name: head(latents, mask) for name, head in self.heads.items()}
