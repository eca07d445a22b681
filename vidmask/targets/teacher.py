"""The features of a teacher as the target: what another encoder, which sees the whole clip, makes of it."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vidmask.choices import checked_choice
from vidmask.models.principal_colours import principal_colours
from vidmask.models.vit import VideoViT
from vidmask.targets.base import Target, nearest_visible
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet, gather_tokens, unpatchify

FeatureLoss = Literal["l1", "smooth_l1", "mse"]


class Teacher(nn.Module):
    """Where a teacher comes from: what is known of it beforehand, and the encoder when it is needed.

    A new one overrides ``outline`` and ``encoder``, and what else it needs of the other methods.
    """

    def follow(self, encoder: VideoViT) -> None:
        """Take what is needed of the encoder that is trained: nothing."""

    def after_step(self, encoder: VideoViT) -> None:
        """Do what is due after a step of the optimizer: nothing."""

    def load(self) -> None:
        """Read the weights, before the first batch: there is nothing to read."""

    def outline(self) -> VideoViT:
        """Return an encoder of the teacher's settings, of which no weight is used."""
        raise NotImplementedError

    def encoder(self, device: torch.device) -> VideoViT:
        """Return the teacher on a device: in evaluation mode, with no weight that is trained."""
        raise NotImplementedError


class TeacherTarget(Target):
    """The features that a teacher has at each masked token, and how far a prediction is from them.

    The teacher encodes the whole clip, and what it says of the masked tokens is returned; no gradient flows
    into it. Which teacher it is says ``teacher``: ``FrozenTeacher``, an encoder that was trained before, or
    ``AverageTeacher``, an average over time of the encoder that is trained. Each head has a teacher of its
    own; two teachers are two heads.

    With a teacher that is an average, a loss that falls says little, since both sides could end in the same
    features for all tokens: look at ``teacher_std``.

    Args:
        teacher: Whose features are predicted.
        layers: 1 for the tokens after the teacher's last norm. A larger number K for the mean of the last K
            blocks' outputs, each normalised over the width of a token first.
        normalise: Whether each token's features are normalised over their width in the end, to mean 0 and
            variance 1, without learned scale and shift.
        loss: ``l1``, ``smooth_l1`` or ``mse``; the mean over all tokens and the width, in float32 at least.
        beta: Distance at which ``smooth_l1`` turns from a square into a straight line.

    Raises:
        ValueError: If a number lies outside its range, or a word is none of those above.

    Source: V-JEPA (arXiv 2404.08471), section 3: L1, features after the last norm, normalised. data2vec
    (arXiv 2202.03555), section 3.3: mean of the last K blocks, each normalised, smooth L1. MVD (arXiv
    2212.04500), section 3: smooth L1 to the features of two frozen teachers, a decoder for each. Deviation:
    of a block its whole output is taken, while data2vec for speech and text takes its MLP's, before the
    residual is added.
    """

    measured = ("teacher_std",)
    pictured = "features (alike where the colour is: their three main directions as red, green and blue)"

    def __init__(
        self,
        teacher: Teacher,
        layers: int = 1,
        normalise: bool = True,
        loss: FeatureLoss = "l1",
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        checked_choice("loss", loss, FeatureLoss)
        if layers < 1:
            raise ValueError(f"layers is how many of the teacher's blocks are used, 1 or more, got {layers}")
        if not beta > 0:
            raise ValueError(f"beta of the smooth L1 loss must be above 0, got {beta}")
        self.teacher = teacher
        self.layers = layers
        self.normalise = normalise
        self.distance: FeatureLoss = loss
        self.beta = beta

    def follow(self, encoder: VideoViT) -> None:
        """Let the teacher take what it needs of the encoder, and check that the two fit.

        Raises:
            ValueError: If they take other clips or cut them into other tokens, or the teacher has fewer
                blocks than ``layers``.
        """
        self.teacher.follow(encoder)
        outline = self.teacher.outline()
        if _geometry(outline) != _geometry(encoder):
            raise ValueError(
                f"the teacher takes {_geometry(outline)}, and the encoder {_geometry(encoder)}: give a "
                "teacher of the same frames, size and tubelet"
            )
        self._check_layers(outline)

    def after_step(self, encoder: VideoViT) -> None:
        """Let the teacher do what is due after a step of the optimizer."""
        self.teacher.after_step(encoder)

    def load(self) -> None:
        """Read the teacher's weights."""
        self.teacher.load()

    def num_outputs(self, tubelet: Tubelet) -> int:
        """Return the width of the teacher, which need not be the encoder's."""
        return self.teacher.outline().embed_dim

    def forward(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Float[Tensor, "b m p"]:
        """Return the teacher's features at ``indices``."""
        return self._answers(self.features(batch.clips), indices)

    def loss(self, prediction: Float[Tensor, "b m p"], answer: Float[Tensor, "b m p"]) -> Float[Tensor, ""]:
        """Return the mean distance over all tokens and the width, in float32 at least."""
        if self.distance == "mse":
            return super().loss(prediction, answer)
        prediction, answer = _precise(prediction), _precise(answer)
        if self.distance == "l1":
            return F.l1_loss(prediction, answer)
        return F.smooth_l1_loss(prediction, answer, beta=self.beta)

    def measures(
        self, prediction: Float[Tensor, "b m p"], answer: Float[Tensor, "b m p"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return ``teacher_std``: the standard deviation over all tokens of the answers, mean over the width.

        It falls to 0 where the teacher says the same of every token. Of normalised features it is at most 1,
        whatever the size of the features before.
        """
        return {"teacher_std": _precise(answer).flatten(0, 1).std(dim=0, correction=0).mean()}

    def baselines(
        self, batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of two trivial answers.

        ``mean_feature`` answers with the mean of the batch's own answers, ``copy_nearest`` with the features
        of the nearest visible token.
        """
        features = self.features(batch.clips)
        answer = self._answers(features, mask.masked)
        copied = self._answers(features, nearest_visible(mask, grid))
        mean = answer.mean(dim=(0, 1), keepdim=True).expand_as(answer)
        return {"mean_feature": self.loss(mean, answer), "copy_nearest": self.loss(copied, answer)}

    def picture(
        self,
        values: Float[Tensor, "b n p"],
        answers: Float[Tensor, "b n p"],
        grid: TokenGrid,
        tubelet: Tubelet,
    ) -> Float[Tensor, "b 3 s h w"]:
        """Paint the three directions in which the answers of the batch differ most, one patch a colour.

        Mid grey is the mean, and full colour is three standard deviations from it along the direction.
        """
        colours = principal_colours(values, reference=answers)
        num_pixels = tubelet.rows * tubelet.columns
        return unpatchify(colours.repeat(1, 1, num_pixels), grid, Tubelet(1, tubelet.rows, tubelet.columns))

    @torch.no_grad()
    def features(self, clips: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b n p"]:
        """Return the teacher's features at all tokens, before the last normalisation.

        Raises:
            ValueError: If the teacher has fewer blocks than ``layers``.
        """
        teacher = self.teacher.encoder(clips.device)
        self._check_layers(teacher)
        if self.layers == 1:
            return _precise(teacher(clips).tokens)
        outputs: list[Tensor] = []

        def keep(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            outputs.append(output)

        hooks = [block.register_forward_hook(keep) for block in list(teacher.blocks)[-self.layers :]]
        try:
            teacher(clips, final_norm=False)
        finally:
            for hook in hooks:
                hook.remove()
        # The class token stands before the others.
        num_tokens = teacher.grid.num_tokens
        return torch.stack([_normalised(_precise(each[:, -num_tokens:])) for each in outputs]).mean(dim=0)

    def _answers(
        self, features: Float[Tensor, "b n p"], indices: Int[Tensor, "b m"]
    ) -> Float[Tensor, "b m p"]:
        chosen = gather_tokens(features, indices)
        return _normalised(chosen) if self.normalise else chosen

    def _check_layers(self, teacher: VideoViT) -> None:
        if self.layers > len(teacher.blocks):
            raise ValueError(f"layers is {self.layers}, but the teacher has {len(teacher.blocks)} blocks")


def _geometry(encoder: VideoViT) -> str:
    grid = encoder.grid
    clip = f"{encoder.frames}×{encoder.size}×{encoder.size}"
    return f"clips of {clip} as {grid.time}×{grid.rows}×{grid.columns} tokens"


def _normalised(tokens: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
    return F.layer_norm(tokens, tokens.shape[-1:])


def _precise(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return values.to(torch.promote_types(values.dtype, torch.float32))
