"""The shared encoder: a plain vision transformer over the visible tubelets of a clip."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from vidmask.choices import checked_choice
from vidmask.models.layers import Block, Initialisation, initialise
from vidmask.models.positions import PositionKind, build_positions
from vidmask.tokens import TokenGrid, Tubelet, patchify


class Latents(NamedTuple):
    """What an encoder makes of a clip.

    Attributes:
        tokens: One vector for each visible token, ``[b k d]``; after the last norm, unless it was left out.
        cls: The class token, ``[b d]``; None if the encoder has none.
    """

    tokens: Float[Tensor, "b k d"]
    cls: Float[Tensor, "b d"] | None


class PatchEmbedding(nn.Module):
    """A linear map of each tubelet, held in ``proj`` as the 3-D convolution of published checkpoints."""

    def __init__(self, tubelet: Tubelet, embed_dim: int) -> None:
        super().__init__()
        size = (tubelet.frames, tubelet.rows, tubelet.columns)
        self.proj = nn.Conv3d(3, embed_dim, kernel_size=size, stride=size)

    def forward(self, pixels: Float[Tensor, "b k p"]) -> Float[Tensor, "b k d"]:
        """Embed tubelets that ``patchify`` has cut out."""
        weight = self.proj.weight.permute(0, 2, 3, 4, 1).flatten(1)
        return F.linear(pixels, weight, self.proj.bias)


class VideoViT(nn.Module):
    """Vision transformer with joint space-time attention, over all tubelets of a clip or some of them.

    The geometry of an experiment lives here and nowhere else: masks and targets are given ``grid`` and
    ``tubelet`` when called, decoders read them when built, and the data module gets ``frames`` and
    ``size`` from here. Clips come in as RGB in [0, 1]; ``mean`` and ``std`` are applied inside.

    ``arguments`` keeps how it was made, in types of JSON.

    Args:
        frames: Frames of a clip.
        size: Height and width of a clip in pixels.
        tubelet: Frames, rows and columns of pixels behind one token.
        embed_dim: Width of the tokens.
        depth: Number of blocks.
        num_heads: Heads of each block.
        mlp_ratio: Hidden width of each block's MLP over ``embed_dim``.
        positions: ``separable`` (learned; MAE-ST), ``sincos1d`` (fixed; VideoMAE) or ``sincos3d`` (fixed).
        class_token: Whether a class token is carried along (MAE-ST: yes, VideoMAE: no).
        drop_path_rate: Drop-path probability of the last block; it grows linearly from 0 at the first.
        mean: Mean that is taken from each colour channel, in [0, 1].
        std: Standard deviation by which each colour channel is divided, in [0, 1].
        init: Whose initialisation: ``mae_st`` or ``videomae`` (the patch embedding then keeps PyTorch's
            default, and query, key and value are filled as one matrix).
        norm_eps: Epsilon of every layer norm, the decoder's too; both papers' models have 1e-6.

    Raises:
        ValueError: If the clip cannot be cut into tubelets, or the heads do not divide the width.

    Source: MAE-ST (arXiv 2205.09113), section 3; published code of MAE-ST and VideoMAE.
    """

    mean: Float[Tensor, " c"]
    std: Float[Tensor, " c"]

    def __init__(
        self,
        frames: int = 16,
        size: int = 224,
        tubelet: tuple[int, int, int] = (2, 16, 16),
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        positions: PositionKind = "separable",
        class_token: bool = True,
        drop_path_rate: float = 0.0,
        mean: tuple[float, float, float] = (0.45, 0.45, 0.45),
        std: tuple[float, float, float] = (0.225, 0.225, 0.225),
        init: Initialisation = "mae_st",
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if depth < 1 or embed_dim < 1:
            raise ValueError(f"embed_dim and depth must be at least 1, got {embed_dim} and {depth}")
        checked_choice("init", init, Initialisation)
        self.arguments = {
            **{"frames": frames, "size": size, "tubelet": list(tubelet), "embed_dim": embed_dim},
            **{"depth": depth, "num_heads": num_heads, "mlp_ratio": mlp_ratio, "positions": positions},
            **{"class_token": class_token, "drop_path_rate": drop_path_rate, "mean": list(mean)},
            **{"std": list(std), "init": init, "norm_eps": norm_eps},
        }
        self.frames = frames
        self.size = size
        self.tubelet = Tubelet(*tubelet)
        self.grid = TokenGrid.of(frames, size, size, self.tubelet)
        self.embed_dim = embed_dim
        self.position_kind: PositionKind = positions
        self.init: Initialisation = init
        self.norm_eps = norm_eps
        self.pixel_mean, self.pixel_std = tuple(mean), tuple(std)
        self.register_buffer("mean", _channels("mean", mean), persistent=False)
        self.register_buffer("std", _channels("std", std), persistent=False)

        self.patch_embed = PatchEmbedding(self.tubelet, embed_dim)
        self.positions = build_positions(positions, self.grid, embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim)) if class_token else None
        self.cls_position = (
            nn.Parameter(torch.zeros(1, 1, embed_dim)) if class_token and positions == "separable" else None
        )
        rates = [drop_path_rate * i / max(depth - 1, 1) for i in range(depth)]
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_ratio, rate, norm_eps) for rate in rates)
        self.norm = nn.LayerNorm(embed_dim, eps=norm_eps)

        initialise(self, init)
        if init == "mae_st":
            nn.init.xavier_uniform_(self.patch_embed.proj.weight.flatten(1))
        for token in (self.cls_token, self.cls_position):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02)

    def forward(
        self,
        clips: Shaped[Tensor, "b 3 t h w"],
        visible: Int[Tensor, "b k"] | None = None,
        *,
        final_norm: bool = True,
    ) -> Latents:
        """Encode clips.

        Only the visible tubelets are read, normalised, embedded and attended over: what is hidden cannot
        reach the latents.

        Args:
            clips: RGB in [0, 1].
            visible: Tokens to encode, raster order; all of them if None (the dense encoder).
            final_norm: Whether the last norm is applied. Both papers fine-tune without it, and normalise the
                mean of the tokens.

        Raises:
            ValueError: If the clips do not have the encoder's frames and size, or are integers.
        """
        if not clips.is_floating_point():
            raise ValueError(f"the encoder takes clips as floats in [0, 1], got {clips.dtype}")
        expected = (self.frames, self.size, self.size)
        if clips.shape[2:] != expected:
            raise ValueError(
                f"the encoder takes clips of {'×'.join(map(str, expected))} (frames×height×width), "
                f"got {'×'.join(map(str, clips.shape[2:]))}"
            )
        pixels = patchify(clips, self.tubelet, visible).to(self.mean.dtype)
        num_places = pixels.shape[-1] // 3
        scale = self.std.reciprocal().repeat(num_places)
        shift = (-self.mean / self.std).repeat(num_places)
        tokens = self.patch_embed(torch.addcmul(shift, pixels, scale)) + self.positions(visible)
        if self.cls_token is not None:
            cls = self.cls_token if self.cls_position is None else self.cls_token + self.cls_position
            tokens = torch.cat([cls.expand(len(tokens), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        if final_norm:
            tokens = self.norm(tokens)
        if self.cls_token is None:
            return Latents(tokens, None)
        return Latents(tokens[:, 1:], tokens[:, 0])

    def of_any_number(self, clips: Shaped[Tensor, "b 3 ..."]) -> Latents:
        """Encode clips densely; where none of a batch could be decoded, return as many latents: none."""
        if len(clips):
            return self(clips)
        tokens = self.mean.new_zeros(0, self.grid.num_tokens, self.embed_dim)
        return Latents(tokens, None if self.cls_token is None else tokens[:, 0])


def _channels(name: str, values: Sequence[float]) -> Float[Tensor, " c"]:
    if name == "std" and min(values) <= 0:
        raise ValueError(f"std must be above 0 for every channel, got {tuple(values)}")
    return torch.tensor(tuple(values), dtype=torch.float32)
