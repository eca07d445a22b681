"""Masked appearance-motion modelling: an encoder, a regressor, and a decoder for each of two tasks."""

from collections.abc import Callable, Mapping
from typing import Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vidmask.choices import checked_choice
from vidmask.models.latent_decoder import LatentDecoder, MaskedLatents
from vidmask.models.regressor import LatentRegressor
from vidmask.models.vit import Latents, VideoViT
from vidmask.objectives.base import Head, Objective, made_heads
from vidmask.tokens import ClipBatch, TokenMask

DecodersRead = Literal["masked", "all"]


class MAM2(Objective):
    """Predict appearance and motion of the masked tokens, each by a head of its own.

    The regressor predicts the masked tokens' latents from the visible ones', so that the encoder is left to
    encode; the decoders then see the regressed latents and nothing else of the clip.

    Args:
        encoder: The encoder to be trained.
        regressor: Makes the regressor. None leaves it out: one learned token then stands for every masked
            one, and the decoders read the visible latents, as a masked autoencoder's do.
        appearance: Makes the head that predicts appearance; none if None.
        motion: Makes the head that predicts motion; none if None.
        heads: Makes further heads, by the names under which their losses are logged; none if None.
        shared_decoder: Whether the appearance head's decoder serves motion too, whose own is dropped.
        decoders_read: What the decoders read beside the places: the regressed latents of ``masked`` tokens
            (CAE), or the latents of ``all``, which costs more. Without a regressor always ``all``.
        align: Weight of the alignment term, the mean squared error between regressed latents and those
            that the encoder itself gives the masked tokens, which are not trained by it. CAE: 2; MAM2's
            abstract has no such term, and it costs another pass of the encoder, over the masked tokens
            (of ViT-B at a ratio of 0.9 eleven times the pass over the visible ones).

    Raises:
        ValueError: If there is no head, a decoder is of the wrong kind, or the parts do not go together.

    Source: MAM2 (arXiv 2210.05234). Its text cannot be had beyond the abstract, which names encoder,
    regressor and two decoders, VQGAN codes for appearance and RGB difference for motion. Everything else
    is CAE's (arXiv 2202.03026), or ours.
    """

    def __init__(
        self,
        encoder: VideoViT,
        appearance: Callable[[VideoViT], Head] | None,
        motion: Callable[[VideoViT], Head] | None,
        regressor: Callable[[VideoViT], LatentRegressor] | None,
        shared_decoder: bool = False,
        decoders_read: DecodersRead = "masked",
        align: float = 0.0,
        heads: Mapping[str, Callable[[VideoViT], Head]] | None = None,
    ) -> None:
        super().__init__()
        checked_choice("decoders_read", decoders_read, DecodersRead)
        self.encoder = encoder
        self.regressor = None if regressor is None else regressor(encoder)
        self.mask_token = None
        if regressor is None:
            self.mask_token = nn.Parameter(torch.zeros(1, 1, encoder.embed_dim))
            nn.init.normal_(self.mask_token, std=0.02)
        own = {"appearance": appearance, "motion": motion}
        twice = sorted(own.keys() & (heads or {}).keys())
        if twice:
            raise ValueError(
                f"heads of MAM2 are further ones: give {' and '.join(twice)} as such, not in heads"
            )
        given = {name: make for name, make in own.items() if make is not None}
        parts = made_heads(encoder, given | dict(heads or {}))
        self.parts = nn.ModuleDict(parts)
        self.decoders_read_all = decoders_read == "all" or regressor is None
        self.align = align
        _check(parts, has_regressor=regressor is not None, reads_all=decoders_read == "all", align=align)
        self.shares_decoder = shared_decoder
        if shared_decoder:
            if len(given) < 2:
                raise ValueError("shared_decoder needs both heads: set it to false, or give the other head")
            first, other = (cast(LatentDecoder, parts[name].decoder).settings for name in own)
            differing = [name for name in first if first[name] != other[name]]
            if differing:
                told = ", ".join(f"{name} {first[name]} and {other[name]}" for name in differing)
                raise ValueError(
                    f"a shared decoder is one for both heads, appearance and motion, which have {told}"
                )
            # No longer a part, so that it is neither trained nor saved.
            del parts["motion"].decoder

    @property
    def heads(self) -> dict[str, Head]:
        """Return the heads: ``appearance`` and ``motion``, or one of them, and further ones."""
        return cast(dict[str, Head], dict(self.parts.items()))

    def predict(self, batch: ClipBatch, mask: TokenMask) -> dict[str, Float[Tensor, "b m p"]]:
        """Return each head's prediction for the masked tokens."""
        return self._predict(self._encode(batch, mask), mask)

    def forward(self, batch: ClipBatch, mask: TokenMask) -> dict[str, Float[Tensor, ""]]:
        """Return ``loss``, the loss of each head, and ``align`` where it has a weight."""
        latents = self._encode(batch, mask)
        losses = self.losses(self._predict(latents, mask), batch, mask)
        if self.align:
            with torch.no_grad():
                true = self.encoder(batch.clips, mask.masked).tokens
            losses["align"] = F.mse_loss(latents.masked, true)
            losses["loss"] = losses["loss"] + self.align * losses["align"]
        return losses

    def _encode(self, batch: ClipBatch, mask: TokenMask) -> MaskedLatents:
        return self._masked_latents(self.encoder(batch.clips, mask.visible), mask)

    def _masked_latents(self, latents: Latents, mask: TokenMask) -> MaskedLatents:
        if self.regressor is not None:
            masked = self.regressor(latents, mask)
        else:
            assert self.mask_token is not None
            masked = self.mask_token.expand(*mask.masked.shape, -1)
        return MaskedLatents(masked, latents.tokens if self.decoders_read_all else None)

    def _predict(self, latents: MaskedLatents, mask: TokenMask) -> dict[str, Float[Tensor, "b m p"]]:
        if not self.shares_decoder:
            return {name: head(latents, mask) for name, head in self.heads.items()}
        shared = self.heads["appearance"].decoder(latents, mask)
        return {
            name: head.prediction(shared) if name in ("appearance", "motion") else head(latents, mask)
            for name, head in self.heads.items()
        }


def _check(heads: dict[str, Head], *, has_regressor: bool, reads_all: bool, align: float) -> None:
    if not heads:
        raise ValueError("MAM2 needs a head: appearance, motion and heads are all null")
    if align < 0:
        raise ValueError(f"align is a weight of 0 or more, got {align}")
    if align and not has_regressor:
        raise ValueError("the alignment term measures regressed latents: without a regressor set align to 0")
    for name, head in heads.items():
        if not isinstance(head.decoder, LatentDecoder):
            raise ValueError(
                f"the {name} head of MAM2 decodes regressed latents: its decoder is a LatentDecoder, "
                f"got a {type(head.decoder).__name__}"
            )
        if not has_regressor and not len(head.decoder.blocks):
            raise ValueError(
                f"the {name} head has neither a regressor nor a decoder's block before it and so would see "
                "nothing of the clip: give its decoder a depth of at least 1"
            )
        if reads_all and not len(head.decoder.blocks):
            raise ValueError(
                f"decoders_read is 'all', but the {name} head's decoder has no block to read with: "
                "give it a depth of at least 1"
            )
