"""Where an encoder's tokens look: the attention weights of a block."""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from vidmask.models.layers import Block, split_heads
from vidmask.models.vit import VideoViT


@torch.no_grad()
def attention_maps(
    encoder: VideoViT,
    clips: Shaped[Tensor, "b 3 t h w"],
    visible: Int[Tensor, "b k"] | None = None,
    block: int = -1,
) -> Float[Tensor, "b g n n"]:
    """Return how much each token takes from each other in a block's attention, head by head.

    The blocks attend by a fused kernel that keeps no weights; they are worked out here from the block's own
    queries and keys. The weights of all pairs are held in memory: of the 1,568 tokens of 16×224×224 pixels
    and 16 heads 157 MB a clip.

    Args:
        encoder: The encoder, best in evaluation mode.
        clips: RGB in [0, 1].
        visible: Tokens to encode, raster order; all of them if None.
        block: Which block, the last one if -1.

    Returns:
        Weights of each clip and head: rows are the tokens that look and sum to 1, columns those that are
        looked at. Raster order, with the class token before the others where there is one.

    Raises:
        ValueError: If there is no such block, or the clips are none that the encoder takes.
    """
    depth = len(encoder.blocks)
    if not -depth <= block < depth:
        raise ValueError(f"block of an encoder of {depth} must lie from {-depth} to {depth - 1}, got {block}")
    chosen = encoder.blocks[block]
    assert isinstance(chosen, Block)
    entered: list[Tensor] = []

    def keep(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        entered.append(output)

    # What the norm before the attention returns is what enters it.
    hook = chosen.norm1.register_forward_hook(keep)
    try:
        encoder(clips, visible)
    finally:
        hook.remove()
    query, key, _ = chosen.attn.qkv(entered[0]).chunk(3, dim=-1)
    query, key = (split_heads(part, chosen.attn.num_heads) for part in (query, key))
    return (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1)
