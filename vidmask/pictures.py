"""What pictures of a module show: the rows of each, by caption, as clips in [0, 1]."""

from functools import singledispatch

import torch
from jaxtyping import Bool, Float, Shaped
from lightning.pytorch import LightningModule
from torch import Tensor

from vidmask.models.vqgan import resized
from vidmask.objectives.base import Head
from vidmask.plotting import cover, heat, hidden_pixels, reconstruction_rows, unpredicted_pixels
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
def target_rows(target: Target, head: Head, batch: ClipBatch, mask: TokenMask) -> Rows:
    """Return what a target asks for as rows of a picture, of one shape; none if there is no picture of it.

    Args:
        target: The head's target, whose class says what is drawn.
        head: The head.
        batch: The batch, its clips as RGB in [0, 1].
        mask: What is seen and what is asked for.
    """
    answers = _all_answers(target, head, batch)
    drawn = target.picture(answers, answers, head.grid, head.tubelet)
    if drawn is None:
        return {}
    shown = _shown(drawn, head)
    clips = _frames_of(target, batch, head, shown)
    return {
        "input": clips,
        _share(mask, head): cover(clips, hidden_pixels(mask, head.grid, shown)),
        f"target: {target.pictured}": drawn,
    }


@singledispatch
def picture_rows(
    target: Target, head: Head, prediction: Float[Tensor, "b m p"], batch: ClipBatch, mask: TokenMask
) -> Rows:
    """Return the rows of the picture of a prediction, all of one shape; none if there is no picture of it.

    Args:
        target: The head's target, whose class says what is drawn.
        head: The head.
        prediction: Its prediction.
        batch: The batch, its clips as RGB in [0, 1].
        mask: What was seen and what was predicted.
    """
    rows = target_rows(target, head, batch, mask)
    if not rows:
        return {}
    answers = _all_answers(target, head, batch)
    drawn = target.picture(filled(answers, mask, prediction), answers, head.grid, head.tubelet)
    assert drawn is not None
    not_predicted = unpredicted_pixels(mask, head.grid, _shown(drawn, head))
    return rows | {"prediction": cover(drawn, not_predicted)}


@picture_rows.register
def _(target: PixelTarget, head: Head, prediction: Tensor, batch: ClipBatch, mask: TokenMask) -> Rows:
    clips = target.select_frames(batch.clips, head.tubelet)
    shown = Tubelet(target.num_frames(head.tubelet), head.tubelet.rows, head.tubelet.columns)
    answers = target.to_pixels(prediction, batch, mask.masked, head.tubelet)
    tokens = filled(patchify(clips, shown), mask, answers)
    reconstructions = unpatchify(tokens, head.grid, shown).clamp(0, 1)
    hidden = hidden_pixels(mask, head.grid, shown)
    reconstructions = cover(reconstructions, _left_out(mask, head, shown))
    return reconstruction_rows(clips, reconstructions, hidden, f"reconstruction ({target.added_back})")


@target_rows.register
def _(target: VQGANCodeTarget, head: Head, batch: ClipBatch, mask: TokenMask) -> Rows:
    if not target.tokenizer.has_decoder:
        return {}
    clips = target.select_frames(batch.clips, head.tubelet)
    shown = Tubelet(target.codes_per_token, head.tubelet.rows, head.tubelet.columns)
    size = (clips.shape[3], clips.shape[4])
    return {
        "coded frames": clips,
        _share(mask, head): cover(clips, hidden_pixels(mask, head.grid, shown)),
        "decoded from the input's own codes": target.decode(target.encode(batch.clips, head.tubelet), size),
    }


@picture_rows.register
def _(target: VQGANCodeTarget, head: Head, prediction: Tensor, batch: ClipBatch, mask: TokenMask) -> Rows:
    rows = target_rows(target, head, batch, mask)
    if not rows:
        return {}
    true = target.encode(batch.clips, head.tubelet)
    answered = filled(true.flatten(1, 3), mask, target.to_codes(prediction)).view_as(true)
    size = (batch.clips.shape[3], batch.clips.shape[4])
    shown = Tubelet(target.codes_per_token, head.tubelet.rows, head.tubelet.columns)
    return rows | {
        "decoded from predicted codes, the input's own where it was seen": cover(
            target.decode(answered, size), _left_out(mask, head, shown)
        )
    }


