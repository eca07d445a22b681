"""Image transformers as video encoders: the weights of a picture model, spread over time."""

import difflib
from collections.abc import Set
from typing import Any

import timm
import torch
from jaxtyping import Float
from timm.layers.activations import GELU
from timm.layers.mlp import Mlp
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from vidmask.models.position_resampling import resampled_positions
from vidmask.models.vit import VideoViT
from vidmask.tokens import TokenGrid


def inflate_vit(
    image: nn.Module,
    frames: int = 16,
    tubelet_frames: int = 2,
    size: int | None = None,
    drop_path_rate: float = 0.0,
) -> VideoViT:
    """Make the shared encoder of a timm image ViT and its weights.

    The patch kernel is repeated over the frames of a tubelet and divided by their number, and the temporal
    positions are zero: a clip whose frames are all one picture gives, in each slice of time, the patch
    embeddings of that picture. Without a class token the same then holds for the tokens after every block,
    since attention over equal copies is attention over one of them. With a class token it does not: the
    copies weigh more against the one class token than the picture alone does.

    Blocks, the class token with its position, the spatial positions, the epsilon of the norms, and the mean
    and standard deviation of the pixels (from ``default_cfg``) are those of the image model. A bias that it
    lacks is zero, and so are positions that it lacks. A model that pools before its last norm
    (``fc_norm``) gives that norm to the encoder, which applies it to every token. The classifier (``head``)
    is left behind, and so are rates of dropout: they are no weights.

    Args:
        image: A ``VisionTransformer`` of timm, such as
            ``timm.create_model("vit_base_patch16_224", pretrained=True)``. It is not changed.
        frames: Frames of a clip.
        tubelet_frames: Frames behind one token; its rows and columns are the image model's patch.
        size: Height and width of a clip in pixels; those of the image model if None. If they differ, the
            spatial positions are interpolated.
        drop_path_rate: Drop-path probability of the encoder's last block.

    Raises:
        ValueError: If the model is no such transformer, if something in it has no place in the encoder, such
            as layer scale, registers or attention pooling, or if the clip cannot be cut into tubelets.

    Source: MAE-ST (arXiv 2205.09113), which starts from image models to compare with: patch kernel inflated
    to 3-D, temporal positions initialised to zero. The paper says no more than that it inflates. Repeating
    and dividing is I3D's way (arXiv 1705.07750, section 2.4), and that of a function in MAE-ST's published
    code; deflation, for the way back to images, sums the kernel over time and undoes it.
    """
    if not isinstance(image, VisionTransformer):
        raise ValueError(f"only a VisionTransformer of timm can be inflated, got {type(image).__name__}")
    model: Any = image
    num_heads, hidden_width, norm_eps = _checked_parts(model)
    height, width = model.patch_embed.img_size
    if size is None and height != width:
        raise ValueError(
            f"the image model takes {height}×{width} pixels, the encoder square clips: give size"
        )
    pixels = getattr(model, "default_cfg", None) or {}
    if not {"mean", "std"} <= pixels.keys():
        raise ValueError("the image model does not say its pixels' mean and std: set its default_cfg")
    encoder = VideoViT(
        frames=frames,
        size=height if size is None else size,
        tubelet=(tubelet_frames, *model.patch_embed.patch_size),
        embed_dim=model.embed_dim,
        depth=len(model.blocks),
        num_heads=num_heads,
        # Half a unit more, so that rounding cannot make the encoder's MLP one narrower.
        mlp_ratio=(hidden_width + 0.5) / model.embed_dim,
        class_token=model.cls_token is not None,
        drop_path_rate=drop_path_rate,
        mean=_three(pixels["mean"]),
        std=_three(pixels["std"]),
        norm_eps=norm_eps,
    )
    expected = encoder.state_dict()
    grid = TokenGrid(encoder.grid.time, *model.patch_embed.grid_size)
    weights = _inflated_weights(model, tubelet_frames, grid)
    absent_biases = {name for name in expected.keys() - weights if name.endswith(".bias")}
    weights |= {name: torch.zeros_like(expected[name]) for name in absent_biases}
    _check_names(weights.keys(), expected.keys())
    weights = resampled_positions(weights, grid, encoder.grid)
    for name, weight in expected.items():
        found, wanted = tuple(weights[name].shape), tuple(weight.shape)
        if found != wanted:
            raise ValueError(f"the image model's {name} cannot be carried over: {found}, expected {wanted}")
    # On torch's device meta there are no weights to be filled; torch would warn of each.
    if not encoder.mean.is_meta:
        encoder.load_state_dict(weights)
    return encoder


