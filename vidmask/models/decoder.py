"""The decoder of a masked autoencoder: from visible latents to one vector for every masked token."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vidmask.choices import checked_choice
from vidmask.models.layers import Block, initialise
from vidmask.models.positions import PositionKind, build_positions
from vidmask.models.vit import Latents, VideoViT
from vidmask.tokens import TokenMask

ClassToken = Literal["none", "learned", "encoded"]


class TokenDecoder(nn.Module):
    """A narrow transformer over visible latents and mask tokens.

    The last block is worked out for masked tokens only: the others' outputs are never read, so that this
    changes no result.

    Args:
        encoder: The encoder whose latents are decoded; gives grid, width and initialisation.
        embed_dim: Width of the decoder.
        depth: Number of blocks.
        num_heads: Heads of each block. MAE-ST's code has 16 at width 512; the weights that were published
            with it come from code with 8.
        mlp_ratio: Hidden width of each block's MLP over ``embed_dim``.
        positions: Kind of position embedding; the encoder's if None.
        class_token: ``none`` (VideoMAE); ``learned``: the encoder's class token is dropped and one of the
            decoder's own takes its place (MAE-ST's code); ``encoded``: the encoder's is carried on
            (the code that MAE-ST's published weights come from).
        projection_bias: Whether the map from the encoder's width to the decoder's has a bias (MAE-ST: yes,
            VideoMAE: no).

    Raises:
        ValueError: If ``class_token`` is ``encoded`` and the encoder has none, or none of those above.

    Source: MAE-ST (arXiv 2205.09113), section 3; VideoMAE (arXiv 2203.12602), section 3.4.
    """

    def __init__(
        self,
        encoder: VideoViT,
        embed_dim: int = 512,
        depth: int = 4,
        num_heads: int = 16,
        mlp_ratio: float = 4.0,
        positions: PositionKind | None = None,
        class_token: ClassToken = "none",
        projection_bias: bool = True,
    ) -> None:
        super().__init__()
        checked_choice("class_token", class_token, ClassToken)
        if depth < 0 or embed_dim < 1:
            raise ValueError(
                f"decoder: depth must be at least 0 and embed_dim at least 1, got {depth} and {embed_dim}"
            )
        if class_token == "encoded" and encoder.cls_token is None:
            raise ValueError(
                "decoder class_token 'encoded' needs an encoder with a class token: "
                "set class_token: true in the encoder, or 'none' or 'learned' in the decoder"
            )
        kind = encoder.position_kind if positions is None else positions
        self.embed_dim = embed_dim
        self.projection = nn.Linear(encoder.embed_dim, embed_dim, bias=projection_bias)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.positions = build_positions(kind, encoder.grid, embed_dim)
        self.carries_encoded_class = class_token == "encoded"
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim)) if class_token == "learned" else None
        self.cls_position = (
            nn.Parameter(torch.zeros(1, 1, embed_dim))
            if class_token != "none" and kind == "separable"
            else None
        )
        self.blocks = nn.ModuleList(
            Block(embed_dim, num_heads, mlp_ratio, norm_eps=encoder.norm_eps) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=encoder.norm_eps)

        initialise(self, encoder.init)
        # The decoder's own class token starts at zero, as MAE-ST's code leaves it.
        nn.init.normal_(self.mask_token, std=0.02)
        if self.cls_position is not None:
            nn.init.trunc_normal_(self.cls_position, std=0.02)

    def forward(self, latents: Latents, mask: TokenMask) -> Float[Tensor, "b m d"]:
        """Return one vector for each masked token, in the order of ``mask.masked``."""
        seen = self.projection(latents.tokens) + self.positions(mask.visible)
        hidden = self.mask_token + self.positions(mask.masked)
        tokens = torch.cat([*self._class_token(latents), seen, hidden], dim=1)
        num_masked = mask.masked.shape[1]
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        for block in self.blocks[-1:]:
            tokens = block(tokens, num_queries=num_masked)
        return self.norm(tokens[:, -num_masked:])

    def _class_token(self, latents: Latents) -> list[Float[Tensor, "b 1 d"]]:
        if self.carries_encoded_class:
            assert latents.cls is not None
            token = self.projection(latents.cls).unsqueeze(1)
        elif self.cls_token is not None:
            token = self.cls_token.expand(len(latents.tokens), -1, -1)
        else:
            return []
        return [token if self.cls_position is None else token + self.cls_position]