@target_rows.register
def _(target: RGBDifferenceTarget, head: Head, batch: ClipBatch, mask: TokenMask) -> Rows:
    true = target.differences(batch.clips, head.tubelet)
    shown = Tubelet(target.num_frames(head.tubelet), head.tubelet.rows, head.tubelet.columns)
    clips = _frames_of(target, batch, head, shown)
    largest = _largest(true)
    return {
        "input": clips,
        _share(mask, head): cover(clips, hidden_pixels(mask, head.grid, shown)),
        f"target: change of colour (red brighter, blue darker, ±{largest:.2f})": heat(true, largest),
    }


@picture_rows.register
def _(target: RGBDifferenceTarget, head: Head, prediction: Tensor, batch: ClipBatch, mask: TokenMask) -> Rows:
    true = target.differences(batch.clips, head.tubelet)
    shown = Tubelet(target.num_frames(head.tubelet), head.tubelet.rows, head.tubelet.columns)
    answers = target.to_differences(prediction, batch, mask.masked, head.tubelet)
    answered = unpatchify(filled(patchify(true, shown), mask, answers), head.grid, shown)
    not_predicted = unpredicted_pixels(mask, head.grid, shown)
    return target_rows(target, head, batch, mask) | {
        f"predicted change where it was asked for{target.added_back}": cover(
            heat(answered, _largest(true)), not_predicted
        )
    }


def filled(
    tokens: Shaped[Tensor, "b n p"], mask: TokenMask, answers: Shaped[Tensor, "b m p"]
) -> Shaped[Tensor, "b n p"]:
    """Put answers in the places of the masked tokens."""
    return tokens.scatter(1, mask.masked.unsqueeze(-1).expand_as(answers), answers.to(tokens))


def _left_out(mask: TokenMask, head: Head, shown: Tubelet) -> Bool[Tensor, "b s h w"]:
    """Return which pixels were neither seen nor predicted, as a running cell leaves some."""
    hidden = hidden_pixels(mask, head.grid, shown)
    return hidden & unpredicted_pixels(mask, head.grid, shown)


def _share(mask: TokenMask, head: Head) -> str:
    return f"masked input ({1 - mask.visible.shape[1] / head.grid.num_tokens:.0%} hidden)"


def _all_answers(target: Target, head: Head, batch: ClipBatch) -> Shaped[Tensor, "b n ..."]:
    everything = torch.arange(head.grid.num_tokens, device=batch.clips.device)
    return target(batch, everything.expand(len(batch.clips), -1), head.tubelet)


def _shown(drawn: Float[Tensor, "b 3 s h w"], head: Head) -> Tubelet:
    """Return the tubelet that was drawn: as large as the head's, of its own number of frames."""
    return Tubelet(drawn.shape[2] // head.grid.time, head.tubelet.rows, head.tubelet.columns)


def _frames_of(target: Target, batch: ClipBatch, head: Head, shown: Tubelet) -> Float[Tensor, "b 3 s h w"]:
    """Return the frames that a picture is of: those that were chosen, or the first of each tubelet."""
    if isinstance(target, PixelTarget):
        return target.select_frames(batch.clips, head.tubelet)
    return batch.clips.unflatten(2, (-1, head.tubelet.frames))[:, :, :, : shown.frames].flatten(2, 3)


def _largest(changes: Float[Tensor, "b 3 s h w"]) -> Float[Tensor, ""]:
    # Not the largest of all: one bright edge would leave the others pale. Some of many: quantile() takes
    # no more than 16 million.
    values = changes.float().mean(dim=1).abs().flatten()
    return values[:: 1 + len(values) // 1_000_000].quantile(0.99)
