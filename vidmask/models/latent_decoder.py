"""The decoder behind a regressor: from the latents of masked tokens to what a head predicts from."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vidmask.models.layers import Block, initialise
from vidmask.models.positions import PositionKind, build_positions
from vidmask.models.vit import VideoViT
from vidmask.tokens import TokenMask


class MaskedLatents(NamedTuple):
    """What stands for the masked tokens before they are decoded.

    Attributes:
        masked: One vector for each masked token, as wide as the encoder's, ``[b m d]``.
        visible: The visible tokens' latents, ``[b k d]``; None where decoders may not read them.
    """

    masked: Float[Tensor, "b m d"]
    visible: Float[Tensor, "b k d"] | None


class LatentDecoder(nn.Module):
    """A transformer over the latents of masked tokens, with their positions added.

    With ``depth`` 0 nothing stands between the regressed latents and the linear prediction.

    Args:
        encoder: The encoder in whose space the latents lie; gives grid, width and initialisation.
        embed_dim: Width of the decoder; the encoder's if None. Another width is mapped to by a linear layer.
        depth: Number of blocks. CAE: 4.
        num_heads: Heads of each block.
        mlp_ratio: Hidden width of each block's MLP over ``embed_dim``.
        layer_scale: First value of the learned scale of each residual branch (CAE-B: 0.1); none if None.
        positions: Kind of position embedding; the encoder's if None.

    Attributes:
        settings: The same arguments, by which two decoders can be told apart.

    Raises:
        ValueError: If ``depth`` is below 0.

    Source: CAE (arXiv 2202.03026), section 3.1 and its published code.
    """

    def __init__(
        self,
        encoder: VideoViT,
        embed_dim: int | None = None,
        depth: int = 4,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        layer_scale: float | None = 0.1,
        positions: PositionKind | None = None,
    ) -> None:
        super().__init__()
        if depth < 0:
            raise ValueError(f"depth of the decoder must be at least 0, got {depth}")
        self.embed_dim = encoder.embed_dim if embed_dim is None else embed_dim
        self.projection = nn.Identity()
        if self.embed_dim != encoder.embed_dim:
            self.projection = nn.Linear(encoder.embed_dim, self.embed_dim)
        kind = encoder.position_kind if positions is None else positions
        self.settings = {
            "embed_dim": self.embed_dim,
            "depth": depth,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "layer_scale": layer_scale,
            "positions": kind,
        }
        self.positions = build_positions(kind, encoder.grid, self.embed_dim) if depth else None
        self.blocks = nn.ModuleList(
            Block(self.embed_dim, num_heads, mlp_ratio, norm_eps=encoder.norm_eps, layer_scale=layer_scale)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(self.embed_dim, eps=encoder.norm_eps) if depth else nn.Identity()
        initialise(self, encoder.init)

    def forward(self, latents: MaskedLatents, mask: TokenMask) -> Float[Tensor, "b m d"]:
        """Return one vector for each masked token, in the order of ``mask.masked``."""
        tokens = self._placed(latents.masked, mask.masked)
        if latents.visible is not None and len(self.blocks):
            tokens = torch.cat([self._placed(latents.visible, mask.visible), tokens], dim=1)
        num_masked = mask.masked.shape[1]
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        for block in self.blocks[-1:]:
            tokens = block(tokens, num_queries=num_masked)
        return self.norm(tokens)

    def _placed(self, latents: Float[Tensor, "b n d"], indices: Int[Tensor, "b n"]) -> Float[Tensor, "b n e"]:
        tokens = self.projection(latents)
        return tokens if self.positions is None else tokens + self.positions(indices)
