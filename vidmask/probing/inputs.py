"""What read-outs are given: pooled and standardised features, and which of them choices are made on."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


def mean_pool(tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b d"]:
    """Average the tokens of each clip."""
    return tokens.mean(dim=1)


def mean_std_max_pool(tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b 3*d"]:
    """Join mean, standard deviation and maximum over the tokens of each clip, in that order.

    Random features are already strong under maximum pooling, so that this pooling shows what is known
    of a clip beyond its average token. The standard deviation is that of the tokens themselves
    (divided by n).
    """
    return torch.cat([tokens.mean(dim=1), tokens.std(dim=1, correction=0), tokens.amax(dim=1)], dim=1)


def frame_differences(clips: Float[Tensor, "b 3 t h w"], size: int = 16) -> Float[Tensor, "b d"]:
    """Return differences of successive frames at ``size`` pixels a side: motion without an encoder.

    Neighbours in these tell motion well in simple scenes: a line to print beside a probe of motion.
    """
    frames = clips.transpose(1, 2)
    size = min(size, clips.shape[-1])
    small = functional.interpolate(frames.flatten(0, 1), size=(size, size), mode="area")
    return small.unflatten(0, frames.shape[:2]).diff(dim=1).flatten(1)


def standardise(train: Float[Tensor, "b d"], *others: Float[Tensor, "_ d"]) -> tuple[Tensor, ...]:
    """Shift and scale every feature to mean 0 and standard deviation 1 over the training features.

    Args:
        train: Features whose statistics are used.
        *others: Further features, scaled with the statistics of ``train``.

    Returns:
        All of them in the order given. A feature that is constant over ``train`` is only shifted.
    """
    mean = train.mean(dim=0)
    scale = train.std(dim=0, correction=0)
    # The deviation of a constant feature is rounding noise; dividing by it would make that noise loud.
    constant = scale <= 10 * torch.finfo(train.dtype).eps * train.abs().amax(dim=0)
    scale = scale.masked_fill(constant, 1.0)
    return tuple((features - mean) / scale for features in (train, *others))


def held_out(video: Int[Tensor, " b"], seed: int = 0) -> Bool[Tensor, " b"]:
    """Tell of each feature whether it is of the fifth of the videos that choices are made on."""
    videos = video.cpu().unique()
    # A permutation with a seed of its own: labels may follow each other in a period that a stride would hit.
    order = torch.randperm(len(videos), generator=torch.Generator().manual_seed(seed))
    return torch.isin(video.cpu(), videos[order[: max(1, len(order) // 5)]])


def on_host(features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """Return features on the host, in float64.

    Raises:
        ValueError: If one is not finite.
    """
    if not features.isfinite().all():
        raise ValueError("the features hold values that are not finite: the encoder has diverged")
    return features.detach().to("cpu", torch.float64)
