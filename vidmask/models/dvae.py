"""The encoder of DALL-E's discrete VAE, as transformers publishes it with FLAVA: images to codes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

MODEL_TYPE = "flava_image_codebook"

# What transformers leaves out of a config.json where it is the default.
DEFAULTS = {"num_groups": 4, "input_channels": 3, "num_blocks_per_group": 2, "hidden_size": 256}
DEFAULTS |= {"vocab_size": 8192}

POOLED = 3
"""Groups of blocks that halve the resolution: all but the last of the four that transformers builds,
whatever ``num_groups`` says."""

MARGIN = 0.1
"""What keeps pixels from 0 and 1: the dVAE was trained on ``0.8 x + 0.1``, so that their logit is finite."""


class DVAE(nn.Module):
    """The encoder of DALL-E's dVAE around transformers' ``FlavaImageCodebook``. It has no decoder.

    Images come in as RGB in [0, 1]; inside they lie in [0.1, 0.9].

    Args:
        given: Arguments of ``FlavaImageCodebookConfig``; what is missing has its default.

    Raises:
        ValueError: If transformers is not installed.

    Source: DALL-E (arXiv 2102.12092), section 2.1 and its published code; FLAVA (arXiv 2112.04482).
    """

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        check_transformers()
        from transformers import FlavaImageCodebook, FlavaImageCodebookConfig

        settings: dict[str, Any] = DEFAULTS | dict(given or {})
        self.codebook: Any = FlavaImageCodebook(FlavaImageCodebookConfig(**settings))
        self.num_codes: int = settings["vocab_size"]
        self.factor = 2**POOLED

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> Int[Tensor, "b r s"]:
        """Return the most likely code of each ``factor`` × ``factor`` pixels.

        The logits are of float32, as half precision has many ties.
        """
        *before, output = self.codebook.blocks
        features = (1 - 2 * MARGIN) * images + MARGIN
        for block in before:
            features = block(features)
        with torch.autocast(images.device.type, enabled=False):
            return output(features.to(output.conv.weight.dtype)).argmax(dim=1)


def read_dvae_settings(path: Path) -> dict[str, Any]:
    """Return the arguments of ``DVAE`` from the ``config.json`` published with its weights.

    Raises:
        ValueError: If the file describes another model.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    kind = config.get("model_type") if isinstance(config, Mapping) else None
    if kind != MODEL_TYPE:
        raise ValueError(f"{path} describes a model of type {kind}, and the dVAE of FLAVA is {MODEL_TYPE}")
    settings = DEFAULTS | {name: config[name] for name in DEFAULTS if name in config}
    if settings["input_channels"] != 3:
        raise ValueError(f"{path} describes a model of {settings['input_channels']} channels, clips have 3")
    return settings


def check_transformers() -> None:
    """Make sure that transformers is installed.

    Raises:
        ValueError: That it is not.
    """
    try:
        import transformers  # noqa: F401
    except ImportError:
        raise ValueError("the dVAE of FLAVA needs transformers: pip install 'vidmask[dvae]'") from None
