"""Features as colours: their main directions as red, green and blue."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def principal_colours(
    features: Float[Tensor, "b n p"], reference: Float[Tensor, "c m p"] | None = None
) -> Float[Tensor, "b n 3"]:
    """Paint tokens by the three directions in which features differ most (principal components).

    Mid grey is the mean, and full colour is three standard deviations from it along a direction. Like colours
    are like features; which colour it is means nothing.

    Args:
        features: What is painted.
        reference: Features whose mean and directions are used; those painted if None.

    Returns:
        Red, green and blue in [0, 1], in float32 at least.
    """
    known = _precise(features if reference is None else reference).flatten(0, 1)
    mean = known.mean(dim=0)
    _, sizes, directions = torch.linalg.svd(known - mean, full_matrices=False)
    # Either sign of a direction is one: that of its largest part is chosen.
    largest = directions.abs().argmax(dim=1, keepdim=True)
    directions = (directions * directions.gather(1, largest).sign())[:3]
    deviation = (sizes[:3] / len(known) ** 0.5).clamp(min=1e-12)
    places = (_precise(features) - mean) @ directions.T / deviation
    return (0.5 + F.pad(places, (0, 3 - places.shape[-1])) / 6).clamp(0, 1)


def _precise(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return values.to(torch.promote_types(values.dtype, torch.float32))
