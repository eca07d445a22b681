"""Transformer blocks and their initialisation."""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from timm.layers.drop import DropPath
from timm.layers.layer_scale import LayerScale
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
        self.num_heads = checked_heads(embed_dim, num_heads)
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(
        self, tokens: Float[Tensor, "b n d"], num_queries: int | None = None
    ) -> Float[Tensor, "b q d"]:
        """Attend over all tokens, from the last ``num_queries`` of them (from all if None)."""
        width = tokens.shape[-1]
        if num_queries is None:
            query, key, value = (
                split_heads(part, self.num_heads) for part in self.qkv(tokens).split(width, dim=-1)
            )
        else:
            weight, bias = self.qkv.weight, self.qkv.bias
            query = F.linear(tokens[:, -num_queries:], weight[:width], bias[:width])
            query = split_heads(query, self.num_heads)
            both = F.linear(tokens, weight[width:], bias[width:])
            key, value = (split_heads(part, self.num_heads) for part in both.split(width, dim=-1))
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.proj(attended.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Multi-head attention whose queries, keys and values are given apart, as CAE's regressor does.

    The keys have no bias: softmax is blind to it.

    Args:
        embed_dim: Width of the tokens.
        num_heads: Number of heads; must divide the width.

    Raises:
        ValueError: If the heads do not divide the width.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = checked_heads(embed_dim, num_heads)
        self.query = nn.Linear(embed_dim, embed_dim)
        self.key = nn.Linear(embed_dim, embed_dim, bias=False)
        self.value = nn.Linear(embed_dim, embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(
        self, query: Float[Tensor, "b q d"], key: Float[Tensor, "b n d"], value: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b q d"]:
        """Attend from ``query`` over ``key``, and return what is found in ``value``."""
        asked = split_heads(self.query(query), self.num_heads)
        offered = split_heads(self.key(key), self.num_heads)
        found = split_heads(self.value(value), self.num_heads)
        attended = F.scaled_dot_product_attention(asked, offered, found)
        return self.proj(attended.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Pre-norm transformer block: attention, then MLP (GELU), each with a residual.

    Args:
        embed_dim: Width of the tokens.
        num_heads: Number of heads.
        mlp_ratio: Width of the hidden layer over ``embed_dim``.
        drop_path: Probability of dropping a residual branch of a sample in training.
        norm_eps: Epsilon of the layer norms.
        layer_scale: First value of the learned scale of each residual branch; no such scale if None.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        norm_eps: float = 1e-6,
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        if mlp_ratio <= 0:
            raise ValueError(f"mlp_ratio must be above 0, got {mlp_ratio}")
        self.norm1 = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.attn = Attention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.mlp = Mlp(embed_dim, int(embed_dim * mlp_ratio))
        self.scale1 = scaled_by(embed_dim, layer_scale)
        self.scale2 = scaled_by(embed_dim, layer_scale)
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()

    def forward(
        self, tokens: Float[Tensor, "b n d"], num_queries: int | None = None
    ) -> Float[Tensor, "b q d"]:
        """Transform all tokens, or only the last ``num_queries``, which then still attend over all.

        The second form gives the same values for those tokens at less cost: for a last block of which
        only some outputs are read.
        """
        kept = tokens if num_queries is None else tokens[:, -num_queries:]
        kept = kept + self.drop_path(self.scale1(self.attn(self.norm1(tokens), num_queries)))
        return kept + self.drop_path(self.scale2(self.mlp(self.norm2(kept))))


def checked_heads(embed_dim: int, num_heads: int) -> int:
    """Return the number of heads.

    Raises:
        ValueError: If it does not divide the width, or either is below 1.
    """
    if num_heads < 1 or embed_dim < 1:
        raise ValueError(f"embed_dim and num_heads must be at least 1, got {embed_dim} and {num_heads}")
    if embed_dim % num_heads:
        raise ValueError(f"embed_dim {embed_dim} is no multiple of num_heads {num_heads}")
    return num_heads


def split_heads(tokens: Float[Tensor, "b n d"], num_heads: int) -> Float[Tensor, "b g n e"]:
    """Give each head its part of the width."""
    return tokens.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def scaled_by(embed_dim: int, layer_scale: float | None) -> nn.Module:
    """Return a learned scale of each channel that starts at ``layer_scale``; nothing if None.

    Raises:
        ValueError: If it is not above 0.
    """
    if layer_scale is not None and layer_scale <= 0:
        raise ValueError(f"layer_scale must be above 0, got {layer_scale}; null leaves it out")
    return nn.Identity() if layer_scale is None else LayerScale(embed_dim, layer_scale)


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
