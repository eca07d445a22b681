"""CAE's latent regressor: from the latents of visible tokens to those of the masked ones."""

from typing import Literal

import torch
from jaxtyping import Float
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from vidmask.choices import checked_choice
from vidmask.models.layers import CrossAttention, initialise, scaled_by
from vidmask.models.positions import PositionKind, build_positions
from vidmask.models.vit import Latents, VideoViT
from vidmask.tokens import TokenMask

Keys = Literal["visible+queries", "visible"]
KeysStart = Literal["own", "queries"]


class RegressorBlock(nn.Module):
    """Cross-attention from queries, then an MLP.

    Queries, keys and values have a layer norm each, and positions are added to queries and keys alone. The
    layer norm before the MLP takes the place of the residual stream: this is no pre-norm block.

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
        layer_scale: float | None = 0.1,
    ) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.norm_key = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.norm_value = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.attn = CrossAttention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.mlp = Mlp(embed_dim, int(embed_dim * mlp_ratio))
        self.scale1 = scaled_by(embed_dim, layer_scale)
        self.scale2 = scaled_by(embed_dim, layer_scale)
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()

    def forward(
        self,
        queries: Float[Tensor, "b m d"],
        query_positions: Float[Tensor, "#b m d"],
        keys: Float[Tensor, "b n d"],
        key_positions: Float[Tensor, "#b n d"],
    ) -> Float[Tensor, "b m d"]:
        """Return the queries after one look at the keys, whose values are the keys without positions."""
        found = self.attn(
            self.norm_query(queries + query_positions),
            self.norm_key(keys + key_positions),
            self.norm_value(keys),
        )
        queries = self.norm2(queries + self.drop_path(self.scale1(found)))
        return queries + self.drop_path(self.scale2(self.mlp(queries)))


class LatentRegressor(nn.Module):
    """Predict the latents of masked tokens from those of the visible ones, so that decoders need not.

    The queries start as one learned mask token. What is hidden cannot reach them: nothing but the visible
    tokens' latents and the places of both are given.

    Args:
        encoder: The encoder whose latents are regressed; gives grid, width and initialisation.
        embed_dim: Width of the regressor; the encoder's if None. Another width is mapped to and from the
            encoder's.
        depth: Number of blocks. CAE: 4.
        num_heads: Heads of each block.
        mlp_ratio: Hidden width of each block's MLP over ``embed_dim``.
        keys: What each block attends over: ``visible+queries``, the visible tokens' latents and the queries
            as they are by then (CAE), or ``visible`` alone, which is cheaper.
        layer_scale: First value of the learned scale of each residual branch (CAE-B: 0.1); none if None.
        drop_path_rate: Drop-path probability of the last block; it grows linearly from 0 at the first.
        positions: Kind of position embedding; the encoder's if None.
        keys_start: Whether the weights that make keys start as drawn (``own``; CAE), or as a copy of those
            that make queries (``queries``). With the copy a query is likest the keys at places near its own,
            so that it looks there from the first step on, and short runs learn sooner.

    Raises:
        ValueError: If ``depth`` is below 1, or a word is none of those above.

    Source: CAE (arXiv 2202.03026), section 3.1 and its published code; that MAM2's regressor is CAE's is
    our reading: its abstract (arXiv 2210.05234) names a regressor and says no more.

    Deviation: CAE's own code maps to another width with a linear layer and a norm and never back; here a
    linear layer maps back, so that the regressed latents lie in the encoder's space at any width.
    """

    def __init__(
        self,
        encoder: VideoViT,
        embed_dim: int | None = None,
        depth: int = 4,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        keys: Keys = "visible+queries",
        layer_scale: float | None = 0.1,
        drop_path_rate: float = 0.0,
        positions: PositionKind | None = None,
        keys_start: KeysStart = "own",
    ) -> None:
        super().__init__()
        checked_choice("keys", keys, Keys)
        checked_choice("keys_start", keys_start, KeysStart)
        width = encoder.embed_dim if embed_dim is None else embed_dim
        if depth < 1:
            raise ValueError(f"depth of the regressor must be at least 1, got {depth}; null leaves it out")
        self.keys: Keys = keys
        self.narrow, self.widen = nn.Identity(), nn.Identity()
        if width != encoder.embed_dim:
            norm = nn.LayerNorm(width, eps=encoder.norm_eps)
            self.narrow = nn.Sequential(nn.Linear(encoder.embed_dim, width), norm)
            self.widen = nn.Linear(width, encoder.embed_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        kind = encoder.position_kind if positions is None else positions
        self.positions = build_positions(kind, encoder.grid, width)
        rates = [drop_path_rate * i / max(depth - 1, 1) for i in range(depth)]
        self.blocks = nn.ModuleList(
            RegressorBlock(width, num_heads, mlp_ratio, rate, encoder.norm_eps, layer_scale) for rate in rates
        )
        self.norm = nn.LayerNorm(width, eps=encoder.norm_eps)

        initialise(self, encoder.init)
        nn.init.trunc_normal_(self.mask_token, std=0.02, a=-0.02, b=0.02)
        if keys_start == "queries":
            for attn in (part for part in self.modules() if isinstance(part, CrossAttention)):
                attn.key.load_state_dict({"weight": attn.query.weight})

    def forward(self, latents: Latents, mask: TokenMask) -> Float[Tensor, "b m d"]:
        """Return the regressed latents, in the order of ``mask.masked``. The class token takes no part."""
        visible = self.narrow(latents.tokens)
        queries = self.mask_token.expand(*mask.masked.shape, -1)
        seen_at, hidden_at = self.positions(mask.visible), self.positions(mask.masked)
        for block in self.blocks:
            if self.keys == "visible":
                queries = block(queries, hidden_at, visible, seen_at)
            else:
                both = torch.cat([visible, queries], dim=1)
                queries = block(queries, hidden_at, both, torch.cat([seen_at, hidden_at], dim=1))
        return self.widen(self.norm(queries))
