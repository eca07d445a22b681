"""The masked autoencoder: MAE-ST and VideoMAE, which differ in their parts alone."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from vidmask.models.vit import VideoViT
from vidmask.objectives.base import Head, Objective
from vidmask.tokens import ClipBatch, TokenMask


class MaskedAutoencoder(Objective):
    """Encode the visible tokens, decode the masked ones.

    Args:
        encoder: The encoder to be trained.
        head: Makes the head from the encoder.

    Source: MAE-ST (arXiv 2205.09113), section 3; VideoMAE (arXiv 2203.12602), section 3.
    """

    def __init__(self, encoder: VideoViT, head: Callable[[VideoViT], Head]) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head(encoder)

    @property
    def heads(self) -> dict[str, Head]:
        """Return the one head."""
        return {"reconstruction": self.head}

    def predict(self, batch: ClipBatch, mask: TokenMask) -> dict[str, Float[Tensor, "b m p"]]:
        """Return the head's prediction for the masked tokens."""
        return {"reconstruction": self.head(self.encoder(batch.clips, mask.visible), mask)}