def inflated_vit(
    name: str,
    pretrained: bool = True,
    frames: int = 16,
    tubelet_frames: int = 2,
    size: int | None = None,
    drop_path_rate: float = 0.0,
) -> VideoViT:
    """Make the shared encoder of an image ViT that timm knows by name, as a recipe's ``class_path``.

    Args:
        name: Such as ``vit_base_patch16_224.augreg_in1k``.
        pretrained: Whether its published weights are taken, which timm fetches; else they are random. Where
            no weights are wanted at all (torch's device ``meta``) none are fetched.
        frames: See ``inflate_vit``, as the others.
        tubelet_frames: Frames behind one token.
        size: Height and width of a clip in pixels; those of the image model if None.
        drop_path_rate: Drop-path probability of the encoder's last block.

    Raises:
        ValueError: If timm has no such model, or it cannot be inflated.
    """
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models("vit_*"), n=1)
        raise ValueError(f"timm has no model {name!r}{f', did you mean {near[0]!r}?' if near else ''}")
    fetch = pretrained and not torch.empty(0).is_meta
    # Older releases of timm cannot build one on the device meta.
    with torch.device("cpu"):
        image = timm.create_model(name, pretrained=fetch)
    return inflate_vit(image, frames, tubelet_frames, size, drop_path_rate)


def _checked_parts(model: Any) -> tuple[int, int, float]:
    """Return heads, hidden width and epsilon, having refused what differs in more than its weights."""
    for index, block in enumerate(model.blocks):
        if type(block) is not Block:
            raise ValueError(f"blocks.{index} is a {type(block).__name__}: only timm's Block is inflated")
        if type(block.mlp) is not Mlp:
            raise ValueError(
                f"blocks.{index}.mlp is a {type(block.mlp).__name__}: only timm's Mlp is inflated"
            )
        activation = block.mlp.act
        if not isinstance(activation, nn.GELU | GELU) or getattr(activation, "approximate", "none") != "none":
            raise ValueError(f"blocks.{index}.mlp.act is {activation}: the encoder has the exact GELU")
    last = {"norm": model.norm, "fc_norm": model.fc_norm}
    last = {name: norm for name, norm in last.items() if not isinstance(norm, nn.Identity)}
    if len(last) != 1:
        raise ValueError(f"the image model has {len(last)} norms after its blocks, the encoder has 1")
    norms = last | {
        f"blocks.{index}.{name}": getattr(block, name)
        for index, block in enumerate(model.blocks)
        for name in ("norm1", "norm2")
    }
    for name, norm in norms.items():
        if not isinstance(norm, nn.LayerNorm):
            raise ValueError(f"{name} is a {type(norm).__name__}: the encoder has layer norms")
    epsilons = {norm.eps for norm in norms.values()}
    if len(epsilons) != 1:
        raise ValueError(f"the image model's norms have epsilons {sorted(epsilons)}, the encoder's have one")
    first = model.blocks[0]
    return first.attn.num_heads, first.mlp.fc1.out_features, epsilons.pop()


def _inflated_weights(model: Any, tubelet_frames: int, grid: TokenGrid) -> dict[str, Tensor]:
    """Return the image model's weights under the encoder's names, their positions as long as they were."""
    weights: dict[str, Tensor] = {}
    for name, weight in model.state_dict().items():
        if name == "patch_embed.proj.weight":
            weights[name] = _inflated_kernel(weight, tubelet_frames)
        elif name.startswith("fc_norm."):
            weights[name.removeprefix("fc_")] = weight
        elif not name.startswith("head."):
            weights[name] = weight
    absent = torch.zeros(1, 1, model.embed_dim)
    positions = weights.pop("pos_embed", None)
    places = absent.expand(-1, grid.rows * grid.columns, -1) if positions is None else positions
    if model.cls_token is not None:
        has_position = positions is not None and not model.no_embed_class
        weights["cls_position"] = places[:, :1] if has_position else absent
        places = places[:, 1:] if has_position else places
    weights["positions.spatial"] = places
    weights["positions.temporal"] = absent.expand(-1, grid.time, -1)
    return weights


def _inflated_kernel(kernel: Float[Tensor, "d c p q"], frames: int) -> Float[Tensor, "d c u p q"]:
    return kernel.float().unsqueeze(2).expand(-1, -1, frames, -1, -1) / frames


def _check_names(found: Set[str], expected: Set[str]) -> None:
    left, lacking = sorted(found - expected), sorted(expected - found)
    if left:
        raise ValueError(
            f"the encoder has no place for {len(left)} of the image model's weights, the first is {left[0]}"
        )
    if lacking:
        raise ValueError(
            f"the image model lacks {len(lacking)} of the encoder's weights, the first is {lacking[0]}"
        )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue
