"""A VQGAN on taming-transformers' own layers: images to codes and back."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from omegaconf import OmegaConf
from taming.modules.diffusionmodules.model import Decoder, Encoder
from taming.modules.vqvae.quantize import VectorQuantizer
from torch import Tensor, nn

COMMITMENT = 0.25
"""Weight of what draws latents to their codes beside what draws codes to their latents.

Deviation: taming-transformers' own quantiser has its ``beta`` at the other term, which its authors call a
mistake that they kept; the weight stands here where the paper (equation 4) and VQ-VAE have it.
"""


class GumbelCodebook(nn.Module):
    """The codebook of a Gumbel VQGAN, whose code is the largest of ``proj``'s logits.

    taming's own quantiser draws from them, in evaluation too, so that two calls give different codes.

    Args:
        num_codes: Size of the codebook.
        z_channels: Channels that the logits are read from.
        embed_dim: Width of a code's embedding.
    """

    def __init__(self, num_codes: int, z_channels: int, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(z_channels, num_codes, 1)
        self.embed = nn.Embedding(num_codes, embed_dim)

    def codes(self, latents: Float[Tensor, "b c h w"]) -> Int[Tensor, "b h w"]:
        """Return the most likely code of each place; in float32, where half precision has many ties."""
        with torch.autocast(latents.device.type, enabled=False):
            return self.proj(latents.to(self.proj.weight.dtype)).argmax(dim=1)


class VQGAN(nn.Module):
    """Encoder, codebook and decoder, under the names that published checkpoints give them.

    Images come in and go out as RGB in [0, 1]; inside they lie in [-1, 1].

    Args:
        num_codes: Size of the codebook.
        embed_dim: Width of a code's embedding.
        ch: Channels of the first level; a multiple of 32, the groups of its group norms.
        ch_mult: Factor of ``ch`` at each level. Each level but the first halves the resolution: five levels
            make one code of 16×16 pixels ("f16").
        num_res_blocks: Residual blocks of a level.
        attn_resolutions: Resolutions at which there is attention, counted from ``resolution``.
        resolution: Side of the images for which ``attn_resolutions`` is meant; others can be encoded too.
        z_channels: Channels before the codebook.
        gumbel: Whether the codebook is that of a Gumbel VQGAN.

    Source: Taming transformers (arXiv 2012.09841), section 3.1 and its published code.
    """

    def __init__(
        self,
        num_codes: int = 1024,
        embed_dim: int = 256,
        ch: int = 128,
        ch_mult: Sequence[int] = (1, 1, 2, 2, 4),
        num_res_blocks: int = 2,
        attn_resolutions: Sequence[int] = (16,),
        resolution: int = 256,
        z_channels: int = 256,
        gumbel: bool = False,
    ) -> None:
        super().__init__()
        if ch < 32 or ch % 32:
            raise ValueError(f"ch must be a multiple of 32, the groups of a group norm, got {ch}")
        settings = {
            "ch": ch,
            "ch_mult": tuple(ch_mult),
            "num_res_blocks": num_res_blocks,
            "attn_resolutions": tuple(attn_resolutions),
            "resolution": resolution,
            "z_channels": z_channels,
        }
        self.num_codes = num_codes
        self.resolution = resolution
        self.is_gumbel = gumbel
        self.factor = pixels_per_code(ch_mult)
        self.settings: dict[str, Any] = {
            "num_codes": num_codes,
            "embed_dim": embed_dim,
            "gumbel": gumbel,
        } | settings
        layers = settings | {"in_channels": 3, "out_ch": 3, "double_z": False}
        # taming's decoder prints its shapes.
        with contextlib.redirect_stdout(io.StringIO()):
            self.encoder = Encoder(**layers)
            self.decoder = Decoder(**layers)
        self.quant_conv = nn.Conv2d(z_channels, embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(embed_dim, z_channels, 1)
        self.quantize = (
            GumbelCodebook(num_codes, embed_dim, embed_dim)
            if gumbel
            else VectorQuantizer(num_codes, embed_dim, COMMITMENT)
        )

    @property
    def codebook(self) -> Float[Tensor, "v d"]:
        """Return the embedding of each code."""
        quantize = self.quantize
        return (quantize.embed if isinstance(quantize, GumbelCodebook) else quantize.embedding).weight

    def latents(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d r s"]:
        """Return what is looked up in the codebook."""
        return self.quant_conv(self.encoder(images * 2 - 1))

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> Int[Tensor, "b r s"]:
        """Return one code for each ``factor`` × ``factor`` pixels."""
        latents = self.latents(images)
        if isinstance(self.quantize, GumbelCodebook):
            return self.quantize.codes(latents)
        return nearest_codes(latents, self.codebook)

    def quantise(
        self, latents: Float[Tensor, "b d r s"]
    ) -> tuple[Float[Tensor, "b d r s"], Float[Tensor, ""], Int[Tensor, "b r s"]]:
        """Return the nearest embeddings, the loss that draws both together, and the codes.

        The gradient of the embeddings passes straight on to the latents.
        """
        codes = nearest_codes(latents, self.codebook)
        # Not by indexing, whose gradient is summed in another order each time.
        nearest = F.embedding(codes, self.codebook).permute(0, 3, 1, 2)
        loss = F.mse_loss(nearest, latents.detach()) + COMMITMENT * F.mse_loss(latents, nearest.detach())
        return latents + (nearest - latents).detach(), loss, codes

    def decode(self, codes: Int[Tensor, "b r s"]) -> Float[Tensor, "b 3 h w"]:
        """Return the images that codes stand for; not clipped."""
        return self.decode_latents(self.codebook[codes].permute(0, 3, 1, 2))

    def decode_latents(self, quantised: Float[Tensor, "b d r s"]) -> Float[Tensor, "b 3 h w"]:
        """Return the images that embeddings of codes stand for; not clipped."""
        return (self.decoder(self.post_quant_conv(quantised)) + 1) / 2


def pixels_per_code(ch_mult: Sequence[int]) -> int:
    """Return how many pixels a side of one code stands for; each level but the first halves the image."""
    return 2 ** (len(ch_mult) - 1)


def nearest_codes(latents: Float[Tensor, "b d r s"], codebook: Float[Tensor, "v d"]) -> Int[Tensor, "b r s"]:
    """Return for each place the code whose embedding lies nearest."""
    with torch.autocast(latents.device.type, enabled=False):
        flat, codebook = latents.permute(0, 2, 3, 1).float(), codebook.float()
        # The latent's own square is the same for all codes; left out, it rounds nothing off.
        return (codebook.square().sum(dim=1) - 2 * flat @ codebook.T).argmin(dim=-1)


def resized(images: Float[Tensor, "b 3 h w"], size: tuple[int, int]) -> Float[Tensor, "b 3 r s"]:
    """Resize images; antialiased where they shrink."""
    if tuple(images.shape[2:]) == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the arguments of ``VQGAN`` from a configuration file as published with taming-transformers.

    Raises:
        ValueError: If the file describes no VQGAN, with what it lacks.
    """
    config = OmegaConf.to_container(OmegaConf.load(path))
    model = config.get("model") if isinstance(config, Mapping) else None
    params = model.get("params") if isinstance(model, Mapping) else None
    target = str(model.get("target", "")) if isinstance(model, Mapping) else ""
    try:
        if not isinstance(params, Mapping):
            raise KeyError("model.params")
        layers = params["ddconfig"]
        settings = {name: layers[name] for name in ("ch", "ch_mult", "num_res_blocks", "attn_resolutions")}
        settings |= {"resolution": layers["resolution"], "z_channels": layers["z_channels"]}
        settings |= {"num_codes": params["n_embed"], "embed_dim": params["embed_dim"]}
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{path} describes no VQGAN of taming-transformers: model.params needs embed_dim, n_embed and "
            f"ddconfig, and {error} is missing"
        ) from error
    if layers.get("double_z", False) or layers.get("in_channels", 3) != 3:
        raise ValueError(f"{path} describes a model that is no VQGAN of RGB images: double_z or in_channels")
    return settings | {"gumbel": target.rpartition(".")[2] == "GumbelVQ"}


def load_weights(vqgan: VQGAN, weights: Mapping[str, Tensor], path: Path) -> None:
    """Put weights into a VQGAN; what belongs to its training loss is left aside.

    Raises:
        ValueError: If a weight is missing, not expected or of another shape, with the names.
    """
    given = {name: value for name, value in weights.items() if not name.startswith("loss.")}
    own = vqgan.state_dict()
    faults = {
        "missing": sorted(own.keys() - given.keys()),
        "unexpected": sorted(given.keys() - own.keys()),
        "of another shape": sorted(
            name for name in own.keys() & given.keys() if own[name].shape != given[name].shape
        ),
    }
    told = [
        f"{len(names)} {what}: {', '.join(names[:6])}{' …' * (len(names) > 6)}"
        for what, names in faults.items()
        if names
    ]
    if told:
        raise ValueError(f"{path} does not hold the weights of this VQGAN; {'; '.join(told)}")
    vqgan.load_state_dict(given)
