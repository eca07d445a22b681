"""Transformer blocks and their initialisation."""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import Tensor, nn

Initialisation = Literal["mae_st", "videomae"]


class Attention(nn.Module):
    """Multi-head self-attention with fused query, key and value weights.

    The key bias changes no output, since softmax is blind to a constant added to all keys' scores. So
    VideoMAE's attention, which has no key bias, is this one with a key bias of zero.

    Args:
        embed_dim: Width of the tokens.
        num_heads: Number of heads; must divide the width.

    Raises:
        ValueError: If the heads do not divide the width.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim < 1:
            raise ValueError(f"embed_dim and num_heads must be at least 1, got {embed_dim} and {num_heads}")
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} is no multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(
        self, tokens: Float[Tensor, "b n d"], num_queries: int | None = None
    ) -> Float[Tensor, "b q d"]:
        """Attend over all tokens, from the last ``num_queries`` of them (from all if None)."""
        width = tokens.shape[-1]
        if num_queries is None:
            query, key, value = (self._heads(part) for part in self.qkv(tokens).split(width, dim=-1))
        else:
            weight, bias = self.qkv.weight, self.qkv.bias
            query = self._heads(F.linear(tokens[:, -num_queries:], weight[:width], bias[:width]))
            both = F.linear(tokens, weight[width:], bias[width:])
            key, value = (self._heads(part) for part in both.split(width, dim=-1))
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.proj(attended.transpose(1, 2).flatten(2))

    def _heads(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b g n e"]:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Pre-norm transformer block: attention, then MLP (GELU), each with a residual.

    Args:
        embed_dim: Width of the tokens.
        num_heads: Number of heads.
        mlp_ratio: Width of the hidden layer over ``embed_dim``.
        drop_path: Probability of dropping a residual branch of a sample in training.
        norm_eps: Epsilon of the layer norms.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if mlp_ratio <= 0:
            raise ValueError(f"mlp_ratio must be above 0, got {mlp_ratio}")
        self.norm1 = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.attn = Attention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.mlp = Mlp(embed_dim, int(embed_dim * mlp_ratio))
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()

    def forward(
        self, tokens: Float[Tensor, "b n d"], num_queries: int | None = None
    ) -> Float[Tensor, "b q d"]:
        """Transform all tokens, or only the last ``num_queries``, which then still attend over all.

        The second form gives the same values for those tokens at less cost: for a last block of which
        only some outputs are read.
        """
        kept = tokens if num_queries is None else tokens[:, -num_queries:]
        kept = kept + self.drop_path(self.attn(self.norm1(tokens), num_queries))
        return kept + self.drop_path(self.mlp(self.norm2(kept)))


def initialise(module: nn.Module, scheme: Initialisation) -> None:
    """Set the linear and norm parameters below ``module`` as the papers' code does.

    Linear weights are Xavier-uniform and biases zero; layer norms are one and zero. MAE-ST holds query,
    key and value as three matrices, VideoMAE as one: Xavier's bound depends on the shape, so the fused
    matrix is filled by thirds in the first case and as a whole in the second.

    Source: MAE-ST's and VideoMAE's published code.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
    if scheme == "mae_st":
        for part in module.modules():
            if isinstance(part, Attention):
                for third in part.qkv.weight.chunk(3):
                    nn.init.xavier_uniform_(third)
