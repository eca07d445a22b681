"""An encoder with heads that name what a clip shows."""

import re
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from vidmask.models.pooling import Pooling
from vidmask.models.vit import VideoViT


class VideoClassifier(nn.Module):
    """A dense encoder, a pooling, and a linear head for each label.

    Args:
        encoder: The encoder.
        pooling: Makes the pooling from the encoder.
        classes: Number of classes of each label.
        frozen: Whether the encoder is left as it is: it then stays in evaluation mode and has no gradient.
        dropout: Probability that a pooled number is dropped in training, before the heads.
        batch_norm: Whether pooled numbers are standardised over the batch before the heads, without learned
            scale and shift, as MAE's linear probe does (arXiv 2111.06377, appendix A.1). A batch of one
            answer is standardised by the running mean and variance, and leaves them as they are.
        head_std: Standard deviation of the heads' first weights. 2e-5 is that of both papers' fine-tuning:
            MAE-ST draws so, VideoMAE scales 0.02 by 0.001.
        clips_per_answer: Clips that are judged together: a hidden layer of the encoder's width reads the
            pooled vectors of all. A linear head would weigh each clip by itself, and compare none.

    Raises:
        ValueError: If a number is out of range, or there is no label.
    """

    def __init__(
        self,
        encoder: VideoViT,
        pooling: Callable[[VideoViT], Pooling],
        classes: Mapping[str, int],
        *,
        frozen: bool = False,
        dropout: int | float = 0.0,
        batch_norm: bool = False,
        head_std: int | float = 2e-5,
        clips_per_answer: int = 1,
    ) -> None:
        super().__init__()
        if not classes:
            raise ValueError(
                "classes names no label; give each label its number of classes, as in class: 400"
            )
        for name, number in classes.items():
            if not re.fullmatch(r"[\w -]+", name):
                raise ValueError(f"classes: a label may have letters, digits, _, - and spaces, got {name!r}")
            if number < 2:
                raise ValueError(f"classes.{name} must be at least 2, got {number}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {dropout}")
        if head_std < 0:
            raise ValueError(f"head_std must be 0 or more, got {head_std}")
        self.encoder = encoder
        self.pooling = pooling(encoder)
        self.frozen = frozen
        self.clips_per_answer = clips_per_answer
        width = self.pooling.width * clips_per_answer
        self.batch_norm = _BatchNorm(width, affine=False, eps=1e-6) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.comparison = nn.Identity()
        if clips_per_answer > 1:
            self.comparison = nn.Sequential(nn.Linear(width, encoder.embed_dim), nn.GELU())
            width = encoder.embed_dim
        # Not by the bare name, which may be that of something in a module, such as "type".
        self.heads = nn.ModuleDict({_key(name): nn.Linear(width, number) for name, number in classes.items()})
        self.labels = tuple(classes)
        for head in self.heads.values():
            assert isinstance(head, nn.Linear)
            nn.init.trunc_normal_(head.weight, std=head_std) if head_std else nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        if frozen:
            encoder.requires_grad_(False)
        elif self.pooling.norm == "none":
            # Without a use it would have no gradient, for which other ranks would wait.
            encoder.norm.requires_grad_(False)

    def train(self, mode: bool = True) -> "VideoClassifier":
        """Switch between training and evaluation; a frozen encoder stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    @property
    def has_batch_norm(self) -> bool:
        """Return whether pooled numbers are standardised over the batch."""
        return not isinstance(self.batch_norm, nn.Identity)

    def pooled(self, clips: Shaped[Tensor, "b 3 t h w"]) -> Float[Tensor, "a p"]:
        """Return the pooled vectors of each answer's clips, joined; clips are RGB in [0, 1]."""
        norm = self.pooling.norm
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            latents = self.encoder(clips, final_norm=norm == "tokens")
        vectors = self.pooling(latents)
        if norm == "pooled":
            vectors = self.encoder.norm(vectors)
        return vectors.unflatten(0, (-1, self.clips_per_answer)).flatten(1)

    def forward(self, clips: Shaped[Tensor, "b 3 t h w"]) -> dict[str, Float[Tensor, "a c"]]:
        """Return the logits of each label, for each ``clips_per_answer`` clips, RGB in [0, 1]."""
        vectors = self.comparison(self.dropout(self.batch_norm(self.pooled(clips))))
        return {name: self.heads[_key(name)](vectors) for name in self.labels}

    def layer_of(self, name: str) -> int:
        """Return the layer of a parameter, for a learning rate that decays towards the input.

        0 is what embeds tubelets and places them, i + 1 block i, and one more than there are blocks is all
        that comes after. Source: fine-tuning code of MAE-ST and VideoMAE, after BEiT.
        """
        depth = len(self.encoder.blocks)
        where = name.split(".")
        if where[:2] == ["encoder", "blocks"]:
            return int(where[2]) + 1
        first = ("patch_embed", "positions", "cls_token", "cls_position")
        return 0 if where[0] == "encoder" and where[1] in first else depth + 1


class _BatchNorm(nn.BatchNorm1d):
    """Standardises over the batch, but a batch of one, which has no spread of its own, as in evaluation."""

    def forward(self, input: Float[Tensor, "a p"]) -> Float[Tensor, "a p"]:
        """Return the vectors standardised."""
        if len(input) == 1:
            # What is left of a batch whose other videos could not be decoded, or of an epoch.
            return F.batch_norm(input, self.running_mean, self.running_var, eps=self.eps)
        return super().forward(input)


def _key(label: str) -> str:
    return f"label_{label}"
