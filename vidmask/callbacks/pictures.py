"""What pictures of a module show: the rows of each, by caption, as clips in [0, 1]."""

from functools import singledispatch

import torch
from jaxtyping import Float, Shaped
from lightning.pytorch import LightningModule
from torch import Tensor

from vidmask.models.vqgan import resized
from vidmask.objectives.base import Head
from vidmask.plotting import cover, heat, hidden_pixels, reconstruction_rows
from vidmask.pretraining import MaskedPretraining
from vidmask.targets.base import Target
from vidmask.targets.codes import VQGANCodeTarget
from vidmask.targets.motion import RGBDifferenceTarget
from vidmask.targets.pixels import PixelTarget
from vidmask.tokenizer import TokenizerTraining
from vidmask.tokens import ClipBatch, TokenMask, Tubelet, patchify, unpatchify

Rows = dict[str, Float[Tensor, "b 3 _ h w"]]


@singledispatch
def pictures(module: LightningModule, batch: ClipBatch) -> dict[str, Rows]:
    """Return the rows of each picture of a module, by the picture's name.

    Args:
        module: The module, in evaluation mode.
        batch: A batch, its clips as RGB in [0, 1].

    Raises:
        ValueError: If it is a module of which there are no pictures.
    """
    raise ValueError(
        f"pictures show a MaskedPretraining or a TokenizerTraining, got a {type(module).__name__}"
    )


@pictures.register
def _(module: MaskedPretraining, batch: ClipBatch) -> dict[str, Rows]:
    mask = module.mask(batch)
    predictions = module.objective.predict(batch, mask)
    return {
        name: picture_rows(head.target, head, predictions[name], batch, mask)
        for name, head in module.objective.heads.items()
    }


@pictures.register
def _(module: TokenizerTraining, batch: ClipBatch) -> dict[str, Rows]:
    frames = batch.clips.transpose(1, 2)
    images = resized(frames.flatten(0, 1), (module.vqgan.resolution, module.vqgan.resolution))
    decoded = module.vqgan.decode(module.vqgan.encode(images))
    rows = {"frames, as the tokenizer sees them": images, "decoded from their codes": decoded}
    return {
        "tokenizer": {
            caption: shown.unflatten(0, frames.shape[:2]).transpose(1, 2).clamp(0, 1)
            for caption, shown in rows.items()
        }
    }


@singledispatch
def picture_rows(
    target: Target, head: Head, prediction: Float[Tensor, "b m p"], batch: ClipBatch, mask: TokenMask
) -> Rows:
    """Return the rows of the picture, all of one shape; none for a target of which there is no picture.

    Args:
        target: The head's target, whose class says what is drawn.
        head: The head.
        prediction: Its prediction.
        batch: The batch, its clips as RGB in [0, 1].
        mask: What was seen and what was predicted.
    """
    return {}


@picture_rows.register
def _(target: PixelTarget, head: Head, prediction: Tensor, batch: ClipBatch, mask: TokenMask) -> Rows:
    clips = target.select_frames(batch.clips, head.tubelet)
    shown = Tubelet(target.num_frames(head.tubelet), head.tubelet.rows, head.tubelet.columns)
    answers = target.to_pixels(prediction, batch, mask.masked, head.tubelet)
    tokens = filled(patchify(clips, shown), mask, answers)
    reconstructions = unpatchify(tokens, head.grid, shown).clamp(0, 1)
    hidden = hidden_pixels(mask, head.grid, shown)
    not_predicted = hidden & hidden_pixels(TokenMask(mask.masked, mask.visible), head.grid, shown)
    reconstructions = cover(reconstructions, not_predicted)
    return reconstruction_rows(clips, reconstructions, hidden, f"reconstruction ({target.added_back})")


@picture_rows.register
def _(target: VQGANCodeTarget, head: Head, prediction: Tensor, batch: ClipBatch, mask: TokenMask) -> Rows:
    clips = target.select_frames(batch.clips, head.tubelet)
    true = target.encode(batch.clips, head.tubelet)
    answered = filled(true.flatten(1, 3), mask, target.to_codes(prediction)).view_as(true)
    shown = Tubelet(target.codes_per_token, head.tubelet.rows, head.tubelet.columns)
    size = (clips.shape[3], clips.shape[4])
    return {
        "coded frames": clips,
        "masked input": cover(clips, hidden_pixels(mask, head.grid, shown)),
        "decoded from the input's own codes": target.decode(true, size),
        "decoded from predicted codes, the input's own where it was seen": target.decode(answered, size),
    }


@picture_rows.register
def _(target: RGBDifferenceTarget, head: Head, prediction: Tensor, batch: ClipBatch, mask: TokenMask) -> Rows:
    true = target.differences(batch.clips, head.tubelet)
    shown = Tubelet(target.num_frames(head.tubelet), head.tubelet.rows, head.tubelet.columns)
    answers = filled(
        patchify(true, shown), mask, target.to_differences(prediction, batch, mask.masked, head.tubelet)
    )
    answered = unpatchify(answers, head.grid, shown)
    hidden = hidden_pixels(mask, head.grid, shown)
    # The frame that each difference starts from.
    clips = batch.clips.unflatten(2, (-1, head.tubelet.frames))[:, :, :, : shown.frames].flatten(2, 3)
    # Not the largest of all: one bright edge would leave the others pale. Some of many: quantile() takes
    # no more than 16 million.
    values = true.float().mean(dim=1).abs().flatten()
    largest = values[:: 1 + len(values) // 1_000_000].quantile(0.99)
    return {
        "input": clips,
        "masked input": cover(clips, hidden),
        f"true change (red brighter, blue darker, ±{largest:.2f})": heat(true, largest),
        f"predicted change where it was hidden{target.added_back}": torch.where(
            hidden.unsqueeze(1), heat(answered, largest), cover(clips, torch.ones_like(hidden))
        ),
    }


def filled(
    tokens: Shaped[Tensor, "b n p"], mask: TokenMask, answers: Shaped[Tensor, "b m p"]
) -> Shaped[Tensor, "b n p"]:
    """Put answers in the places of the masked tokens."""
    return tokens.scatter(1, mask.masked.unsqueeze(-1).expand_as(answers), answers.to(tokens))
