"""One vector from the tokens of a clip, for a classifier to read."""

from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from vidmask.choices import checked_choice
from vidmask.models.layers import CrossAttention, checked_heads, initialise
from vidmask.models.vit import Latents, VideoViT

NormPlace = Literal["tokens", "pooled", "none"]
"""Where the encoder's last norm is applied: to the tokens, to what is pooled, or nowhere."""


class Pooling(nn.Module):
    """Makes one vector of each clip's tokens. A new one overrides ``forward`` and sets the attributes.

    Attributes:
        width: Numbers in the vector.
        norm: Where the encoder's own last norm is applied, by whoever calls this.
    """

    width: int
    norm: NormPlace = "tokens"

    @abstractmethod
    def forward(self, latents: Latents) -> Float[Tensor, "b p"]:
        """Pool.

        Args:
            latents: What the encoder made of whole clips, normalised if ``norm`` is ``tokens``.
        """


class MeanPooling(Pooling):
    """The mean of the tokens; a class token is left out.

    Args:
        encoder: The encoder whose tokens come.
        norm: ``after``: the encoder's last norm takes the mean in place of the tokens, as MAE-ST fine-tunes.
            ``fresh``: a new norm takes it and the encoder's own is left out, as VideoMAE fine-tunes.
            ``before``: the tokens are normalised as in pre-training, and the mean is left as it is.

    Source: published fine-tuning code of MAE-ST and VideoMAE.
    """

    def __init__(self, encoder: VideoViT, norm: Literal["before", "after", "fresh"] = "after") -> None:
        super().__init__()
        checked_choice("norm", norm, Literal["before", "after", "fresh"])
        places: dict[str, NormPlace] = {"before": "tokens", "after": "pooled", "fresh": "none"}
        self.width = encoder.embed_dim
        self.norm = places[norm]
        fresh = nn.LayerNorm(self.width, eps=encoder.norm_eps)
        self.fc_norm = fresh if norm == "fresh" else nn.Identity()

    def forward(self, latents: Latents) -> Float[Tensor, "b p"]:
        """Return the mean of the tokens; see ``Pooling``."""
        return self.fc_norm(latents.tokens.mean(dim=1))


class ClassTokenPooling(Pooling):
    """The class token, after the encoder's last norm.

    Args:
        encoder: The encoder whose tokens come.

    Raises:
        ValueError: If it has no class token.
    """

    def __init__(self, encoder: VideoViT) -> None:
        super().__init__()
        if encoder.cls_token is None:
            raise ValueError("ClassTokenPooling needs an encoder with class_token: true; this one has none")
        self.width = encoder.embed_dim

    def forward(self, latents: Latents) -> Float[Tensor, "b p"]:
        """Return the class token; see ``Pooling``."""
        assert latents.cls is not None
        return latents.cls


class TimeSlicePooling(Pooling):
    """The mean of the tokens of each slice of time, one after the other in one vector.

    A mean over a whole clip forgets the order of its slices, and with it most of what moves.

    Args:
        encoder: The encoder whose tokens come.
    """

    def __init__(self, encoder: VideoViT) -> None:
        super().__init__()
        self.time = encoder.grid.time
        self.width = encoder.embed_dim * self.time

    def forward(self, latents: Latents) -> Float[Tensor, "b p"]:
        """Return the means of the slices; see ``Pooling``."""
        return latents.tokens.unflatten(1, (self.time, -1)).mean(dim=2).flatten(1)


class AttentivePooling(Pooling):
    """What a learned query finds in the tokens by cross-attention, followed by an MLP.

    Args:
        encoder: The encoder whose tokens come.
        num_heads: Heads of the attention; must divide the encoder's width.
        mlp_ratio: Hidden width of the MLP over the encoder's.

    Raises:
        ValueError: If the heads do not divide the width.

    Source: V-JEPA (arXiv 2404.08471), the attentive probe of its evaluation: one block, 16 heads, and a query
    that is learned. Deviation: the keys have no bias, to which softmax is blind, and linear weights start
    Xavier-uniform as everywhere here.
    """

    def __init__(self, encoder: VideoViT, num_heads: int = 16, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        width = self.width = encoder.embed_dim
        checked_heads(width, num_heads)
        self.query = nn.Parameter(torch.zeros(1, 1, width))
        self.norm1 = nn.LayerNorm(width, eps=encoder.norm_eps)
        self.attn = CrossAttention(width, num_heads)
        self.norm2 = nn.LayerNorm(width, eps=encoder.norm_eps)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        initialise(self, encoder.init)
        nn.init.trunc_normal_(self.query, std=0.02)

    def forward(self, latents: Latents) -> Float[Tensor, "b p"]:
        """Return what the query finds; see ``Pooling``."""
        tokens = self.norm1(latents.tokens)
        found = self.query.expand(len(tokens), -1, -1)
        found = found + self.attn(found, tokens, tokens)
        found = found + self.mlp(self.norm2(found))
        return found.squeeze(1)
